import msgspec
import pytest
from tests.unit.releases.shop import Shop, config, opened

import recsys.releases.erase
from recsys.errors import UsageError
from recsys.releases import CannotUndo, Held, NotUnderstood, erase_users
from recsys.replicas import Heartbeat, write_heartbeat

ANN, BOB, EVE = ("a" * 32, "b" * 32, "e" * 32)


def erased(shop: Shop) -> list[str]:
    named = shop.theirs.current().erased
    return [] if named is None else msgspec.json.decode(shop.store.blobs.read("demo", named))


def test_users_are_erased_under_a_hold_with_who_and_why():
    shop = opened()
    shop.theirs.hold(reason="freeze")
    with pytest.raises(Held):
        shop.ours.put_config(config(freshness_slo_h=7))
    change = erase_users(shop.ours, [BOB, ANN, BOB], reason="request 88")
    assert erased(shop) == [ANN, BOB]
    release = shop.theirs.current()
    assert (release.action, release.actor, release.reason) == ("erase", "us", "request 88")
    assert release.requires.format == 2
    assert change.committed
    assert change.undo == ""


def test_who_is_erased_stays_so_whatever_comes_after():
    shop = opened()
    shop.theirs.ship("home", shop.m(1))
    shop.theirs.ship("home", shop.m(2))
    named = erase_users(shop.theirs, [ANN]).release.erased
    shop.ours.put_config(config(freshness_slo_h=7))
    shop.ours.put_rules(b"[]")
    shop.ours.withdraw(["mug"])
    shop.ours.rollback("artifacts", surface="home")
    shop.ours.undo()
    shop.ours.rollback("config")
    shop.ours.rollback("artifacts", surface="home", further=True)
    shop.ours.hold()
    shop.ours.rollback("all", to=1)
    assert {shop.theirs.read(n).erased for n in range(4, shop.theirs.current().generation + 1)} == {named}


def test_two_people_who_erase_at_once_both_have_their_way():
    shop = opened()
    shop.meanwhile(lambda releases: erase_users(releases, [ANN]))
    erase_users(shop.ours, [BOB])
    assert erased(shop) == [ANN, BOB]


def test_who_is_erased_already_changes_nothing():
    shop = opened()
    erase_users(shop.theirs, [ANN, BOB])
    change = erase_users(shop.ours, [ANN])
    assert not change.changed
    assert change.why == "1 user is erased already"


def test_erasing_cannot_be_undone_and_says_so():
    shop = opened()
    generation = erase_users(shop.theirs, [ANN]).release.generation
    with pytest.raises(CannotUndo, match="erased users, and that cannot be taken back"):
        shop.ours.undo(generation)
    assert erased(shop) == [ANN]


def test_a_resumed_attempt_finds_its_release_and_names_no_undo():
    shop = opened()
    change = erase_users(shop.theirs, [ANN], attempt="5f3b8f0e-7f3e-4f1b-9d0b-0c9b0c7c1a11@1")
    again = erase_users(shop.ours, [ANN], attempt="5f3b8f0e-7f3e-4f1b-9d0b-0c9b0c7c1a11@1")
    assert again.release.generation == change.release.generation
    assert again.undo == ""


def test_a_dry_run_writes_nothing():
    shop = opened()
    before = list(shop.store.objects.keys(""))
    assert erase_users(shop.ours, [ANN], dry_run=True).changed
    assert list(shop.store.objects.keys("")) == before


@pytest.mark.parametrize("ids", [[], ["u-1001"], ["A" * 32], ["a" * 31], [ANN, "ann@example.com"]])
def test_what_is_no_pseudonym_is_refused_and_not_repeated(ids):
    with pytest.raises(UsageError) as refused:
        erase_users(opened().ours, ids)
    assert "ann@example.com" not in str(refused.value)
    assert "u-1001" not in str(refused.value)


def test_the_set_has_a_limit(monkeypatch):
    monkeypatch.setattr(recsys.releases.erase, "MAX_ERASED", 2)
    shop = opened()
    erase_users(shop.theirs, [ANN, BOB])
    with pytest.raises(UsageError, match="erased users 3 > 2"):
        erase_users(shop.ours, [EVE])


def test_a_host_that_would_not_know_of_erased_users_is_not_left_to_use_them():
    shop = opened()
    write_heartbeat(shop.store.objects, Heartbeat(host="old", at="2026-11-22T00:00:00Z", format=1, tenants={}))
    with pytest.raises(NotUnderstood, match="old"):
        erase_users(shop.ours, [ANN])


def test_a_diff_says_how_many_and_not_who():
    shop = opened()
    erase_users(shop.theirs, [ANN, BOB])
    found = shop.theirs.diff(1, 2)
    assert found.lines() == ["users erased: 2"]
    assert ANN not in str(found)
