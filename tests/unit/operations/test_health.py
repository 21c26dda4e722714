"""The health model: each layer's state follows from what the store holds, with its reason."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.operations.incidents import NOW_S, Incident

from recsys.encoding import rfc3339
from recsys.operations.health import health
from recsys.operations.layers import Layer, judge
from recsys.pipelines.report import LastRun, last_run_key, record_run
from recsys.releases.guarded import Guarded, tell_guard
from recsys.replicas import Heartbeat, Replica, write_heartbeat

_NOW_S = NOW_S + 86_400 * 364  # a few hours after the end of the shop's data window


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    made = Incident(tmp_path)
    made.ship()
    return made


def _beat(incident: Incident, *, age_s: float = 1.0, generation: int = 2, **more: Any) -> None:
    replica = Replica(generation=generation, head=2, unconfirmed_s=0.1, **more)
    at = rfc3339(_NOW_S - age_s)
    write_heartbeat(incident.store.objects, Heartbeat(host="web-1", at=at, format=1, tenants={"demo": replica}))


def _layer(incident: Incident, name: str) -> Layer:
    found = health(incident.store, ["demo"], window_s=400 * 86_400.0, now_s=_NOW_S)
    layer: Layer = getattr(found.tenants["demo"].surfaces["home"], name)
    return layer


def test_a_host_that_serves_the_newest_generation_is_healthy(incident: Incident) -> None:
    _beat(incident)
    assert _layer(incident, "serving").state == "healthy"


def test_without_a_word_from_any_host_serving_is_unknown(incident: Incident) -> None:
    assert _layer(incident, "serving").state == "unknown"


def test_a_host_that_fell_silent_does_not_count(incident: Incident) -> None:
    _beat(incident, age_s=120)
    assert _layer(incident, "serving").state == "unknown"


def test_a_host_behind_is_named(incident: Incident) -> None:
    _beat(incident, generation=1)
    layer = _layer(incident, "serving")
    assert layer.state == "degraded"
    assert "web-1" in layer.reasons[0]


def test_a_pinned_host_is_named_as_pinned_and_not_as_behind(incident: Incident) -> None:
    _beat(incident, generation=1, pinned=1)
    layer = _layer(incident, "serving")
    assert layer.state == "degraded"
    assert layer.reasons == ("pinned by an operator: web-1 to 1; let go there with: recsys unpin --tenant demo",)


def test_a_refused_release_is_degraded_with_the_hosts_reason(incident: Incident) -> None:
    _beat(incident, generation=1, rejected="popularity: a score is not finite")
    layer = _layer(incident, "serving")
    assert layer.state == "degraded"
    assert "a score is not finite" in layer.reasons[0]


def test_empty_answers_fail_serving(incident: Incident) -> None:
    _beat(incident)
    incident.block_all()
    incident.serve(60)
    assert _layer(incident, "serving").state == "failing"


@pytest.mark.parametrize(("hours", "state"), [(1, "healthy"), (25, "degraded"), (49, "failing")])
def test_data_older_than_its_objective_degrades_and_then_fails(incident: Incident, hours: int, state: str) -> None:
    end_of_data_s = 1_795_392_000.0  # 2026-11-23T00:00Z: the window ends with the 22nd
    found = health(incident.store, ["demo"], now_s=end_of_data_s + hours * 3600)
    assert found.tenants["demo"].surfaces["home"].pipelines.state == state


def test_a_failed_run_is_said(incident: Incident) -> None:
    run = LastRun(
        tenant="demo", surface="home", stage="ingest", started=rfc3339(_NOW_S), error="shop.csv:7: no item_id"
    )
    record_run(incident.store, run)
    assert "shop.csv:7" in _layer(incident, "pipelines").reasons[-1]


def test_outcomes_without_their_exposure_degrade_evaluation(incident: Incident) -> None:
    incident.serve(100, clicks=lambda _number: True)
    lines = b"".join(
        b'{"request_id":"lost-%d","item_id":"i01","event_type":"click","ts":"2025-11-24T15:00:00Z"}\n' % n
        for n in range(10)
    )
    incident.store.objects.create("events/demo/outcomes/dt=2025-11-24/host-9-1.jsonl", lines)
    layer = _layer(incident, "evaluation")
    assert layer.state == "degraded"
    assert layer.values["outcomes_matched"] == pytest.approx(100 / 110, abs=1e-4)


def test_no_answers_leave_evaluation_unknown(incident: Incident) -> None:
    assert _layer(incident, "evaluation").state == "unknown"


def test_a_hold_is_said_with_who_and_how_to_let_go(incident: Incident) -> None:
    incident.releases.hold(surface="home", levers=("artifacts",), reason="incident 7")
    (reason,) = _layer(incident, "releases").reasons
    for fact in ("incident 7", "by test", "recsys releases resume --tenant demo --surface home"):
        assert fact in reason


def test_a_guard_that_fell_silent_is_said_with_the_command_that_starts_it_again(
    incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = incident.releases.candidates.start(
        "home", share=0.5, rules=b'[{"id": "none", "action": "block", "item_ids": ["i01"], "surface": "home"}]'
    )
    assert _layer(incident, "releases").state == "healthy"  # nobody ever guarded it
    name = f"home-{begun.release.generation}"
    said = Guarded(
        tenant="demo", surface="home", candidate=name, at="2026-11-22T08:00:00Z", state="paused", why="", every_s=5.0,
        actor="you", again="recsys guard --tenant demo --surface home",
    )  # fmt: skip
    tell_guard(incident.store.objects, said)
    assert _layer(incident, "releases").values["guard"] == "paused"
    assert _layer(incident, "releases").state == "healthy"
    now_s = incident.store.objects.now_s()
    monkeypatch.setattr(incident.store.objects, "_clock", lambda: now_s + 60)
    layer = _layer(incident, "releases")
    assert layer.state == "degraded"
    assert layer.reasons == (
        f"the guard of {name} is silent since 2026-11-22T08:00:00Z; "
        "again with: recsys guard --tenant demo --surface home",
    )
    tell_guard(incident.store.objects, replace(said, state="left"))
    monkeypatch.setattr(incident.store.objects, "_clock", lambda: now_s + 120)
    assert _layer(incident, "releases").state == "healthy"


def test_a_hold_of_another_surface_is_none_of_its_business(incident: Incident) -> None:
    incident.releases.hold(surface="pdp", levers=("artifacts",), reason="incident 7")
    assert _layer(incident, "releases").state == "healthy"


def test_a_candidate_that_runs_is_no_trouble_and_is_named(incident: Incident) -> None:
    assert _layer(incident, "releases").values["candidate"] is None
    served = incident.releases.current().surfaces["home"].manifest
    began = incident.releases.candidates.start("home", share=0.1, manifest=served).release.generation
    layer = _layer(incident, "releases")
    assert (layer.state, layer.values["candidate"]) == ("healthy", {"name": f"home-{began}", "share": 0.1})


@pytest.mark.parametrize(
    ("held", "state"),
    [
        ([], "healthy"),
        (["unknown"], "unknown"),
        (["unknown", "degraded"], "degraded"),
        (["failing", "degraded"], "failing"),
    ],
)
def test_the_worst_finding_is_the_state_of_a_layer(held: list[Any], state: str) -> None:
    assert judge({}, *((True, one, "why") for one in held)).state == state


@pytest.mark.parametrize(("hours", "state"), [(1, "healthy"), (7, "degraded")])
def test_a_run_without_an_end_is_in_time_taken_for_killed(incident: Incident, hours: int, state: str) -> None:
    end_of_data_s = 1_795_392_000.0
    now_s = end_of_data_s + 10 * 3600
    run = LastRun(tenant="demo", surface="home", stage="compute", started=rfc3339(now_s - hours * 3600))
    record_run(incident.store, run)
    found = health(incident.store, ["demo"], now_s=now_s)
    assert found.tenants["demo"].surfaces["home"].pipelines.state == state


@pytest.mark.parametrize(("lost", "surface"), [("config", "home"), ("manifest", "home"), ("record", "")])
def test_what_one_tenant_lost_fails_its_releases_and_hides_nothing_of_another(
    incident: Incident, lost: str, surface: str
) -> None:
    incident.another_tenant()
    incident.lose(lost)
    found = health(incident.store, ["demo", "other"], window_s=400 * 86_400.0, now_s=_NOW_S)
    (damaged,) = found.tenants["demo"].surfaces.items()
    assert (damaged[0], damaged[1].releases.state) == (surface, "failing")
    assert damaged[1].releases.reasons[0].endswith("recsys releases verify --tenant demo")
    assert found.tenants["other"].surfaces == {}  # as always where nothing was shipped


def test_a_record_of_a_run_that_cannot_be_read_degrades_pipelines_alone(incident: Incident) -> None:
    _beat(incident)
    incident.store.objects.replace(last_run_key("demo", "home"), b"{")
    layer = _layer(incident, "pipelines")
    assert (layer.state, layer.values["last_run"]) == ("degraded", "not readable")
    assert any("the record of the last run cannot be read" in reason for reason in layer.reasons)
    assert _layer(incident, "serving").state == "healthy"
