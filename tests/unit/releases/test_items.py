import pytest
from tests.unit.releases.cells import news
from tests.unit.releases.shop import Shop, opened, rules

from recsys.catalog import ItemUpdate, OverlayRow, checked_update
from recsys.catalog import overlay as overlay_module
from recsys.errors import UsageError
from recsys.releases import CannotUndo, Collected, Held, LostRace, NotUnderstood, UnfitRelease, collect_garbage
from recsys.releases.items import overlay_in
from recsys.replicas import Heartbeat, write_heartbeat


def served() -> Shop:
    """A tenant that serves something (2)."""
    shop = opened()
    shop.theirs.ship("home", shop.m(1))
    return shop


def overlay(shop: Shop) -> tuple[OverlayRow, ...]:
    return overlay_in(shop.theirs.current(), shop.theirs.history)


def test_an_update_is_merged_with_what_is_in_force_and_says_so():
    shop = served()
    shop.ours.update_items(news(cup=2.0, mug=3.0))
    change = shop.ours.update_items(checked_update([ItemUpdate(item_id="mug", price=4.0, tags=("sale",))]))
    assert overlay(shop) == (*news(cup=2.0), OverlayRow(item_id="mug", price=4.0, tags=("sale",)))
    assert (change.release.action, change.why) == ("items", "update of 1; 2 items are laid over the catalogue")
    assert list(change.parts) == ["overlay"]
    assert change.release.changed["overlay"] == change.release.generation == 4


def test_an_overlay_needs_readers_that_know_it_and_none_needs_nothing():
    shop = served()
    assert shop.ours.update_items(news(mug=3.0)).release.requires.format == 3
    assert shop.ours.update_items(checked_update([ItemUpdate(item_id="mug", remove=True)])).release.overlay is None
    assert shop.theirs.current().requires.format == 1


def test_an_update_waits_for_the_last_host_that_does_not_know_overlays():
    shop = served()
    write_heartbeat(shop.store.objects, Heartbeat(host="old", at="2026-11-22T00:00:00Z", format=2, tenants={}))
    with pytest.raises(NotUnderstood):
        shop.ours.update_items(news(mug=3.0))


def test_two_updates_at_once_both_hold():
    shop = served()
    shop.meanwhile(lambda r: r.update_items(news(cup=2.0)))
    shop.ours.update_items(news(mug=3.0))
    assert overlay(shop) == news(cup=2.0, mug=3.0)


def test_clearing_replaces_only_what_its_author_had_seen():
    shop = served()
    shop.theirs.update_items(news(jug=1.0))
    shop.ours.update_items(news(mug=3.0), clear=True)
    assert overlay(shop) == news(mug=3.0)
    shop.meanwhile(lambda r: r.update_items(news(cup=2.0)))
    with pytest.raises(LostRace):
        shop.ours.update_items((), clear=True)
    shop.ours.update_items((), clear=True)
    assert overlay(shop) == ()


def test_what_the_overlay_says_already_changes_nothing():
    shop = served()
    shop.ours.update_items(news(mug=3.0))
    assert not shop.ours.update_items(news(mug=3.0)).changed
    shop.ours.update_items((), clear=True)
    assert not shop.ours.update_items((), clear=True).changed


def test_nothing_to_say_and_too_much_are_refused(monkeypatch: pytest.MonkeyPatch):
    shop = served()
    with pytest.raises(UsageError, match="no item is named"):
        shop.ours.update_items(())
    shop.ours.update_items(news(cup=1.0, mug=1.0))
    monkeypatch.setattr(overlay_module, "MAX_OVERLAID", 2)
    with pytest.raises(UsageError, match="overlaid items 3 > 2"):
        shop.ours.update_items(news(jug=1.0))


@pytest.mark.parametrize("surface", [None, "home"])
def test_a_hold_of_artifacts_that_are_served_refuses_an_update(surface: str | None):
    shop = served()
    shop.theirs.hold(surface=surface, levers=["artifacts"], reason="freeze")
    with pytest.raises(Held, match="freeze"):
        shop.ours.update_items(news(mug=3.0))


@pytest.mark.parametrize(("surface", "lever"), [("cart", "artifacts"), (None, "rules")])
def test_a_hold_of_what_no_overlay_reaches_lets_it_through(surface: str | None, lever: str):
    shop = served()
    shop.theirs.hold(surface=surface, levers=[lever])
    assert shop.ours.update_items(news(mug=3.0)).committed


