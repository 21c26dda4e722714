"""Fewer clicks, or far fewer items, since a change: which change, which lever, and not because it is Saturday."""

import shlex
from pathlib import Path

import pytest
from tests.unit.operations.incidents import NOW_S, Incident
from tests.unit.signals import artifacts
from tests.unit.snapshot.shops import POPULARITY

_OFTEN = lambda number: number % 2 == 0  # noqa: E731
_SELDOM = lambda number: number % 6 == 0  # noqa: E731
_DAY_S = 86_400.0
_SATURDAY_S = NOW_S - 2 * _DAY_S


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    made = Incident(tmp_path)
    made.ship()
    return made


def test_a_fall_of_clicks_after_new_artifacts_names_them_and_the_generation_to_go_back_to(incident: Incident) -> None:
    incident.serve(400, clicks=_OFTEN)
    good = incident.releases.current().generation
    incident.ship(popularity=artifacts.popularity({item: 100.0 - score for item, score in POPULARITY.items()}))
    incident.serve(400, clicks=_SELDOM)
    (finding,) = incident.doctor("regressed").findings
    assert (finding.symptom, finding.lever) == ("regressed", "artifacts")
    words = shlex.split(finding.command or "")
    assert words[words.index("--to") + 1] == str(good)
    assert words[words.index("--surface") + 1] == "home"
    assert finding.evidence["ctr_before"] == 0.5
    assert finding.evidence["overlap_with_it_put_back"] == {"artifacts": 1.0}


def test_the_rolled_back_surface_is_healthy_again(incident: Incident) -> None:
    incident.serve(400, clicks=_OFTEN)
    incident.ship(popularity=artifacts.popularity({item: 100.0 - score for item, score in POPULARITY.items()}))
    incident.serve(400, clicks=_SELDOM)
    incident.releases.rollback("artifacts", surface="home", reason="as the doctor says")
    incident.serve(400, clicks=_OFTEN)
    assert incident.doctor("regressed").healthy


def test_a_fall_of_clicks_after_a_rule_names_the_rules(incident: Incident) -> None:
    incident.serve(400, clicks=_OFTEN)
    incident.block("best", ["i17", "i16", "i15", "i14"])
    incident.serve(400, clicks=_SELDOM)
    (finding,) = incident.doctor("regressed").findings
    assert finding.lever == "rules"


def test_when_two_levers_moved_the_one_that_moved_the_lists_is_named(incident: Incident) -> None:
    incident.serve(400, clicks=_OFTEN)
    incident.releases.put_config(b'{"limits":{"max_k":150}}', reason="harmless")
    incident.ship(popularity=artifacts.popularity({item: 100.0 - score for item, score in POPULARITY.items()}))
    incident.serve(400, clicks=_SELDOM)
    (finding,) = incident.doctor("regressed").findings
    assert finding.lever == "artifacts"
    assert finding.evidence["overlap_with_it_put_back"]["config"] < 0.9


def test_noise_is_not_called_a_regression(incident: Incident) -> None:
    incident.serve(400, clicks=lambda number: number % 10 < 5)
    incident.ship(popularity=artifacts.popularity({item: score + 1 for item, score in POPULARITY.items()}))
    incident.serve(400, clicks=lambda number: number % 100 < 46)
    assert incident.doctor("regressed").healthy


def test_one_person_who_clicked_a_lot_and_left_is_no_regression(incident: Incident) -> None:
    incident.serve(
        400,
        clicks=lambda number: number % 2 == 0 or number % 10 == 1,
        people=lambda number: "one-person" if number % 2 == 0 else f"p{number}",
    )
    incident.ship(popularity=artifacts.popularity({item: score + 1 for item, score in POPULARITY.items()}))
    incident.serve(400, clicks=lambda number: number % 10 == 1, people=lambda number: f"q{number}")
    assert incident.doctor("regressed").healthy


