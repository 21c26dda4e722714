"""A profile of a worker that goes on answering."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from tests.integration.serving.shops import Shop, call, served, until

from recsys.cli.app import run
from recsys.serving.host_state import Places
from recsys.serving.profiling import take_profile

SECRET = "nobody-may-read-me"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.ship("a")
    with served(shop, workers=1) as running:
        running.answers_from(2)
        yield running


@contextmanager
def customers(service):
    """People who ask all the time; every one of them must be answered."""
    ended = threading.Event()

    def ask():
        asked = 0
        while not ended.is_set():
            body = {"surface": "home", "k": 5, "user": {"user_id": SECRET}}
            answer = call(f"{service.process.base_url}/v1/recommend", body, x_api_key=service.shop.client)
            assert answer.status == 200
            asked += 1
        return asked

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        yield
        ended.set()
        assert sum(one.result() for one in asking) > 20


def profile_url(service, **query):
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return f"{service.process.admin_url}/v1/admin/tenants/demo/profile?{asked}"


def test_a_profile_names_the_code_that_ranks_and_nobody_waits_for_it(service):
    with customers(service):
        answer = call(profile_url(service, seconds=1, format="text"), method="POST", x_api_key=service.shop.operator)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "recommend" in answer.body.decode()
    assert "ranking/core.py" in answer.body.decode()
    for secret in (SECRET, service.shop.client, service.shop.operator):
        assert secret not in answer.body.decode()
    assert not list(service.process.places.profiles.iterdir())


def test_a_page_and_a_file_for_a_tool_are_whole(service):
    with customers(service):
        page = call(profile_url(service, seconds=0.3), method="POST", x_api_key=service.shop.operator)
        made = call(
            profile_url(service, seconds=0.3, format="speedscope"), method="POST", x_api_key=service.shop.operator
        )
    assert page.headers["content-type"].startswith("text/html")
    assert page.body.startswith(b"<!DOCTYPE html>")
    assert b"<script src" not in page.body
    assert {"profiles", "shared"} <= made.json.keys()


def test_one_at_a_time(service):
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(take_profile, service.process.places, "worker-0", seconds=3.0, format="text")
        until((service.process.places.profiles / "worker-0.wanted").exists, "a profile that is taken")
        second = call(profile_url(service, seconds=1), method="POST", x_api_key=service.shop.operator)
        assert (second.status, second.json["code"]) == (409, "REFUSED")
        assert first.result()


def test_who_may_not_change_anything_gets_none(service):
    answer = call(profile_url(service, seconds=1), method="POST", x_api_key=service.shop.client)
    assert answer.status == 403


def test_a_worker_that_is_not_there_is_told_with_those_that_are(service):
    answer = call(profile_url(service, worker="worker-7"), method="POST", x_api_key=service.shop.operator)
    assert answer.status == 404
    assert "worker-0" in answer.json["next_step"]


def test_the_command_line_asks_on_the_host_without_a_key(service, tmp_path, capsys):
    words = ["profile", "--seconds", "0.3", "--host-dir", str(service.process.places.root)]
    assert run([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["worker"] == "worker-0"
    page = tmp_path / "slow.html"
    assert run([*words, "--format", "html", "--out", str(page)]) == 0
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert run([*words, "--format", "html"]) == 2
    assert "--out" in capsys.readouterr().err


def test_where_no_service_runs_it_is_said(tmp_path, capsys):
    assert run(["profile", "--host-dir", str(tmp_path)]) == 2
    assert "no service runs" in capsys.readouterr().err


def test_what_a_killed_asker_left_is_cleared_when_its_time_is_over(service):
    places = Places(service.process.places.root)
    places.profiles.mkdir(exist_ok=True)
    left = places.profiles / "worker-0.0123"
    left.write_text("an old profile")
    os.utime(left, (1, 1))
    assert take_profile(places, "worker-0", seconds=0.1, format="text")
    assert not left.exists()
