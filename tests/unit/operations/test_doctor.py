"""The doctor names the right cause and the smallest lever, from evidence in the logs."""

import os
import shlex
from pathlib import Path

import pytest
from tests.unit.operations.incidents import NOW_S, Incident
from tests.unit.signals import artifacts

from recsys.operations.doctor import diagnose
from recsys.replicas import Replica

_OFTEN = lambda number: number % 2 == 0  # noqa: E731


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    made = Incident(tmp_path)
    made.ship()
    return made


def test_a_healthy_shop_has_no_findings(incident: Incident) -> None:
    incident.serve(300, clicks=_OFTEN)
    assert incident.doctor("empty-recs", "regressed").healthy


def test_a_rule_that_blocks_everything_is_named_with_the_lever_that_switches_only_it_off(incident: Incident) -> None:
    incident.serve(60)
    incident.block_all()
    incident.serve(60)
    (finding,) = incident.doctor("empty-recs").findings
    assert (finding.symptom, finding.lever) == ("empty-recs", "rules")
    assert shlex.split(finding.command or "")[:4] == ["recsys", "rules", "disable", "everything"]
    assert finding.evidence["empty_rate"] == 1.0
    assert finding.evidence["since_generation"] == incident.releases.current().generation


def test_the_levers_that_did_not_move_are_ruled_out(incident: Incident) -> None:
    incident.serve(60)
    incident.block_all()
    incident.serve(60)
    (finding,) = incident.doctor("empty-recs").findings
    assert [reason.split(":")[0] for reason in finding.ruled_out] == ["config", "artifacts"]


def test_pulling_the_named_lever_cures_it(incident: Incident) -> None:
    incident.serve(60)
    incident.block_all()
    incident.serve(60)
    incident.releases.disable_rule("everything", reason="as the doctor says")
    incident.serve(60)
    assert incident.doctor("empty-recs").healthy


def test_right_after_the_lever_nothing_more_is_pulled(incident: Incident) -> None:
    incident.serve(60)
    incident.block_all()
    incident.serve(60)
    incident.releases.disable_rule("everything", reason="as the doctor says")
    found = incident.doctor("empty-recs")
    assert found.healthy
    assert "home: generation 4 answers what generation 3 did not" in found.unseen[0]


def test_a_change_after_it_that_does_not_help_is_no_cure(incident: Incident) -> None:
    incident.serve(60)
    incident.block_all()
    incident.serve(60)
    incident.releases.put_config(b'{"limits":{"max_k":150}}', reason="a guess")
    (finding,) = incident.doctor("empty-recs").findings
    assert finding.lever == "rules"


def test_a_rule_that_blocks_some_items_is_no_incident(incident: Incident) -> None:
    incident.serve(60)
    incident.block("some", ["i01", "i02"])
    incident.serve(60)
    assert incident.doctor("empty-recs").healthy


def test_a_few_empty_answers_say_nothing(incident: Incident) -> None:
    incident.serve(60)
    incident.block_all()
    incident.serve(5)
    assert incident.doctor("empty-recs").healthy


_REFUSES = Replica(generation=2, head=3, rejected="popularity: a score is not finite")


def test_a_release_that_every_host_refuses_is_rolled_back_to_what_they_serve(incident: Incident) -> None:
    incident.ship(popularity=artifacts.popularity({"i01": 5.0}))
    incident.report(a=_REFUSES, b=_REFUSES)
    (finding,) = incident.doctor("not-ready").findings
    assert finding.lever == "artifacts"
    assert "--to 2" in (finding.command or "")
    assert "a score is not finite" in finding.cause


def test_what_one_host_alone_refuses_is_no_reason_to_roll_all_back(incident: Incident) -> None:
    incident.ship(popularity=artifacts.popularity({"i01": 5.0}))
    incident.report(a=_REFUSES, b=Replica(generation=3, head=3))
    (finding,) = incident.doctor("not-ready").findings
    assert finding.command is None
    assert finding.evidence["hosts"] == ["a"]


@pytest.mark.parametrize(("seconds", "found"), [(10, False), (60, True)])
def test_a_host_that_stays_behind_is_found_and_one_that_loads_is_left_alone(
    incident: Incident, seconds: float, found: bool
) -> None:
    incident.ship(popularity=artifacts.popularity({"i01": 5.0}))
    now_s = NOW_S + seconds
    incident.report(now_s=now_s, a=Replica(generation=2, head=2), b=Replica(generation=3, head=3))
    diagnosis = incident.doctor("not-ready", now_s=now_s)
    assert [finding.evidence["hosts"] for finding in diagnosis.findings] == ([["a"]] if found else [])


