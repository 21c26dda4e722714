import pytest
from tests.unit.releases.shop import config, opened, rules

from recsys.documents import read_rules
from recsys.encoding import Invalid, canonical, digest
from recsys.releases import Held


def test_a_document_is_stored_canonical_and_its_digest_is_its_version():
    shop = opened()
    change = shop.ours.put_config(b'{ "limits": {"max_k": 5} }', reason="short lists")
    assert change.release.config == digest(b'{"limits":{"max_k":5}}')
    assert shop.store.blobs.read("demo", change.release.config) == b'{"limits":{"max_k":5}}'
    assert change.release.changed["config"] == 2


def test_putting_what_is_in_force_changes_nothing():
    shop = opened()
    shop.theirs.put_rules(rules("a", "b"))
    change = shop.ours.put_rules(rules("b", "a"))
    assert not change.changed
    assert "since generation 2 (rules by them" in change.why


def test_a_document_that_does_not_check_is_refused_and_nothing_is_written():
    shop = opened()
    before = list(shop.store.objects.keys("blobs/"))
    with pytest.raises(Invalid):
        shop.ours.put_config(b'{"limits":{"max_k":0}}')
    assert list(shop.store.objects.keys("blobs/")) == before
    assert shop.theirs.current().generation == 1


def test_a_rule_is_switched_off_and_its_undo_switches_it_on():
    shop = opened()
    shop.theirs.put_rules(rules("it's a sale", "b"))
    change = shop.ours.disable_rule("it's a sale")
    read = {rule.id: rule.enabled for rule in read_rules(shop.store.blobs.read("demo", change.release.rules))}
    assert read == {"it's a sale": False, "b": True}
    assert change.undo == """recsys rules enable 'it'"'"'s a sale' --tenant demo"""
    assert not shop.ours.disable_rule("it's a sale").changed
    back = shop.ours.enable_rule("it's a sale")
    assert back.release.rules == shop.theirs.read(2).rules


def test_under_a_hold_rules_are_switched_off_but_not_on():
    shop = opened()
    shop.theirs.put_rules(rules("a"))
    shop.theirs.hold(levers=["rules"], reason="freeze")
    assert shop.ours.disable_rule("a").committed
    with pytest.raises(Held):
        shop.ours.enable_rule("a")
    with pytest.raises(Held):
        shop.ours.put_rules(rules("c"))
    assert shop.ours.put_config(config(limits={"max_k": 3})).committed


def test_a_hold_on_one_surface_stops_only_documents_that_it_would_feel():
    shop = opened()
    shop.theirs.put_config(config(surfaces={"home": {"limits": {"max_k": 5}}}))
    shop.theirs.hold(surface="home", levers=["config", "rules"], reason="freeze")
    pdp_too = config(surfaces={"home": {"limits": {"max_k": 5}}, "pdp": {"limits": {"max_k": 9}}})
    assert shop.ours.put_config(pdp_too).committed
    with pytest.raises(Held):
        shop.ours.put_config(config(surfaces={"home": {"limits": {"max_k": 6}}}))
    with pytest.raises(Held):
        shop.ours.put_config(config(limits={"max_exclude_ids": 3}, surfaces={"home": {"limits": {"max_k": 5}}}))
    assert shop.ours.put_rules(rules("a", surface="pdp")).committed
    with pytest.raises(Held):
        shop.ours.put_rules(canonical([{"id": "b", "action": "block", "item_ids": ["mug"]}]))


def test_the_undo_of_a_switched_rule_can_be_pasted_whatever_its_id():
    shop = opened()
    shop.theirs.put_rules(rules("-x", "a b"))
    assert shop.ours.disable_rule("-x").undo == "recsys rules enable --tenant demo -- -x"
    assert shop.ours.disable_rule("a b").undo == "recsys rules enable 'a b' --tenant demo"
