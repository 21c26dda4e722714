import pytest
from tests.unit.releases.shop import config, opened

from recsys.errors import Refused, UsageError
from recsys.releases import LEVERS, Held


def test_a_hold_says_who_since_when_why_and_in_which_generation():
    shop = opened()
    change = shop.ours.hold(surface="home", levers=["artifacts"], reason="incident 12")
    (hold,) = change.release.holds
    assert (hold.surface, hold.levers, hold.reason, hold.actor, hold.generation) == (
        "home",
        ("artifacts",),
        "incident 12",
        "us",
        2,
    )
    assert change.held
    assert change.undo == "recsys releases undo 2 --tenant demo"


def test_without_levers_everything_is_held_and_all_means_the_same():
    shop = opened()
    assert shop.ours.hold().release.holds[0].levers == LEVERS
    assert not shop.ours.hold(levers=["all"]).changed
    with pytest.raises(UsageError, match="no lever models"):
        shop.ours.hold(levers=["models"])


def test_holding_what_is_held_changes_nothing_and_says_by_whom():
    shop = opened()
    shop.theirs.hold(reason="freeze")
    change = shop.ours.hold(surface="home", levers=["config"])
    assert not change.changed
    assert "held already by them" in change.why


def test_a_wider_hold_adds_only_what_is_missing():
    shop = opened()
    shop.theirs.hold(surface="home", levers=["artifacts"], reason="one")
    change = shop.ours.hold(surface="home", reason="two")
    assert [hold.levers for hold in change.release.holds] == [("artifacts",), ("config", "rules")]


def test_a_hold_wins_against_a_ship_in_flight():
    shop = opened()
    shop.meanwhile(lambda r: r.hold(reason="incident"))
    with pytest.raises(Held, match="incident"):
        shop.ours.ship("home", shop.m(1))
    assert shop.theirs.current().action == "hold"


def test_resume_lifts_levers_one_by_one():
    shop = opened()
    shop.theirs.hold(reason="freeze")
    change = shop.ours.resume(levers=["config"])
    assert [hold.levers for hold in change.release.holds] == [("rules", "artifacts")]
    assert shop.ours.put_config(config(limits={"max_k": 2})).committed
    assert shop.ours.resume().release.holds == ()


def test_a_resume_names_the_other_holds_that_still_cover_what_it_lifts():
    shop = opened()
    shop.theirs.hold(surface="home", levers=["artifacts"], reason="one")
    shop.theirs.hold(reason="all of it")
    still = shop.ours.resume(surface="home", dry_run=True).why
    assert still.startswith("may change again: artifacts of home, except that still held is artifacts of every surface")
    assert " by them since " in still
    assert "still held is artifacts of home by them" in shop.ours.resume().why
    assert shop.ours.resume(surface="home").why == "may change again: artifacts of home"


def test_what_is_left_of_a_hold_is_not_told_as_newly_held():
    shop = opened()
    shop.theirs.hold(reason="freeze")  # 2
    change = shop.ours.resume(levers=["config"])  # 3
    assert not change.held
    told = shop.ours.diff(2, 3)
    assert (told.held, [hold.levers for hold in told.resumed]) == ((), [("config",)])


def test_resume_of_what_is_not_held_changes_nothing():
    shop = opened()
    assert "not held" in shop.ours.resume().why
    shop.theirs.hold(surface="home")
    assert not shop.ours.resume(surface="pdp").changed


def test_resume_of_another_scope_names_the_commands_that_are_meant():
    shop = opened()
    shop.theirs.hold(surface="home", reason="a")
    shop.theirs.hold(surface="pdp", reason="b")
    with pytest.raises(Refused) as refused:
        shop.ours.resume()
    assert "--surface home" in refused.value.next_step
    assert "--surface pdp" in refused.value.next_step
    shop = opened()
    shop.theirs.hold(reason="all of it")
    with pytest.raises(Refused) as refused:
        shop.ours.resume(surface="home")
    assert refused.value.next_step == "lift what is meant: recsys releases resume --tenant demo"
