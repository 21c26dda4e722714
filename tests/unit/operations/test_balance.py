"""The arms of what runs against the shares they were meant to get, and joins, day by day."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.unit.operations.incidents import NOW_S, Incident

from recsys.encoding import canonical
from recsys.events.observed import Observed
from recsys.operations.balance import Balance, balances

DAY_S = 86_400.0
NIGHT_S = NOW_S - NOW_S % DAY_S
"""The midnight before now."""
FIRST_S = NIGHT_S - 6 * DAY_S


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    made = Incident(tmp_path)
    made.ship()
    return made


def arms(
    experiment: str,
    share: float,
    *,
    first: int = 0,
    people: int = 1_000_000,
    names: tuple[str, str] = ("candidate", "control"),
) -> Callable[[int], Mapping[str, str]]:
    """Put this share of units into the first arm; units are numbered on from ``first``."""

    def of(number: int) -> dict[str, str]:
        person = first + number % people
        variant = names[0] if person % 100 < 100 * share else names[1]
        return {
            "experiment_id": experiment,
            "experiment_variant": variant,
            "unit_id": f"u{person}",
            "unit_type": "anonymous_id",
        }

    return of


def candidate(incident: Incident, share: float = 0.5) -> str:
    served = incident.releases.current().surfaces["home"].manifest
    began = incident.releases.candidates.start("home", share=share, manifest=served).release.generation
    return f"home-{began}"


def seen(incident: Incident) -> tuple[Balance, ...]:
    with Observed(incident.store, "demo", since_s=FIRST_S) as observed:
        return balances(incident.releases, observed, since_s=FIRST_S)


def serve_day(incident: Incident, day: int, answers: int, share: float, name: str, **how: int) -> None:
    incident.at(FIRST_S + day * DAY_S)
    incident.serve(answers, arms=arms(name, share, first=day * 100_000, **how))


def test_nothing_runs_and_nothing_is_said(incident: Incident) -> None:
    incident.serve(10)
    assert seen(incident) == ()


def test_a_split_as_meant_is_balanced_on_every_day(incident: Incident) -> None:
    name = candidate(incident)
    for day in range(3):
        serve_day(incident, day, 300, 0.5, name)
    (found,) = seen(incident)
    assert (found.experiment, found.kind, found.state) == (name, "candidate", "balanced")
    assert [dict(day.units) for day in found.days] == [
        {"control": 150 * day, "candidate": 150 * day} for day in (1, 2, 3)
    ]
    assert min(day.p_sequential for day in found.days) > 0.5
    assert found.sentence.startswith("Of 900 units: control 50% (meant 50%), candidate 50% (meant 50%).")


def test_a_split_that_chance_does_not_make_is_told_with_the_day_by_which_it_was_seen(incident: Incident) -> None:
    name = candidate(incident)
    serve_day(incident, 0, 400, 0.5, name)
    serve_day(incident, 1, 1000, 0.3, name)
    serve_day(incident, 2, 400, 0.5, name)
    (found,) = seen(incident)
    assert found.state == "mismatch"
    first, second, third = found.days
    assert first.p_sequential > 0.001 > second.p_sequential
    assert third.p_sequential <= second.p_sequential, "what is lost does not come back"
    assert f"seen by {second.day}" in found.sentence


def test_what_an_evaluation_would_hold_on_and_daily_looks_are_not_sure_of_is_doubtful(incident: Incident) -> None:
    name = candidate(incident)
    serve_day(incident, 0, 400, 0.5, name)
    serve_day(incident, 1, 400, 0.35, name)
    (found,) = seen(incident)
    assert found.state == "doubtful"
    assert found.days[-1].p < 0.001 < found.days[-1].p_sequential
    assert "An evaluation made now would hold" in found.sentence


def test_a_unit_counts_once_and_one_in_two_arms_is_told(incident: Incident) -> None:
    name = candidate(incident)
    serve_day(incident, 0, 200, 0.5, name, people=100)
    incident.at(FIRST_S + DAY_S)
    incident.serve(100, arms=arms(name, 0.6))
    (found,) = seen(incident)
    assert sum(found.days[-1].units.values()) == 100
    assert len(found.days) == 1
    assert found.crossed == 10


def test_units_count_from_where_the_share_was_last_changed(incident: Incident) -> None:
    name = candidate(incident, 0.1)
    serve_day(incident, 0, 500, 0.1, name)
    changed = incident.releases.candidates.start("home", share=0.5).release.generation
    serve_day(incident, 1, 500, 0.5, name)
    incident.block("one", ["i01"])  # what is not the candidate's changes nothing
    (found,) = seen(incident)
    assert (found.since_generation, found.state) == (changed, "balanced")
    assert [sum(day.units.values()) for day in found.days] == [500]


def test_a_candidate_that_ended_is_not_judged(incident: Incident) -> None:
    name = candidate(incident)
    serve_day(incident, 0, 300, 0.1, name)
    incident.releases.candidates.abort("home")
    assert seen(incident) == ()


def test_an_arm_that_nobody_was_to_get_is_a_mismatch(incident: Incident) -> None:
    name = candidate(incident, 1.0)
    serve_day(incident, 0, 300, 0.9, name)
    (found,) = seen(incident)
    assert (found.state, found.sentence) == ("mismatch", "control got 30 units and was to get none.")


def experiments(incident: Incident, **how: object) -> None:
    variants = (
        {"bold": {"share": 0.8}, "shy": {"share": 0.2}} if how.get("type", "ab") == "ab" else {"bold": {}, "shy": {}}
    )
    asked = {"type": "ab", "variants": variants, "unit": "anonymous_id", **how}
    incident.releases.put_config(canonical({"surfaces": {"home": {"experiments": {"colours": asked}}}}), reason="test")


def test_an_experiment_of_the_config_is_judged_by_the_shares_of_its_variants(incident: Incident) -> None:
    experiments(incident, share=0.1)
    serve_day(incident, 0, 300, 0.8, "colours", names=("bold", "shy"))  # type: ignore[arg-type]
    experiments(incident, share=0.5)  # more people come in, and fall into the arms as before
    serve_day(incident, 1, 300, 0.8, "colours", names=("bold", "shy"))  # type: ignore[arg-type]
    (found,) = seen(incident)
    assert (found.kind, found.state, found.meant) == ("experiment", "balanced", {"bold": 0.8, "shy": 0.2})
    assert sum(found.days[-1].units.values()) == 600


def test_an_interleaving_has_no_split_and_says_so(incident: Incident) -> None:
    experiments(incident, type="interleave")
    (found,) = seen(incident)
    assert (found.state, found.days) == ("not_split", ())


def test_before_anybody_came_nothing_is_known(incident: Incident) -> None:
    candidate(incident)
    (found,) = seen(incident)
    assert found.state == "no_units"


def test_joins_are_told_day_by_day(incident: Incident) -> None:
    often = lambda number: number % 2 == 0  # noqa: E731
    incident.at(FIRST_S)
    incident.serve(40, clicks=often)
    incident.at(FIRST_S + 2 * DAY_S)
    incident.serve(40, clicks=often, lost=lambda number: number < 20)
    with Observed(incident.store, "demo", since_s=FIRST_S) as observed:
        good, poor = observed.join_days()
    assert (good.day < poor.day, good.exposures, good.outcomes, good.outcomes_matched) == (True, 40, 20, 1.0)
    assert (good.exposures_with_outcome, poor.exposures, poor.outcomes_matched) == (0.5, 20, 0.5)


def test_what_was_done_on_the_next_day_counts_then_and_its_answer_counts_on_its_own(incident: Incident) -> None:
    incident.at(FIRST_S)
    incident.serve(1)
    late = {"request_id": f"r{FIRST_S:.0f}", "item_id": "i01", "event_type": "click", "ts": "2025-11-20T00:00:01Z"}
    incident.store.objects.create("events/demo/outcomes/dt=2025-11-20/host-0-9.jsonl", canonical(late) + b"\n")
    with Observed(incident.store, "demo", since_s=FIRST_S) as observed:
        first, next_day = observed.join_days()
    assert (first.exposures, first.exposures_with_outcome, first.outcomes_matched) == (1, 1.0, None)
    assert (next_day.exposures_with_outcome, next_day.outcomes, next_day.outcomes_matched) == (None, 1, 1.0)


def test_logs_that_are_not_there_have_no_days(incident: Incident) -> None:
    with Observed(incident.store, "demo", since_s=FIRST_S) as observed:
        assert observed.join_days() == ()
