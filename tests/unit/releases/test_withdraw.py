import msgspec
import pytest
from tests.unit.releases.shop import Shop, opened

from recsys.errors import UsageError


def withdrawn(shop: Shop) -> list[str]:
    named = shop.theirs.current().withdrawn
    return [] if named is None else msgspec.json.decode(shop.store.blobs.read("demo", named))


def test_items_are_withdrawn_under_a_hold_and_come_back_by_name():
    shop = opened()
    shop.theirs.hold(reason="freeze")
    change = shop.ours.withdraw(["mug", "cup", "mug"], reason="recalled")
    assert withdrawn(shop) == ["cup", "mug"]
    assert change.undo == "recsys items restore --tenant demo cup mug"
    change = shop.ours.restore_items(["mug"])
    assert withdrawn(shop) == ["cup"]
    assert change.undo == "recsys items withdraw --tenant demo mug"
    shop.ours.restore_items(["cup"])
    assert shop.theirs.current().withdrawn is None


def test_withdrawals_of_two_people_at_once_both_hold():
    shop = opened()
    shop.meanwhile(lambda r: r.withdraw(["cup"]))
    shop.ours.withdraw(["mug"])
    assert withdrawn(shop) == ["cup", "mug"]


def test_the_undo_names_only_what_moved_and_survives_a_shell():
    shop = opened()
    shop.theirs.withdraw(["mug"])
    assert shop.ours.withdraw(["mug", "-x y"]).undo == "recsys items restore --tenant demo -- '-x y'"


def test_what_is_withdrawn_already_changes_nothing():
    shop = opened()
    shop.theirs.withdraw(["mug"])
    assert not shop.ours.withdraw(["mug"]).changed
    assert not shop.ours.restore_items(["cup"]).changed


@pytest.mark.parametrize("ids", [[], [""], ["x" * 257]])
def test_ids_that_mean_nothing_are_refused(ids):
    with pytest.raises(UsageError):
        opened().ours.withdraw(ids)


def test_every_release_carries_the_withdrawn_forward():
    shop = opened()
    shop.theirs.ship("home", shop.m(1))
    shop.theirs.ship("home", shop.m(2))
    named = shop.theirs.withdraw(["mug"]).release.withdrawn
    shop.ours.rollback("artifacts", surface="home")
    shop.ours.undo()
    shop.ours.hold()
    shop.ours.rollback("all", to=1)
    assert shop.theirs.current().withdrawn == named
