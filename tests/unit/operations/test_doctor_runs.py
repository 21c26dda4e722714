"""Runs that failed: which check or limit stopped them, with its value; and data that is old, and why."""

import shlex
from pathlib import Path

import pytest
from tests.unit.operations.incidents import NOW_S, Incident

from recsys.encoding import rfc3339
from recsys.pipelines.errors import Exceeded
from recsys.pipelines.report import last_run_key
from recsys.replicas import Replica

_END_OF_DATA_S = 1_795_392_000.0
"""2026-11-23T00:00Z: the window of the shop's manifests ends with the 22nd."""


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    made = Incident(tmp_path)
    made.ship()
    return made


def test_the_check_that_stopped_a_run_is_named_with_value_and_threshold(incident: Incident) -> None:
    by = Exceeded(name="low_volume", seen=0.04, limit=0.2, said="2026-11-22 has 4% of the usual events")
    incident.ran(stage="validate", error="the events failed", error_code="CHECKS_FAILED", stopped_by=(by,))
    (finding,) = incident.doctor().findings
    assert (finding.symptom, finding.command) == ("validation-failed", None)
    assert "low_volume: 2026-11-22 has 4% of the usual events" in finding.cause
    assert finding.evidence["checks"] == {"low_volume": "0.04, threshold 0.2"}
    assert finding.ruled_out[0].startswith("serving: what was live before")
    assert "--force --reason WHY" in (finding.next_step or "")


def test_a_limit_that_stopped_a_run_is_named_with_what_raises_it(incident: Incident) -> None:
    by = Exceeded(name="events", seen=12, limit=10)
    incident.ran(stage="ingest", error="limit exceeded", error_code="LIMIT_EXCEEDED", stopped_by=(by,))
    (finding,) = incident.doctor().findings
    assert finding.symptom == "limit-exceeded"
    assert finding.cause == "the last run stopped at ingest: events 12 > 10"
    assert "limits=Limits(events=12)" in (finding.next_step or "")


def test_asked_for_failed_runs_alone_the_doctor_names_a_stopped_one_too(incident: Incident) -> None:
    incident.ran(stage="validate", error="the events failed. mend the source", error_code="CHECKS_FAILED")
    (finding,) = incident.doctor("pipeline-failed").findings
    assert (finding.symptom, finding.next_step) == ("pipeline-failed", "mend the source")


def test_a_run_that_failed_before_anything_was_ever_served_is_found(tmp_path: Path) -> None:
    never = Incident(tmp_path)
    never.ran(stage="ingest", error="shop.csv:7: no item_id", finished=rfc3339(NOW_S))
    (finding,) = never.doctor("pipeline-failed").findings
    assert "shop.csv:7" in finding.cause


@pytest.mark.parametrize(("hours", "found"), [(1, False), (7, True)])
def test_a_run_without_an_end_is_in_time_taken_for_killed(incident: Incident, hours: int, found: bool) -> None:
    incident.ran(stage="compute")
    diagnosis = incident.doctor("pipeline-failed", now_s=NOW_S - 600 + hours * 3600)
    assert ["was it killed?" in finding.cause for finding in diagnosis.findings] == [True] * found


def test_data_that_was_built_and_not_shipped_is_shipped_by_the_named_command(incident: Incident) -> None:
    manifest = incident.shop.manifest(end="2026-11-24")
    incident.ran(stage="done", finished=rfc3339(NOW_S), manifest=manifest, end="2026-11-24")
    now_s = _END_OF_DATA_S + 30 * 3600
    (finding,) = incident.doctor("stale", now_s=now_s).findings
    words = shlex.split(finding.command or "")
    assert words[:3] == ["recsys", "releases", "ship"]
    incident.releases.ship("home", words[words.index("--manifest") + 1], reason="as the doctor says")
    assert incident.doctor("stale", now_s=now_s).healthy


def test_held_data_names_who_holds_it_and_the_whole_command_to_let_go(incident: Incident) -> None:
    incident.releases.hold(surface="home", levers=("artifacts",), reason="incident 7")
    (finding,) = incident.doctor("stale", now_s=_END_OF_DATA_S + 30 * 3600).findings
    assert "by test: incident 7" in finding.cause
    assert (finding.command or "").startswith("recsys releases resume --tenant demo --surface home --reason ")


def test_fresh_data_that_a_host_does_not_serve_is_the_serving_sides(incident: Incident) -> None:
    old = incident.releases.current().generation
    incident.releases.ship("home", incident.shop.manifest(end="2026-11-24"), reason="nightly run")
    now_s = _END_OF_DATA_S + 50 * 3600
    incident.report(now_s=now_s, a=Replica(generation=old, head=old))
    (finding,) = incident.doctor("stale", now_s=now_s).findings
    assert "newer data is live and not served: a serves 2" in finding.cause
    assert finding.ruled_out == ("pipelines: generation 3 has data until 2026-11-24",)


def test_a_record_of_a_run_that_cannot_be_read_is_a_finding_and_hides_no_other(incident: Incident) -> None:
    incident.ran(stage="ingest", error="no such file. mend the source", error_code="BAD_INPUT")
    incident.store.objects.replace(last_run_key("demo", "pdp"), b"{")
    unread, failed = sorted(incident.doctor().findings, key=lambda one: one.surface or "", reverse=True)
    assert (unread.symptom, unread.surface) == ("pipeline-failed", "pdp")
    assert unread.cause.startswith("the record of the last run cannot be read: runs/demo/pdp.json")
    assert (failed.surface, failed.next_step) == ("home", "mend the source")
