"""``recsys guard`` beside a real service: it promotes, its silence is heard, and another one goes on for it."""

import json
import urllib.request
from pathlib import Path

import pytest
import yaml
from tests.faults.guarding import Market, a_guard, people_at
from tests.integration.serving.shops import Served, served, until

from recsys.operations.health import health
from recsys.releases.guarded import hear_guard

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

CONFIG = {
    "mode": "experiment",
    "experiment": {
        "primary_metrics": ["ctr"],
        "usual_effect": 1.0,
        "guardrails": [{"metric": "empty_rate", "margin": 0.05, "ceiling": 0.2}],
    },
}


def _silent_s(service: Served) -> float:
    with urllib.request.urlopen(service.process.admin_url + "/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith('recsys_guard_silent_seconds{surface="home",tenant="demo"}'):
                return float(line.rpartition(" ")[2])
    return -1.0


def test_a_better_candidate_is_promoted_by_a_guard_that_decides(tmp_path: Path) -> None:
    shop = Market(tmp_path)
    shop.open("home")
    config = tmp_path / "experiment.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    with served(shop, confirm_s=30.0, spool_rotate_s=2.0) as service:
        service.answers_from(shop.releases.current().generation)
        shop.begin("home", blocks="nothing-has-it")
        asking = people_at(service, "home", seed=1, clicks={"candidate": 0.5, "control": 0.2})
        asked = ("--config", str(config), "--decide-every", "5", "--reason", "autumn")
        with asking, a_guard(shop, "home", *asked) as guard:
            said, errors = guard.communicate(timeout=200)
        found = json.loads(said)
        assert (guard.returncode, found["state"]) == (0, "promoted"), errors.decode()
        head = shop.releases.current()
        assert (head.action, head.surfaces["home"].candidate, len(head.evidence)) == ("promote", None, 2)
        assert head.reason.endswith("; autumn")
        assert found["changes"][0]["undo"].endswith(f"releases undo {head.generation} --tenant demo")
        promoted = service.answers_from(head.generation)
        assert "variant" not in promoted.json["meta"]


def test_a_killed_guard_is_heard_to_be_silent_and_the_next_one_goes_on(tmp_path: Path) -> None:
    shop = Market(tmp_path)
    shop.open("home")
    with served(shop, confirm_s=30.0, spool_rotate_s=2.0) as service:
        service.answers_from(shop.releases.current().generation)
        name = shop.begin("home", blocks="rare")
        assert _silent_s(service) == -1.0
        with people_at(service, "home", seed=2):
            with a_guard(shop, "home"):
                until(lambda: hear_guard(shop.store.objects, "demo", name), "the guard to look")

            def silent() -> bool:
                layer = health(shop.store, ["demo"]).tenants["demo"].surfaces["home"].releases
                return layer.state == "degraded" and f"the guard of {name} is silent since" in layer.reasons[0]

            until(silent, "the silence to be told", timeout_s=40.0)
            assert _silent_s(service) > 0.0
            assert shop.runs("home")
            with a_guard(shop, "home") as guard:
                said, errors = guard.communicate(timeout=120)
        assert json.loads(said)["state"] == "aborted", errors.decode()
        assert not shop.runs("home")
        assert _silent_s(service) == -1.0 or until(lambda: _silent_s(service) == -1.0, "no candidate, no guard")
