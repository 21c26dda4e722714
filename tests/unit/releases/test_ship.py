import pytest
from tests.unit.releases.shop import Shop, config, opened, rules

from recsys.encoding import Invalid
from recsys.releases import Held, NoReleases, StaleHead, UnknownGeneration


def test_a_ship_makes_a_manifest_live_and_says_how_to_take_it_back():
    shop = opened()
    manifest = shop.m(1)
    change = shop.ours.ship("home", manifest, reason="nightly")
    release = change.release
    assert change.committed
    assert release.generation == 2
    assert release.surfaces["home"].manifest == manifest
    assert (release.action, release.actor, release.reason) == ("ship", "us", "nightly")
    assert release.changed == {"config": 1, "rules": 1, "artifacts:home": 2}
    assert change.undo == "recsys releases undo 2 --tenant demo"
    assert change.document()["changed"] == {"artifacts:home": {"from": None, "to": manifest}}
    assert shop.theirs.current() == release


def test_shipping_what_is_live_changes_nothing_and_says_since_when():
    shop = opened()
    shop.theirs.ship("home", shop.m(1), reason="nightly")
    shop.theirs.ship("pdp", shop.m(1, "pdp"))
    change = shop.ours.ship("home", shop.m(1))
    assert not change.changed
    assert "home serves this manifest already, since generation 2 (ship by them" in change.why
    assert change.release.generation == shop.theirs.current().generation == 3


def test_a_tenant_without_a_release_is_not_shipped_to():
    shop = Shop()
    with pytest.raises(NoReleases, match="recsys tenants create demo"):
        shop.ours.ship("home", shop.m(1))


def test_a_held_surface_refuses_and_names_who_when_why_and_how_to_go_on():
    shop = opened()
    shop.theirs.hold(surface="home", levers=["artifacts"], reason="empty shelves")
    shop.ours.ship("pdp", shop.m(1, "pdp"))
    with pytest.raises(Held) as held:
        shop.ours.ship("home", shop.m(1))
    said = str(held.value)
    for fact in ("artifacts of home", "by them", "2023-11-14", "generation 2", "empty shelves"):
        assert fact in said
    assert held.value.next_step.endswith("recsys releases resume --tenant demo --surface home")


def test_a_hold_on_every_surface_covers_each():
    shop = opened()
    shop.theirs.hold(reason="freeze")
    with pytest.raises(Held):
        shop.ours.ship("home", shop.m(1))


def test_a_precondition_sees_a_surface_that_went_away_and_back():
    shop = opened()
    a, b = shop.m(1), shop.m(2)
    shop.theirs.ship("home", a)  # 2
    shop.theirs.ship("home", b)  # 3
    shop.theirs.ship("home", a)  # 4: the digest of 2, and not the state of 2
    with pytest.raises(StaleHead) as stale:
        shop.ours.ship("home", shop.m(3), expect=f"2:{a}")
    assert (stale.value.expected, stale.value.found) == (2, 4)
    assert shop.ours.ship("home", shop.m(3), expect=f"4:{a}").committed


def test_a_stale_writer_loses_even_when_it_wants_what_is_there():
    shop = opened()
    shop.theirs.ship("home", shop.m(1))
    with pytest.raises(StaleHead):
        shop.ours.ship("home", shop.m(1), expect="1")


def test_a_precondition_holds_while_other_things_change():
    shop = opened()
    shop.theirs.put_config(config(limits={"max_k": 3}))
    shop.theirs.put_rules(rules("a"))
    assert shop.ours.put_config(config(limits={"max_k": 4}), expect="2").committed


def test_a_precondition_from_another_log_is_refused_by_its_digest():
    shop = opened()
    with pytest.raises(StaleHead):
        shop.ours.put_config(config(limits={"max_k": 4}), expect="1:sha256:" + "0" * 64)
    with pytest.raises(UnknownGeneration):
        shop.ours.put_config(config(limits={"max_k": 4}), expect="7")


@pytest.mark.parametrize("expect", ["", "x", "-1", "3:", "sha256:00"])
def test_a_precondition_that_cannot_be_read_is_refused(expect):
    with pytest.raises(Invalid):
        opened().ours.put_config(config(), expect=expect)


def test_names_and_digests_are_checked_before_anything_is_looked_at():
    shop = opened()
    with pytest.raises(Invalid):
        shop.ours.ship("../home", shop.m(1))
    with pytest.raises(Invalid):
        shop.ours.ship("home", "sha256:short")
