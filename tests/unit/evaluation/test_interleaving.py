"""Interleaving: whose items people took, from the teams that were logged."""

import random

import numpy as np
import pytest
from scipy import stats
from tests.unit.evaluation.every_mode import check_report

from recsys.evaluation import evaluate
from recsys.evaluation.errors import NotInData, SettingsInvalid
from recsys.evaluation.statistics.preferences import randomised

ITEMS = ["a", "b", "c", "d"]


def decision(teams):
    return {"request": {}, "now": 0.0, "generation": 1, "algo_version": "blend-2", "answer": "x", "teams": teams}


class Draft:
    def __init__(self, log, seed=1):
        self.log, self.dice, self.number = log, random.Random(seed), 0

    def show(self, *, unit, click=None, teams=None, traffic="user"):
        """Show four items, drafted by a coin; ``click`` is the team whose first item is taken, or nobody's."""
        self.number += 1
        if teams is None:
            first = self.dice.choice(("old", "new"))
            second = {"old": "new", "new": "old"}[first]
            teams = [first, second, first, second]
        request = f"r{self.number:05d}"
        context = {"unit_id": unit, "unit_type": "anonymous_id", "experiment_id": "t", "traffic": traffic}
        self.log.show(request, ITEMS, context=context, decision=decision(teams))
        if click is not None:
            self.log.act(request, ITEMS[teams.index(click)])
        return request

    def run(self, **asked):
        settings = {"control": "old", "candidate": "new", **asked}
        return evaluate(dataset=self.log.dataset(), config={"mode": "interleaving", "interleaving": settings})


@pytest.fixture
def draft(log):
    return Draft(log)


def test_the_list_that_people_take_from_goes_on(draft):
    for unit in range(60):
        draft.show(unit=f"u{unit}", click="new" if unit % 5 else "old")
    report = draft.run()
    check_report(report)
    found = report.interleaving
    assert (report.decision.outcome, report.decision.rule) == ("pass", "candidate_preferred")
    assert (found.votes.wins, found.votes.losses, found.votes.ties) == (48, 12, 0)
    assert found.votes.p_fixed == pytest.approx(stats.binomtest(48, 60).pvalue)
    assert found.votes.p_sequential > found.votes.p_fixed


def test_exposures_kept_apart_are_read_in_their_place(draft):
    for unit in range(30):
        draft.show(unit=f"u{unit}", click="new")
    whole = draft.run()
    dataset = draft.log.dataset()
    apart = {"interleaving": dataset["exposures"], "outcomes": dataset["outcomes"]}
    assert evaluate(dataset=apart, config=whole.config).to_json() == whole.to_json()
    with pytest.raises(SettingsInvalid, match="no `exposures:`"):
        evaluate(dataset=apart, config={"mode": "aa-check", "aa": {"metrics": ["ctr"]}})


def test_the_list_that_people_leave_is_taken_back(draft):
    for unit in range(60):
        draft.show(unit=f"u{unit}", click="old" if unit % 5 else "new")
    report = draft.run()
    assert (report.decision.outcome, report.decision.rule, report.exit_code) == ("rollback", "control_preferred", 3)


def test_equal_lists_are_held(draft):
    for unit in range(40):
        draft.show(unit=f"u{unit}", click=("new", "old")[unit % 2])
    assert draft.run().decision.rule == "undecided"


def test_a_unit_has_one_say_however_often_it_comes(draft):
    for _ in range(50):
        draft.show(unit="fan", click="new")
    for unit in range(10):
        draft.show(unit=f"u{unit}", click="old")
    found = draft.run().interleaving
    assert (found.votes.wins, found.votes.losses) == (1, 10)
    assert (found.candidate_votes, found.control_votes) == (50, 10)


def test_pins_are_nobodys_and_no_click_is_no_say(draft):
    draft.show(unit="u1", teams=[None, "new", "old", "new"])
    draft.log.act("r00001", "a")
    draft.show(unit="u2")
    draft.show(unit="u3", click="new")
    found = draft.run().interleaving
    assert (found.votes.wins, found.votes.losses, found.votes.ties) == (1, 0, 2)


def test_teams_are_those_that_were_logged(draft):
    draft.show(unit="u1", teams=["new", "new", "old", "old"], click=None)
    draft.log.act("r00001", "b")
    draft.log.act("r00001", "b", minute=2)  # a second click on the same item is no second vote
    found = draft.run().interleaving
    assert (found.candidate_votes, found.control_votes) == (1, 0)


def test_a_coin_that_falls_to_one_side_holds(draft):
    for unit in range(40):
        draft.show(unit=f"u{unit}", teams=["new", "old", "new", "old"], click="new")
    report = draft.run()
    assert report.decision.rule == "integrity"
    assert "coin" in report.decision.what_happened
    check_report(report)


def test_bots_have_no_say(draft):
    for unit in range(5):
        draft.show(unit=f"u{unit}", click="old")
        draft.show(unit=f"bot{unit}", click="new", traffic="bot")
    found = draft.run().interleaving
    assert (found.votes.wins, found.votes.losses) == (0, 5)


def test_without_logged_teams_nothing_is_drawn_again(draft):
    draft.log.show("r1", ITEMS, context={"unit_type": "anonymous_id", "unit_id": "u"})
    draft.log.act("r1", "a")
    with pytest.raises(NotInData, match="no exposure has a decision record"):
        draft.run()


@pytest.mark.parametrize(
    ("asked", "said"), [({"candidate": "newer"}, "team `newer`"), ({"experiment_id": "u"}, "experiment `u`")]
)
def test_what_is_not_in_the_data_is_an_error(draft, asked, said):
    for unit in range(5):
        draft.show(unit=f"u{unit}", click="new")
    with pytest.raises(NotInData, match=said):
        draft.run(**asked)


def test_balanced_counts_as_far_as_the_lowest_click(draft):
    # Joachims' example: lists A = a b c, B = b d a; clicks on b and d. The lowest click, d, is second in B: k = 2.
    draft.log.show("r1", ["a", "b", "d", "c"], context={"unit_id": "u1", "unit_type": "anonymous_id"})
    for item in ("b", "d"):
        draft.log.act("r1", item)
    draft.log.rank("r1", ["a", "b", "c"], ranker="old")
    draft.log.rank("r1", ["b", "d", "a"], ranker="new")
    found = draft.run(algorithm="balanced").interleaving
    assert (found.candidate_votes, found.control_votes) == (2, 1)


def test_the_randomisation_test_is_exact_when_small_and_close_when_not():
    assert randomised(np.array([1, 1, 1]), seed=1) == 2 / 8
    assert randomised(np.zeros(4), seed=1) == 1.0
    votes = np.array([1] * 14 + [-1] * 6)
    assert randomised(votes, seed=1) == pytest.approx(stats.binomtest(14, 20).pvalue, abs=0.01)
    assert randomised(votes, seed=1) == randomised(votes, seed=1)
