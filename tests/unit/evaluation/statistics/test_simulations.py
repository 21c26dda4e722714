"""The simulations, short and seeded; ``make statistics`` runs them in full. And their page says what they find."""

import re

import pytest
from tests.statistics.page import PAGE, TABLES, block
from tests.statistics.simulations import SIMULATIONS, Simulation


@pytest.mark.parametrize("simulation", SIMULATIONS, ids=lambda simulation: simulation.name)
def test_it_is_as_right_as_it_says(simulation: Simulation) -> None:
    found = simulation.run("short")
    assert found.sound, found


@pytest.mark.parametrize(
    ("demand", "hits", "sound"),
    [("equal", 50, True), ("equal", 90, False), ("equal", 20, False), ("at most", 20, True), ("at most", 90, False),
     ("at least", 90, True), ("at least", 20, False), ("wrong", 50, False), ("wrong", 90, True)],
)  # fmt: skip
def test_what_lies_outside_its_bounds_is_not_sound(demand, hits: int, *, sound: bool) -> None:
    one = Simulation("one", 0.5, demand, 100, 1000, lambda _dice, _trials: hits)
    assert one.run("short").sound == sound


@pytest.mark.parametrize("table", TABLES)
def test_the_page_has_a_row_for_each_and_none_is_broken(table: str) -> None:
    head, names = TABLES[table]
    found = block(table).search(PAGE.read_text(encoding="utf-8"))
    assert found, f"{PAGE.name} has no table of {table}"
    assert found[2].startswith(head)
    rows = re.findall(r"^\| (.*?) \|.*?([^|]*) \|$", found[2].removeprefix(head), flags=re.MULTILINE)
    assert [name for name, _ in rows] == list(names), "run make statistics"
    assert not [name for name, last in rows if last.strip() in ("BROKEN", "not seen to be wrong")]


def test_the_page_is_of_the_full_simulations() -> None:
    found = block("simulations").search(PAGE.read_text(encoding="utf-8"))
    for one in SIMULATIONS:
        assert re.search(rf"^\| {re.escape(one.name)} \|.* \| {one.full:,} \|", found[2], flags=re.MULTILINE), one.name