def test_a_pin_that_was_forgotten_is_found_and_no_lever_is_named(incident: Incident) -> None:
    incident.ship(popularity=artifacts.popularity({"i01": 5.0}))
    now_s = NOW_S + 3600
    pinned = Replica(generation=2, head=3, pinned=2, rejected="popularity: a score is not finite")
    incident.report(now_s=now_s, a=pinned, b=Replica(generation=3, head=3))
    diagnosis = incident.doctor("not-ready", now_s=now_s)
    (finding,) = diagnosis.findings
    assert finding.cause == "an operator pinned a to 2, so generation 3 is not served there"
    assert finding.command is None
    assert "on a: recsys unpin --tenant demo" in (finding.next_step or "")


def test_a_surface_that_is_not_served_any_more_is_found(incident: Incident) -> None:
    incident.releases.undo(2, reason="taken back by mistake")
    (finding,) = incident.doctor().findings
    assert finding.cause.startswith("nothing is served on home since generation 3")
    command = shlex.split(finding.command or "")
    assert command[command.index("--to") + 1] == "2"
    incident.releases.rollback("artifacts", surface="home", to=2, reason="as the doctor says")
    assert incident.doctor("empty-recs").healthy


@pytest.mark.parametrize("kinds", [True, False], ids=["routes named", "older records"])
def test_answers_of_similar_items_in_the_log_disturb_no_diagnosis(incident: Incident, kinds: bool) -> None:
    incident.serve(60, similar_too=True, kinds=kinds)
    incident.block_all()
    incident.serve(60, similar_too=True, kinds=kinds)
    (finding,) = incident.doctor("empty-recs").findings
    assert (finding.symptom, finding.lever) == ("empty-recs", "rules")


def test_a_host_that_stopped_following_a_forked_log_is_told_with_its_reason(incident: Incident) -> None:
    forked = Replica(generation=2, head=2, problem="LOG_FORKED: the log of demo has another generation 2")
    incident.report(a=forked)
    (finding,) = incident.doctor("not-ready").findings
    assert "LOG_FORKED" in finding.cause
    assert finding.command is None


def test_what_was_prepared_for_replays_goes_with_the_next_diagnosis_ten_minutes_later(incident: Incident) -> None:
    incident.serve(60)
    incident.block_all()
    incident.serve(60)
    incident.doctor("empty-recs")
    prepared = list(incident.cache.glob("snapshots/demo/*"))
    assert len(prepared) >= 3
    for path in incident.cache.rglob("*"):
        os.utime(path, (0, 0))
    incident.doctor("stale")
    assert not list(incident.cache.glob("*/demo/*"))


def test_nobody_was_heard_for_long_is_found_and_a_short_silence_is_not(incident: Incident) -> None:
    incident.report(a=Replica(generation=2, head=2))
    assert incident.doctor("not-ready", now_s=NOW_S + 60).healthy
    (finding,) = incident.doctor("not-ready", now_s=NOW_S + 3600).findings
    assert finding.cause == "nobody serves demo: every host fell silent; no host was heard for 3600 s"
    assert list(finding.evidence["last_heard"]) == ["a"]


def test_a_finding_without_a_command_says_what_to_do(incident: Incident) -> None:
    incident.serve(60)
    incident.ran(stage="ingest", error="shop.csv:7: no item_id")
    incident.report(a=Replica(generation=1, head=2, rejected="popularity: a score is not finite"))
    incident.serve(60, latency_ms=90.0)
    findings = incident.doctor(now_s=NOW_S + 1).findings
    assert {finding.symptom for finding in findings} >= {"latency", "not-ready", "pipeline-failed"}
    assert not [finding.cause for finding in findings if not (finding.command or finding.next_step)]


def test_answers_of_generations_that_the_log_lacks_are_named_and_disturb_no_diagnosis(incident: Incident) -> None:
    """The store was put back from a backup, and the log of answers is younger than its releases."""
    incident.serve(300, clicks=_OFTEN)
    objects = incident.store.objects
    for key in list(objects.keys("events/demo/exposures/")):
        younger = objects.read(key).replace(b'"generation":"2"', b'"generation":"9"')
        objects.create(key.replace("host-0", "host-1"), younger.replace(b'"request_id":"r', b'"request_id":"q'))
    found = incident.doctor()
    assert [finding.symptom for finding in found.findings] == []
    assert any("answers of generations after 2" in said for said in found.unseen)


@pytest.mark.parametrize("lost", ["config", "manifest", "record"])
def test_what_one_tenant_lost_is_a_finding_and_hides_nothing_of_another(incident: Incident, lost: str) -> None:
    incident.another_tenant()
    incident.serve(100)
    incident.lose(lost)
    found = diagnose(incident.store, ["demo", "other"], cache=incident.cache, window_s=86_400.0, now_s=NOW_S)
    (damaged,) = {one.next_step: one for one in found.findings if one.tenant == "demo"}.values()
    assert (damaged.symptom, damaged.runbook) == ("not-ready", "docs/runbooks/restore-from-backup.md")
    assert str(damaged.next_step).endswith("recsys releases verify --tenant demo")
    assert "pipeline-failed" in [one.symptom for one in found.findings if one.tenant == "other"]
