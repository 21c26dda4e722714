"""F23: every cell of the action × action table ends as written by hand, and two in between leave the log whole."""

import itertools
import random

from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.unit.releases.cells import EXPECTED, GOES, MINE, THEIRS, Race, stocked

_SAMPLE = 120


def test_every_cell_of_the_table_ends_as_written(counting: Counting) -> None:
    shop = stocked()
    with counting("F23", "every cell of the action × action table ends as written by hand") as count:
        cells = list(itertools.product(MINE, THEIRS))
        chosen = cells if FULL else random.Random(count.seed).sample(cells, _SAMPLE)
        count.notes["of"] = len(cells)
        for mine, theirs in chosen:
            race = Race(shop.copy(), mine, theirs)
            expected = EXPECTED[mine].get(theirs, GOES)
            count.survived()
            if race.ended != expected or race.problem():
                count.wrong(f"{mine} after {theirs}: {race.said}; {race.problem()}")


def test_whatever_two_come_in_between_the_log_is_whole(counting: Counting) -> None:
    """Who wins is not written down for these; that nobody is lost, doubled or let through half is."""
    shop = stocked()
    with counting("F23b", "mine after any two of theirs: one winner a number, the log whole") as count:
        races = list(itertools.product(MINE, THEIRS, THEIRS))
        chosen = races if FULL else random.Random(count.seed).sample(races, _SAMPLE)
        count.notes["of"] = len(races)
        for mine, first, second in chosen:
            race = Race(shop.copy(), mine, first, second)
            count.survived()
            if race.problem():
                count.wrong(f"{mine} after {first}, {second}: {race.said}; {race.problem()}")
