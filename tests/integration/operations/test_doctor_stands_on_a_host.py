"""The doctor and ``status`` on a host that serves: with the store there, with it away, and with the service dead."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.integration.serving.shops import ITEMS, Served, Shop, served, until

from recsys.encoding import canonical

pytestmark = pytest.mark.long


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.ship("a")
    return made


def _environment(shop: Shop) -> dict[str, str]:
    given = {"RECSYS_STORE": shop.address, "RECSYS_HOST_DIR": str(shop.root / "host"), "RECSYS_SERVE_CONFIRM_S": "1"}
    return {**os.environ, **given, "RECSYS_ACTOR": "night-shift", "NO_COLOR": "1"}


def _recsys(shop: Shop, *words: str) -> tuple[int, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "recsys", *words, "--json"],
        env=_environment(shop),
        cwd=shop.root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def _block_everything(shop: Shop) -> int:
    ids = [f"a-{number:03d}" for number in range(ITEMS)]
    rule = {"id": "recall", "action": "block", "target_type": "item", "item_ids": ids}
    return shop.releases.put_rules(canonical([rule]), reason="product recall").release.generation


def _empty_answers(service: Served, generation: int, answers: int = 60) -> None:
    service.answers_from(generation)
    assert not any(service.recommend().json["items"] for _ in range(answers))


def test_woken_at_night_one_command_and_one_confirmation_mend_it(shop: Shop) -> None:
    with served(shop) as service:
        service.answers_from(2)
        for _ in range(60):
            service.recommend()
        _empty_answers(service, _block_everything(shop))
        ours, theirs = pty.openpty()
        doctor = subprocess.Popen(
            [sys.executable, "-m", "recsys", "doctor", "empty-recs", "--fix"],
            env=_environment(shop),
            stdin=theirs,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.write(ours, b"y\n")
        said, _ = doctor.communicate(timeout=120)
        assert doctor.returncode == 0, said
        assert "rule recall is disabled" in said
        assert "is served by 1 of 1 live hosts" in said
        assert "requests that came back empty get items now" in said
        assert "time will tell:" in said
        assert service.recommend().json["items"]
        os.close(ours)
        os.close(theirs)


def test_one_document_says_what_was_found_pulled_and_verified(shop: Shop) -> None:
    with served(shop) as service:
        service.answers_from(2)
        for _ in range(60):
            service.recommend()
        _empty_answers(service, _block_everything(shop))
        code, found = _recsys(shop, "doctor", "empty-recs", "--fix", "--dry-run")
        assert (code, found["fix"]["pulled"], found["fix"]["verified"]) == (1, False, None)
        assert shop.releases.current().generation == 3
        code, found = _recsys(shop, "doctor", "empty-recs", "--fix")
        assert (code, found["fix"]["pulled"]) == (1, False)  # nobody was there to ask
        code, found = _recsys(shop, "doctor", "empty-recs", "--fix", "--yes")
        assert (code, found["fix"]["pulled"], found["fix"]["verified"]) == (0, True, True)
        assert found["fix"]["change"]["generation"] == 4
        assert [one["what"] for one in found["fix"]["shown"]] == ["served", "answers"]


def test_with_the_store_away_the_host_is_asked_and_users_are_said_to_be_answered(shop: Shop) -> None:
    with served(shop) as service:
        service.answers_from(2)
        shop.take_store_away()
        service.answers_from(2, "last_good")
        code, found = _recsys(shop, "doctor")
        (finding,) = found["findings"]
        assert (code, finding["symptom"], finding["runbook"]) == (
            1,
            "not-ready",
            "docs/runbooks/store-unavailable.md",
        )
        assert "this host goes on: demo generation 2 from last_good" in finding["cause"]
        serving = finding["evidence"]["serving"]["demo"]
        assert (serving["generation"], serving["rung"]) == (2, "last_good")
        assert serving["head_unseen_for_s"] >= 1
        assert found["unseen"][0].startswith("the store: ")
        code, status = _recsys(shop, "status")
        layers = status["tenants"]["demo"]["surfaces"]["home"]
        assert code == 1
        assert {name: layer["state"] for name, layer in layers.items()} == {
            "serving": "degraded",
            "pipelines": "unknown",
            "evaluation": "unknown",
            "releases": "failing",
        }
        told = service.admin("/v1/admin/tenants/demo/doctor").json
        assert told["findings"][0]["cause"].split(";")[1] == finding["cause"].split(";")[1]
        told = service.admin("/v1/admin/tenants/demo/health").json
        assert told["surfaces"]["home"]["serving"]["values"]["rung"] == "last_good"


def test_with_the_store_away_a_bad_release_is_left_by_a_pin_that_is_verified(shop: Shop) -> None:
    with served(shop) as service:
        service.answers_from(2)
        _empty_answers(service, _block_everything(shop))
        shop.take_store_away()
        service.answers_from(3, "last_good")
        code, found = _recsys(shop, "doctor", "empty-recs")
        (finding,) = found["findings"]
        assert (code, finding["lever"], finding["evidence"]["answered_at"]) == (1, "pin", {"2": 1.0})
        assert finding["command"].startswith("recsys pin --tenant demo --generation 2 ")
        code, found = _recsys(shop, "doctor", "empty-recs", "--fix", "--yes")
        assert (code, found["fix"]["verified"]) == (0, True)
        assert until(lambda: service.recommend().json["items"], "items of the pinned generation")


def test_a_forgotten_pin_of_this_host_is_let_go_by_the_named_command(shop: Shop) -> None:
    with served(shop, host_name="web-1") as service:
        service.answers_from(2)
        _recsys(shop, "pin", "--generation", "2")
        shop.ship("b")
        found = until(lambda: _pinned(shop), "the pin to be found", timeout_s=60.0)
        assert found["command"].startswith("recsys unpin --tenant demo ")
        code, found = _recsys(shop, "doctor", "not-ready", "--fix", "--yes")
        assert (code, found["fix"]["verified"]) == (0, True)
        service.answers_from(3)


def _pinned(shop: Shop) -> Any:
    _, found = _recsys(shop, "doctor", "not-ready")
    return next((one for one in found["findings"] if "pinned" in one["cause"]), None)


def test_a_service_that_was_killed_is_told_from_one_that_was_stopped(shop: Shop) -> None:
    with served(shop) as service:
        service.answers_from(2)
        service.process.kill()
        code, found = _recsys(shop, "doctor", "not-ready")
        (finding,) = found["findings"]
        assert code == 1
        assert "it was killed on this host" in finding["cause"]
        assert finding["evidence"]["kept_here"] == [2]
    with served(shop) as service:
        service.answers_from(2)
    _, found = _recsys(shop, "doctor", "not-ready")
    assert "it is stopped on this host" in found["findings"][0]["cause"]


def test_a_follower_that_stands_still_is_named(shop: Shop) -> None:
    with served(shop) as service:
        service.answers_from(2)
        follower = service.process.pid("follower")
        os.kill(follower, signal.SIGSTOP)
        try:
            found = until(lambda: _recsys(shop, "doctor", "not-ready")[1]["findings"], "a finding")
        finally:
            os.kill(follower, signal.SIGCONT)
        assert "the follower has been silent" in found[0]["cause"]


def test_a_tenant_that_asks_too_much_is_named_with_the_setting_to_raise(shop: Shop) -> None:
    with served(shop, workers=1, tenant_rate_per_s=0.01, tenant_burst=3.0) as service:
        for _ in range(20):
            service.recommend()
        code, found = _recsys(shop, "doctor", "limit-exceeded")
        (finding,) = found["findings"]
        assert (code, finding["evidence"]["code"], finding["evidence"]["tenants"]) == (1, "RATE_LIMITED", ["demo"])
        assert finding["evidence"]["refused"] >= 10
        assert "RECSYS_SERVE_TENANT_RATE_PER_S" in finding["next_step"]
