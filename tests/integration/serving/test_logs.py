"""What a real service writes into its log."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest
from tests.integration.serving.shops import Shop, call, served, until

from recsys.serving.processes import read_processes
from recsys.serving.role import Role, environment_of


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.ship("a")
    with served(shop, log_format="json", log_level="debug", log_requests="all", tenant_rate_per_s=10_000) as running:
        running.answers_from(2)
        yield running


def lines(service):
    return [json.loads(line) for line in (service.shop.root / "service.log").read_text().splitlines()]


def line_about(service, **facts):
    def found():
        return [one for one in lines(service) if facts.items() <= one.items()]

    return until(found, f"a line about {facts}")[-1]


def test_every_line_of_every_process_is_a_document(service):
    service.recommend()
    service.admin("/v1/admin/tenants/demo/config")
    line_about(service, process="admin", route="/v1/admin/tenants/{tenant}/config")
    for line in lines(service):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"])
        assert line["level"] in ("debug", "info", "warning", "error", "critical")
        assert line["logger"].startswith("recsys.")
        assert line["message"]
    assert {line["process"] for line in lines(service)} >= {"follower", "admin"}


def test_a_request_is_a_line_with_what_became_of_it(service):
    answer = service.recommend(k=3)
    meta = answer.json["meta"]
    line = line_about(service, request_id=meta["request_id"])
    assert line.pop("ms") > 0
    assert line.pop("process") in ("worker-0", "worker-1")
    size = len(json.dumps(answer.json, separators=(",", ":"), ensure_ascii=False).encode())
    for name in ("ts", "message", "logger"):
        line.pop(name)
    assert line == {
        "level": "info",
        "request_id": meta["request_id"],
        "tenant": "demo",
        "surface": "home",
        "method": "POST",
        "route": "/v1/recommend",
        "status": 200,
        "rung": "live",
        "bytes": size,
    }


def test_a_refusal_has_the_id_that_its_problem_names(service):
    answer = service.post("/v1/recommend", {"surface": "home", "k": 0})
    line = line_about(service, request_id=answer.json["request_id"])
    assert (line["status"], line["tenant"]) == (422, "demo")
    answer = service.admin("/v1/admin/tenants/demo/releases/900")
    line = line_about(service, request_id=answer.json["request_id"])
    assert (line["status"], line["tenant"], line["process"]) == (404, "demo", "admin")


def test_nothing_that_a_caller_sent_is_in_the_log(service):
    """Every place of a request is filled with a secret: none may come out."""
    secret, number = "s3cr3t-of-a-caller", iter(range(10_000))
    base, admin = service.process.base_url, service.process.admin_url

    def one() -> str:
        return f"{secret}-{next(number)}"

    headers = ("x_request_id", "user_agent", "referer", "cookie", "authorization", "x_org_id", "x_dev_user_id")
    headers += ("traceparent", "tracestate", "baggage", "x_forwarded_for", "idempotency_key", "if_match", "origin")
    for name in headers:
        for url, key in ((base + "/v1/recommend", service.shop.client), (admin + "/v1/admin/tenants", "")):
            call(url, {"surface": "home"}, x_api_key=key or service.shop.operator, **{name: one()})
    user = {name: one() for name in ("user_id", "anonymous_id", "session_id")}
    bodies = [
        {"surface": one(), "user": user},
        {"surface": "home", "user": {**user, "history": [{"item_id": one(), "event_type": "click"}]}},
        {"surface": "home", "segment": one(), "weights": {one(): 1}, "algorithm": one()},
        {"surface": "home", "candidates": {"include_ids": [one()]}, "constraints": {"required_tags": [one()]}},
        {"surface": "home", one(): 1},
        {"surface": "home", "context": {"now": one()}},
        [one()],
        one(),
    ]
    for path in ("/v1/recommend", "/v1/similar", "/v1/events", "/v1/recommend/batch", "/v1/recommend/validate"):
        for body in bodies:
            service.post(path, body)
        service.post(f"{path}?{one()}={one()}", {"surface": "home"})
        service.post(path, {"requests": [{"surface": one(), "name": one(), "user": user}]})
        call(base + path, raw=one().encode(), method="POST", x_api_key=one())
        call(base + path, method=one().upper())
        call(f"{base}{path}/{one()}")
    event = {"event_id": one(), "item_id": one(), "event_type": "click", "ts": "2026-01-01T00:00:00Z", **user}
    assert service.post("/v1/events", {**event, "request_id": one()}).status == 200
    for path in (f"/{one()}", f"/v1/admin/tenants/{one()}/config", f"/v1/admin/tenants/demo/config?{one()}={one()}"):
        for method in ("GET", "PUT", "POST", one().upper()):
            call(admin + path, [one()], method=method, x_api_key=service.shop.operator, if_match=one())
    service.admin("/v1/admin/tenants/demo/holds", {"reason": one()}, method="POST")
    last = service.recommend().json["meta"]["request_id"]
    line_about(service, request_id=last)
    written = (service.shop.root / "service.log").read_text()
    assert secret not in written.lower()
    for kept in (service.shop.client, service.shop.operator):
        assert kept not in written


def test_a_process_that_dies_of_an_error_says_so_in_a_document(tmp_path):
    shop = Shop(tmp_path)
    (tmp_path / "host").write_text("a file where the host directory should be")
    role = Role(name="follower", run="r", parent=os.getpid(), settings=shop.settings(log_format="json"))
    done = subprocess.run(
        [sys.executable, "-m", "recsys.serving.follower"], env=environment_of(role), capture_output=True, check=False
    )
    (line,) = [json.loads(one) for one in done.stderr.splitlines()]
    assert done.returncode == 1
    assert (line["level"], line["process"], line["error"]["type"]) == ("critical", "follower", "FileExistsError")
    assert "Traceback" in line["error"]["stack"]


def test_every_line_of_the_command_is_a_document_too(tmp_path):
    shop = Shop(tmp_path)
    environment = {"RECSYS_SERVE_LOG_FORMAT": "json", "RECSYS_SERVE_ADMIN_PORT": "0"}
    command = [sys.executable, "-m", "recsys", "--store", shop.address, "serve", "--port", "0"]
    with (tmp_path / "service.log").open("wb") as log:
        serving = subprocess.Popen(
            [*command, "--host-dir", str(tmp_path / "host")],
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: b"answering on" in (tmp_path / "service.log").read_bytes(), "a service")
        finally:
            serving.terminate()
            ended = serving.wait(30)
    said = [json.loads(line) for line in (tmp_path / "service.log").read_text().splitlines()]
    assert ended == 0
    assert [line["process"] for line in said if line["message"].startswith("answering on")] == ["supervisor"]


def test_with_errors_alone_a_good_answer_is_no_line_and_a_429_is_one(tmp_path):
    shop = Shop(tmp_path)
    shop.ship("a")
    with served(shop, workers=1, log_format="json", log_requests="errors", tenant_rate_per_s=1) as running:
        until(lambda: running.recommend().status == 200, "an answer")
        refused = until(lambda: (one := running.recommend()).status == 429 and one, "a refusal")
        line = line_about(running, request_id=refused.json["request_id"])
        assert (line["status"], line["level"], line["tenant"]) == (429, "warning", "demo")
        assert {one["status"] for one in lines(running) if "status" in one} <= {429, 503}  # it was not ready at first


@pytest.mark.long
def test_text_is_for_people_and_has_the_same_facts(tmp_path):
    shop = Shop(tmp_path)
    shop.ship("a")
    with served(shop, workers=1, log_requests="all") as running:
        request_id = running.answers_from(2).json["meta"]["request_id"]
        log = tmp_path / "service.log"
        found = until(lambda: re.findall(rf"^.*{request_id}.*$", log.read_text(), re.MULTILINE), "a line")
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,\d{{3}} worker-0 INFO POST /v1/recommend 200 in [\d.]+ ms "
        rf"\[request_id={request_id} tenant=demo surface=home method=POST .* rung=live bytes=\d+\]",
        found[0],
    )


CLOSED = ["sh", "-c", 'exec "$@" 2>&-', "sh"]


@contextmanager
def nowhere(how):
    """Open a standard error that does not take lines."""
    if how == "a full disk":
        ends = [os.open("/dev/full", os.O_WRONLY)]
    elif how == "closed":
        ends = [os.open(os.devnull, os.O_WRONLY)]
    else:
        reading, writing = os.pipe()
        ends = [writing, reading] if how == "a pipe nobody reads" else [writing]
        if how == "a pipe nobody holds":
            os.close(reading)
    try:
        yield ends[0]
    finally:
        for end in ends:
            os.close(end)


@pytest.mark.long
@pytest.mark.parametrize("how", ["a full disk", "closed", "a pipe nobody reads", "a pipe nobody holds"])
def test_whatever_takes_the_log_every_answer_is_served(tmp_path, how):
    shop = Shop(tmp_path)
    shop.ship("a")
    settings = shop.settings(workers=1, log_requests="all")
    role = Role(name="supervisor", run="", parent=os.getpid(), settings=settings)
    command = [*(CLOSED if how == "closed" else []), sys.executable, "-m", "recsys.serving.supervisor"]
    with nowhere(how) as stderr:
        supervisor = subprocess.Popen(command, env=environment_of(role), stderr=stderr)
        try:
            seen = until(lambda: read_processes(tmp_path / "host" / "processes.json"), "a service")
            base = f"http://{seen.host}:{seen.port}"
            until(lambda: call(base + "/readyz").status == 200, "ready")
            for _ in range(600):  # 100 kB of lines: more than a pipe holds
                assert call(f"{base}/v1/recommend", {"surface": "home"}, x_api_key=shop.client).status == 200
            seen = read_processes(tmp_path / "host" / "processes.json")
            assert {child.restarts for child in seen.children.values()} == {0}
            supervisor.terminate()
            assert supervisor.wait(30) == 0
        finally:
            supervisor.kill()
            supervisor.wait()
