"""Every cell of the action × action table, against the expectation written by hand in ``cells.py``."""

from typing import Any, get_args

import pytest
from tests.unit.releases.cells import BUILT, EXPECTED, GOES, LOST, MINE, NOT_RACED, THEIRS, Race, stocked
from tests.unit.releases.shop import Shop, config

from recsys.errors import Refused
from recsys.releases import LogForked, Releases, StaleHead
from recsys.releases.rebase import REBASE, Needs, cell
from recsys.releases.record import Action


@pytest.fixture(scope="module")
def built() -> Shop:
    return stocked()


@pytest.fixture
def shop(built: Shop) -> Shop:
    return built.copy()


@pytest.mark.parametrize("theirs", THEIRS)
@pytest.mark.parametrize("mine", MINE)
def test_a_cell_ends_as_written_by_hand(shop: Shop, mine: str, theirs: str):
    race = Race(shop, mine, theirs)
    assert race.ended == EXPECTED[mine].get(theirs, GOES), race.said
    assert race.between == 1
    assert race.problem() == ""


def test_the_table_has_a_cell_for_every_pair_that_exists_now():
    assert set(REBASE) == set(get_args(Action))
    assert all(set(row) == set(REBASE) for row in REBASE.values())
    assert {*BUILT, *NOT_RACED} == set(REBASE)


@pytest.mark.parametrize("theirs", BUILT)
@pytest.mark.parametrize("mine", BUILT)
def test_the_table_says_what_the_races_showed(mine: Action, theirs: Action):
    """The table's words against the hand-written outcomes: a word is there exactly when some race ended that way."""
    if theirs == "create":
        assert cell(mine, theirs) == (frozenset() if mine == "create" else {Needs.NEVER})
        return
    outcomes = {
        EXPECTED[one].get(race, GOES)
        for one in MINE
        for race in THEIRS
        if (one.split(":")[0], race.split(":")[0]) == (mine, theirs)
    }
    expected = {Needs.APART} if LOST in outcomes else set()
    if mine == "ship" and theirs in (
        "config",
        "rules",
        "rollback",
        "undo",
        "promote",
    ):  # what can change what a gate read
        expected.add(Needs.GATE)
    assert cell(mine, theirs) == expected


def test_an_action_of_a_newer_version_is_met_with_every_caution():
    assert cell("ship", "teleport") == {Needs.APART, Needs.GATE}


def test_a_generation_one_in_between_means_another_log(shop: Shop):
    """Its log was emptied and begun again while we planned: nothing of ours belongs there."""
    objects = shop.store.objects

    def begin_again(_: Releases) -> None:
        for key in list(objects.keys("releases/")):
            objects.delete(key)
        for _n in range(15):
            (shop.theirs.__class__)(shop.store, "demo", actor="them").create()
            fresh = shop.theirs.__class__(shop.store, "demo", actor="them")
            fresh.withdraw([f"x{_n}"])

    shop.meanwhile(begin_again)
    with pytest.raises(LogForked):
        shop.ours.ship("home", shop.m(3))


@pytest.mark.parametrize(
    ("theirs", "runs"),
    [
        ("config", 2),
        ("rules", 2),
        ("rollback: of rules", 2),
        ("undo: of config", 2),
        ("promote: elsewhere", 2),
        ("candidate: elsewhere", 1),
        ("abort: elsewhere", 1),
        ("ship: elsewhere", 1),
        ("withdraw: more", 1),
        ("hold: elsewhere", 1),
    ],
)
def test_a_gate_judges_again_only_what_it_read(shop: Shop, theirs: str, runs: int):
    judged = []
    evidence = shop.store.blobs.put("demo", b"{}")

    def gate(release: Any) -> tuple[str, ...]:
        judged.append(release)
        return (evidence,)

    shop.meanwhile(lambda r: THEIRS[theirs](shop, r))
    change = shop.ours.ship("home", shop.m(3), gate=gate)
    assert len(judged) == runs
    assert change.release.evidence == (evidence,)
    assert judged[-1].config == change.release.config


def test_a_gate_that_no_longer_passes_refuses_the_ship(shop: Shop):
    def gate(release: Any) -> tuple[str, ...]:
        if release.changed["config"] > 6:
            raise Refused("the gate fails with this config")
        return ()

    shop.meanwhile(lambda r: THEIRS["config"](shop, r))
    with pytest.raises(Refused, match="the gate fails"):
        shop.ours.ship("home", shop.m(3), gate=gate)


def test_a_precondition_is_asked_again_after_a_lost_race(shop: Shop):
    shop.meanwhile(lambda r: THEIRS["config"](shop, r))
    with pytest.raises(StaleHead) as stale:
        shop.ours.put_config(config(limits={"max_k": 13}), expect="10")
    assert (stale.value.expected, stale.value.found) == (10, 15)


def test_an_intent_passes_many_who_are_faster(shop: Shop):
    def several(r: Releases) -> None:
        r.ship("pdp", shop.m(5, "pdp"))
        r.put_config(config(limits={"max_k": 20}))
        r.withdraw(["jug"])
        r.rollback("rules")

    shop.meanwhile(several)
    change = shop.ours.ship("home", shop.m(3))
    assert change.release.generation == 19
    kept = shop.theirs.read(18)
    assert (change.release.config, change.release.rules) == (kept.config, kept.rules)
    assert change.release.withdrawn == kept.withdrawn
    assert shop.log.appends == 2
