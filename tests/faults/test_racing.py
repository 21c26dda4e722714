"""F4 and F15: several processes and one store on disk: who wins, who is refused, and what nobody may lose."""

from pathlib import Path

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.processes import scenario


@pytest.mark.long
def test_sixteen_processes_at_once_make_one_log_and_lose_no_update(tmp_path: Path, counting: Counting):
    with counting("F4", "16 processes commit all kinds of changes on one tenant; no gap, no lost update") as count:
        commits = 100 if FULL else 4
        seen = scenario("racing", "crowd", tmp_path, processes=16, commits=commits, seed=count.seed)
        count.survived(seen["count"])
        count.bad += seen["bad"]
        count.notes["kinds of change"] = seen["actions"]
        assert seen["count"] == 16 * commits


def test_of_two_who_ship_one_surface_one_wins_and_the_other_is_refused_or_goes_after(tmp_path: Path):
    seen = scenario("racing", "two", tmp_path, rounds=20 if FULL else 4)
    assert seen["bad"] == []
    for race in seen["same"]:
        codes = sorted(code for code, _ in race["ends"])
        shipped = sorted(n for _, said in race["ends"] for n in said)
        assert codes in ([0, 0], [0, 3])  # [0, 0] when the second began after the first had ended
        assert shipped == list(range(race["before"] + 1, race["head"] + 1))
        assert len(shipped) == codes.count(0)
    for race in seen["apart"]:
        assert race["codes"] == [0, 0]
        assert race["head"] == race["before"] + 2
        assert race["served"]


def test_a_hold_wins_against_sixteen_publishers_and_rollbacks_pass_it(tmp_path: Path, counting: Counting):
    with counting("F15", "a hold against 16 racing publishers; no ship after it, and every rollback passes") as count:
        trials = 200 if FULL else 4
        seen = scenario("racing", "holds", tmp_path, publishers=16, trials=trials)
        count.survived(seen["count"])
        count.bad += seen["bad"]
        count.notes |= {"rollbacks": seen["rollbacks"], "ships before": seen["shipped"]}
        assert seen["rollbacks"] == trials
        assert seen["shipped"] > trials