def test_undo_puts_the_overlay_before_back_also_under_a_hold():
    shop = served()
    shop.ours.update_items(news(mug=3.0))  # 3
    shop.ours.update_items(news(cup=2.0))  # 4
    shop.ours.hold(reason="freeze")
    shop.ours.undo(4)
    assert overlay(shop) == news(mug=3.0)
    with pytest.raises(Held):
        shop.ours.undo(6)  # it would lay it over again


def test_undo_of_an_update_that_another_stands_on_says_what_to_do():
    shop = served()
    shop.ours.update_items(news(mug=3.0))
    shop.ours.update_items(news(cup=2.0))
    with pytest.raises(CannotUndo, match="overlay was changed again by generation 4") as refused:
        shop.ours.undo(3)
    assert "recsys items update FILE" in refused.value.next_step


def test_of_the_levers_only_all_brings_an_overlay_back():
    shop = served()
    shop.ours.update_items(news(mug=3.0))  # 3
    shop.ours.put_rules(rules("a"))  # 4
    shop.ours.ship("home", shop.m(2))  # 5
    shop.ours.update_items(news(mug=9.0))  # 6
    shop.ours.rollback("rules", to=2)
    shop.ours.rollback("artifacts", surface="home", to=2)
    shop.ours.rollback("all", surface="home", to=4)
    assert overlay(shop) == news(mug=9.0)
    shop.ours.rollback("all", to=4)
    assert overlay(shop) == news(mug=3.0)
    shop.ours.rollback("all", to=2)
    assert overlay(shop) == ()


def test_the_lever_all_goes_back_before_the_newest_update():
    shop = served()
    shop.ours.update_items(news(mug=3.0))
    shop.ours.withdraw(["cup"])
    assert shop.ours.rollback("all").release.restores == 2


def test_a_ship_of_a_newer_catalogue_leaves_the_overlay_over_it():
    shop = served()
    shop.ours.update_items(news(mug=3.0))
    shop.ours.ship("home", shop.m(2))
    assert overlay(shop) == news(mug=3.0)


def test_a_person_is_told_what_differs():
    shop = served()
    shop.ours.update_items(news(cup=2.0, mug=3.0))
    shop.ours.update_items(checked_update([ItemUpdate(item_id="cup", remove=True), ItemUpdate(item_id="mug", price=4)]))
    assert shop.ours.diff(2, 3).lines() == [
        "item cup: price: the catalogue's → 2.0",
        "item mug: price: the catalogue's → 3.0",
    ]
    assert shop.ours.diff(3, 4).lines() == ["item cup: price: 2.0 → the catalogue's", "item mug: price: 3.0 → 4.0"]


def test_a_person_is_told_of_so_many_items_and_how_many_more():
    shop = served()
    shop.ours.update_items(tuple(OverlayRow(item_id=f"{n:02d}", price=1.0) for n in range(30)))
    assert shop.ours.diff(2, 3).lines()[20:] == ["and of 10 more items"]


def test_a_collection_keeps_what_the_levers_may_bring_back():
    shop = served()
    for price in range(5):
        shop.ours.update_items(news(mug=float(price)))
    named = [shop.ours.read(n).overlay for n in range(3, 8)]
    collect_garbage(shop.store, "demo", actor="us", keep=3, grace_s=0.0)
    assert [shop.store.blobs.exists("demo", one) for one in named] == [False, False, True, True, True]
    assert shop.ours.verify().sound
    assert shop.ours.rollback("all", to=5).committed


def test_what_was_collected_is_said_where_it_is_asked_for():
    shop = served()
    for price in range(5):
        shop.ours.update_items(news(mug=float(price)))
    collect_garbage(shop.store, "demo", actor="us", keep=3, grace_s=0.0)
    with pytest.raises(Collected):
        shop.ours.rollback("all", to=3)


@pytest.mark.parametrize("data", [b"[]x", b'[{"item_id":"mug","price":null}]'])
def test_an_overlay_that_means_nothing_is_not_brought_back(data: bytes):
    shop = served()
    named = shop.ours.update_items(news(mug=3.0)).release.overlay
    shop.ours.update_items(news(mug=4.0))
    key = f"blobs/demo/sha256/{named[7:9]}/{named[7:]}"
    assert key in set(shop.store.objects.keys("blobs/"))
    shop.store.objects.delete(key)
    shop.store.objects.create(key, data)
    with pytest.raises(UnfitRelease, match="overlay"):
        shop.ours.rollback("all", to=3)