def test_too_few_answers_are_said_to_be_too_few(incident: Incident) -> None:
    incident.serve(400, clicks=_OFTEN)
    incident.ship(popularity=artifacts.popularity({"i01": 5.0}))
    incident.serve(20)
    found = incident.doctor("regressed")
    assert found.healthy
    assert "20 answers since generation" in found.unseen[0]


def test_a_fall_of_clicks_is_explained_by_recommendations_alone(incident: Incident) -> None:
    incident.serve(400, clicks=_OFTEN, similar_too=True)
    incident.ship(popularity=artifacts.popularity({item: 100.0 - score for item, score in POPULARITY.items()}))
    incident.serve(400, clicks=_SELDOM, similar_too=True)
    (finding,) = incident.doctor("regressed").findings
    assert finding.lever == "artifacts"
    assert finding.evidence["overlap_with_it_put_back"] == {"artifacts": 1.0}


def test_a_fall_is_found_behind_a_harmless_change_that_came_after_it(incident: Incident) -> None:
    incident.serve(400, clicks=_OFTEN)
    incident.ship(popularity=artifacts.popularity({item: 100.0 - score for item, score in POPULARITY.items()}))
    bad = incident.releases.current().generation
    incident.serve(400, clicks=_SELDOM)
    incident.releases.put_config(b'{"limits":{"max_k":150}}', reason="harmless")
    incident.serve(400, clicks=_SELDOM)
    (finding,) = incident.doctor("regressed").findings
    assert (finding.lever, finding.evidence["generation_now"]) == ("artifacts", bad)
    assert list(finding.evidence["clicked_by_generation"]) == ["2", "3", "4"]


def test_a_fall_that_new_content_ended_is_over(incident: Incident) -> None:
    incident.serve(400, clicks=_OFTEN)
    incident.ship(popularity=artifacts.popularity({item: 100.0 - score for item, score in POPULARITY.items()}))
    incident.serve(400, clicks=_SELDOM)
    incident.ship(popularity=artifacts.popularity({item: score + 1 for item, score in POPULARITY.items()}))
    incident.serve(400, clicks=_OFTEN)
    assert incident.doctor("regressed").healthy


def test_lists_that_show_half_as_many_items_are_found_although_people_click(incident: Incident) -> None:
    incident.serve(300, clicks=_OFTEN, k=20)
    incident.block("most", [f"i{number:02d}" for number in range(5, 18)])
    incident.serve(300, clicks=_OFTEN, k=20)
    (finding,) = incident.doctor("regressed").findings
    assert finding.lever == "rules"
    assert finding.cause.startswith("lists of home show ")
    assert finding.evidence["items_shown_now"] <= finding.evidence["items_shown_before"] / 2


def _three_weeks(incident: Incident) -> None:
    """People click half as often on Saturdays and Sundays."""
    for days_ago in range(21, 0, -1):
        at = _SATURDAY_S - days_ago * _DAY_S
        weekend = days_ago % 7 in (0, 6)
        incident.at(at)
        incident.serve(60, clicks=_every(4) if weekend else _every(2))
    incident.at(_SATURDAY_S - _DAY_S + 7_200)
    incident.serve(200, clicks=_every(2))


def _every(nth: int):  # type: ignore[no-untyped-def]
    return lambda number: number % nth == 0


@pytest.mark.parametrize(("nth", "found"), [(4, False), (20, True)], ids=["as on any Saturday", "worse than that"])
def test_a_saturday_is_held_against_saturdays(incident: Incident, nth: int, found: bool) -> None:
    _three_weeks(incident)
    incident.ship(popularity=artifacts.popularity({item: score + 1 for item, score in POPULARITY.items()}))
    incident.at(_SATURDAY_S - 7_200)
    incident.serve(300, clicks=_every(nth))
    findings = incident.doctor("regressed", now_s=_SATURDAY_S).findings
    assert len(findings) == found
    for finding in findings:
        assert finding.evidence["ctr_expected"] == pytest.approx(0.25, abs=0.02)
        assert any(reason.startswith("the weekday: ") for reason in finding.ruled_out)
