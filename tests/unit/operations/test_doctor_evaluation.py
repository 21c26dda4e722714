"""Logs that nothing should be decided on: what is wrong with them, from the tenant's own event log."""

from pathlib import Path

import pytest
from tests.unit.operations.incidents import Incident

_OFTEN = lambda number: number % 2 == 0  # noqa: E731


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    made = Incident(tmp_path)
    made.ship()
    return made


def test_sound_logs_are_no_finding(incident: Incident) -> None:
    incident.serve(300, clicks=_OFTEN)
    assert incident.doctor("eval-wrong").healthy


def test_outcomes_without_their_exposures_are_found_with_request_ids(incident: Incident) -> None:
    incident.serve(300, clicks=_OFTEN, lost=lambda number: number % 4 == 0)
    (finding,) = incident.doctor("eval-wrong").findings
    assert finding.cause.startswith("low_joins: ")
    assert finding.evidence["outcomes_matched"] == 0.5
    assert finding.evidence["requests"]
    assert (finding.next_step or "").startswith("decide nothing on these logs")


def _arms(experiment_id: str, share: float):  # type: ignore[no-untyped-def]
    def of(number: int) -> dict[str, str]:
        variant = "candidate" if number % 100 < 100 * share else "control"
        unit = {"unit_id": f"u{number}", "unit_type": "anonymous_id"}
        return {"experiment_id": experiment_id, "experiment_variant": variant, **unit}

    return of


@pytest.mark.parametrize(("seen", "found"), [(0.5, False), (0.3, True)])
def test_arms_that_did_not_get_their_shares_are_found(incident: Incident, seen: float, found: bool) -> None:
    served = incident.releases.current().surfaces["home"].manifest
    began = incident.releases.candidates.start("home", share=0.5, manifest=served).release.generation
    incident.serve(1000, clicks=lambda number: number % 10 == 0, arms=_arms(f"home-{began}", seen))
    findings = incident.doctor("eval-wrong").findings
    assert [finding.cause.split(":")[0] for finding in findings] == ["sample_ratio"] * found


def test_a_share_that_was_changed_on_the_way_is_not_called_a_mismatch(incident: Incident) -> None:
    served = incident.releases.current().surfaces["home"].manifest
    began = incident.releases.candidates.start("home", share=0.1, manifest=served).release.generation
    incident.serve(500, clicks=lambda number: number % 10 == 0, arms=_arms(f"home-{began}", 0.1))
    incident.releases.candidates.start("home", share=0.5)
    incident.serve(500, clicks=lambda number: number % 10 == 0, arms=_arms(f"home-{began}", 0.5))
    assert incident.doctor("eval-wrong").healthy


def test_a_candidate_that_has_ended_is_not_judged(incident: Incident) -> None:
    served = incident.releases.current().surfaces["home"].manifest
    began = incident.releases.candidates.start("home", share=0.5, manifest=served).release.generation
    incident.serve(1000, arms=_arms(f"home-{began}", 0.3))
    incident.releases.candidates.abort("home", reason="enough")
    assert incident.doctor("eval-wrong").healthy
