import pytest
from tests.unit.releases.shop import Shop, config, opened, rules

from recsys.releases import CannotUndo, Held, UnknownGeneration
from recsys.releases.record import parts_of


def history() -> Shop:
    shop = opened()
    shop.theirs.ship("home", shop.m(1))  # 2
    shop.theirs.ship("home", shop.m(2))  # 3
    shop.theirs.put_config(config(limits={"max_k": 5}))  # 4
    return shop


def test_undo_takes_the_newest_change_back():
    shop = history()
    change = shop.ours.undo(reason="mistake")
    assert parts_of(change.release) == parts_of(shop.theirs.read(3))
    assert (change.release.action, change.release.restores) == ("undo", 3)


def test_an_older_change_is_taken_back_alone_when_nothing_stands_on_it():
    shop = history()
    change = shop.ours.undo(3)
    assert change.release.surfaces == shop.theirs.read(2).surfaces
    assert change.release.config == shop.theirs.read(4).config
    again = shop.ours.undo(3)
    assert not again.changed
    assert "is taken back already" in again.why


def test_a_change_on_which_others_stand_is_not_taken_back():
    shop = history()
    shop.theirs.put_config(config(limits={"max_k": 6}))
    with pytest.raises(CannotUndo) as refused:
        shop.ours.undo(4)
    assert "config was changed again by generation 5 (config by them" in refused.value.message
    assert "recsys releases rollback --tenant demo --lever config --to 3" in refused.value.next_step


def test_undoing_an_undo_brings_the_change_back():
    shop = history()
    before = parts_of(shop.theirs.current())
    undone = shop.ours.undo()
    assert parts_of(shop.ours.undo(undone.release.generation).release) == before


def test_pressing_undo_again_does_not_redo_by_accident():
    shop = history()
    shop.theirs.undo()
    with pytest.raises(CannotUndo) as refused:
        shop.ours.undo()
    assert refused.value.next_step.endswith("recsys releases undo 5 --tenant demo")


def test_two_people_undoing_at_once_undo_once():
    shop = history()
    shop.meanwhile(lambda r: r.undo())
    change = shop.ours.undo()
    assert not change.changed
    assert shop.theirs.current().generation == 5


def test_undoing_a_rollback_also_lifts_the_hold_that_came_with_it():
    shop = history()
    shop.theirs.hold(surface="pdp", reason="mine, keep it")
    before = shop.theirs.current()
    shop.theirs.rollback("artifacts", surface="home")
    after = shop.ours.undo().release
    assert after.surfaces == before.surfaces
    assert after.holds == before.holds


def test_undoing_a_rollback_ships_again_and_so_stops_at_another_hold():
    shop = history()
    shop.theirs.rollback("artifacts", surface="home")  # 5
    shop.theirs.hold(reason="everything stops")  # 6
    with pytest.raises(Held, match="everything stops"):
        shop.ours.undo(5)


def test_taking_a_ship_back_passes_under_a_hold():
    shop = history()
    shop.theirs.hold(reason="everything stops")
    assert shop.ours.undo(3).release.surfaces == shop.theirs.read(2).surfaces


@pytest.mark.parametrize(("depth", "passes"), [(1, True), (2, False), (3, True)])
def test_under_a_hold_undos_of_undos_pass_when_they_go_back(depth, passes):
    """Generation 4 shipped a config; undo it ``depth`` times in a row, the last time under a hold."""
    shop = history()
    of = 4
    for _ in range(depth - 1):
        of = shop.theirs.undo(of).release.generation
    shop.theirs.hold(reason="everything stops")
    if passes:
        assert shop.ours.undo(of).committed
    else:
        with pytest.raises(Held):
            shop.ours.undo(of)


def test_under_a_hold_a_rule_that_was_switched_off_stays_off():
    shop = opened()
    shop.theirs.put_rules(rules("a"))  # 2
    shop.theirs.disable_rule("a")  # 3
    shop.theirs.hold(reason="everything stops")  # 4
    with pytest.raises(Held):
        shop.ours.undo(3)


def test_undoing_a_hold_lifts_it_and_undoing_a_resume_brings_it_back():
    shop = history()
    shop.theirs.hold(reason="stop")  # 5
    held = shop.theirs.current().holds
    assert shop.ours.undo(5).release.holds == ()  # 6
    shop.theirs.hold(reason="stop again")  # 7
    shop.theirs.resume()  # 8
    assert [hold.reason for hold in shop.ours.undo(8).release.holds] == ["stop again"]
    assert held[0].reason == "stop"


def test_undoing_a_hold_that_was_lifted_in_part_lifts_what_is_left_of_it():
    shop = history()
    shop.theirs.hold(reason="stop")  # 5
    shop.theirs.resume(levers=["config"])  # 6
    change = shop.ours.undo(5)
    assert (change.changed, change.release.holds) == (True, ())


def test_undoing_one_resume_leaves_lifted_what_another_one_lifted():
    shop = history()
    shop.theirs.hold(reason="stop")  # 5
    shop.theirs.resume(levers=["config"])  # 6
    shop.theirs.resume(levers=["rules"])  # 7
    change = shop.ours.undo(6)
    assert [hold.levers for hold in change.release.holds] == [("config", "artifacts")]
    assert change.held


def test_the_first_ship_of_a_surface_can_be_taken_back():
    shop = history()
    shop.theirs.ship("pdp", shop.m(1, "pdp"))
    assert "pdp" not in shop.ours.undo().release.surfaces


def test_the_first_generation_cannot_be_undone():
    with pytest.raises(CannotUndo, match="is the first"):
        opened().ours.undo()


def test_withdrawals_come_back_only_by_name():
    shop = history()
    shop.theirs.withdraw(["mug"])
    with pytest.raises(CannotUndo, match="only changed by name"):
        shop.ours.undo()


def test_a_generation_that_is_not_there_is_refused():
    with pytest.raises(UnknownGeneration):
        history().ours.undo(44)
