import pytest
from tests.unit.releases.shop import Shop, config, opened, rules

from recsys.documents import read_config, read_rules
from recsys.errors import NotFound, Refused, UsageError
from recsys.releases import AlreadyRolledBack, Held, NothingOlder, UnfitRelease, UnknownGeneration


def with_configs(*ks: int) -> Shop:
    """Generation 1 is empty; then one generation for each config."""
    shop = opened()
    for k in ks:
        shop.theirs.put_config(config(limits={"max_k": k}))
    return shop


def k_of(shop: Shop) -> int:
    return read_config(shop.store.blobs.read("demo", shop.theirs.current().config)).limits.max_k


def test_by_default_the_lever_goes_back_to_the_content_before_and_nothing_else_moves():
    shop = with_configs(5, 6)
    shop.theirs.put_rules(rules("a"))
    shop.theirs.ship("home", shop.m(1))
    change = shop.ours.rollback("config", reason="empties home")
    assert k_of(shop) == 5
    assert change.release.restores == 2
    assert change.release.generation == 6
    assert change.release.rules == shop.theirs.read(5).rules
    assert change.release.surfaces == shop.theirs.read(5).surfaces
    assert not change.held
    assert change.undo == "recsys releases undo 6 --tenant demo"


def test_a_second_press_does_not_go_back_twice_and_says_what_is_in_force():
    shop = with_configs(5, 6)
    shop.theirs.rollback("config", reason="incident 12")
    with pytest.raises(AlreadyRolledBack) as refused:
        shop.ours.rollback("config")
    said = str(refused.value)
    for fact in ("content of generation 2", "generation 4", "by them", "incident 12"):
        assert fact in said
    for way in ("--further", "--to N", "recsys releases undo 4 --tenant demo"):
        assert way in refused.value.next_step
    assert k_of(shop) == 5


def test_two_people_pressing_at_once_go_back_once():
    shop = with_configs(5, 6)
    shop.meanwhile(lambda r: r.rollback("config"))
    change = shop.ours.rollback("config")
    assert not change.changed
    assert "in force as in generation 2" in change.why
    assert k_of(shop) == 5


def test_further_goes_behind_what_was_restored_and_never_back_into_the_incident():
    shop = with_configs(5, 6, 7)  # 2, 3, 4
    shop.theirs.rollback("config")  # 5: as 3
    assert shop.ours.rollback("config", further=True).release.restores == 2
    assert k_of(shop) == 5
    assert shop.ours.rollback("config", further=True).release.restores == 1
    with pytest.raises(NothingOlder):
        shop.ours.rollback("config", further=True)


def test_a_new_ship_after_a_rollback_goes_back_to_what_was_restored():
    shop = with_configs(5, 6)
    shop.theirs.rollback("config")  # 4: 5 again
    shop.theirs.put_config(config(limits={"max_k": 8}))  # 5
    shop.ours.rollback("config")
    assert k_of(shop) == 5
    assert shop.ours.rollback("config", further=True).release.restores == 1  # and not 3, which was rolled away


def test_content_that_was_put_again_is_not_older_content():
    shop = with_configs(5, 6, 5)  # generation 4 has the content of 2
    shop.ours.rollback("config")
    assert k_of(shop) == 6


def test_a_generation_can_be_named_and_naming_what_is_in_force_does_nothing():
    shop = with_configs(5, 6, 7)
    shop.ours.rollback("config", to=2)
    assert k_of(shop) == 5
    change = shop.ours.rollback("config", to=2)
    assert not change.changed
    assert shop.ours.rollback("config", to=4).committed
    assert k_of(shop) == 7
    with pytest.raises(UnknownGeneration, match="no generation 99; the newest is 6"):
        shop.ours.rollback("config", to=99)
    with pytest.raises(UsageError, match="exclude each other"):
        shop.ours.rollback("config", to=2, further=True)


def test_with_nothing_older_it_refuses():
    with pytest.raises(NothingOlder):
        opened().ours.rollback("config")


def test_artifacts_go_back_exactly_and_are_held_in_the_same_record():
    shop = opened()
    good, bad = shop.m(1), shop.m(2)
    shop.theirs.ship("home", good)
    shop.theirs.ship("home", bad)
    change = shop.ours.rollback("artifacts", surface="home", reason="wrong prices")
    assert change.release.surfaces["home"].manifest == good
    assert change.held
    (hold,) = change.release.holds
    assert (hold.surface, hold.levers, hold.actor, hold.generation) == ("home", ("artifacts",), "us", 4)
    assert hold.reason == "rolled back to generation 2: wrong prices"
    assert change.why == "artifacts of home as in generation 2; held: artifacts of home"
    with pytest.raises(Held):
        shop.theirs.ship("home", bad)
    shop.theirs.put_config(config(limits={"max_k": 2}))


def test_no_hold_is_placed_when_told_or_when_one_covers_it_already():
    shop = opened()
    for likes in (1, 2, 3):
        shop.theirs.ship("home", shop.m(likes))
    assert not shop.ours.rollback("artifacts", surface="home", no_hold=True).held
    shop.theirs.hold(reason="freeze")
    change = shop.ours.rollback("artifacts", surface="home", further=True)
    assert not change.held
    assert len(change.release.holds) == 1


def test_the_artifacts_of_one_of_several_surfaces_must_be_named():
    shop = opened()
    shop.theirs.ship("home", shop.m(1))
    shop.theirs.ship("home", shop.m(2))
    assert shop.ours.rollback("artifacts", dry_run=True).surface == "home"
    shop.theirs.ship("pdp", shop.m(1, "pdp"))
    with pytest.raises(UsageError, match="several surfaces: home, pdp"):
        shop.ours.rollback("artifacts")
    with pytest.raises(NotFound, match="did you mean `home`"):
        shop.ours.rollback("artifacts", surface="hme")


def test_going_back_to_before_the_first_ship_needs_to_be_said():
    shop = opened()
    shop.theirs.ship("home", shop.m(1))
    with pytest.raises(NothingOlder) as refused:
        shop.ours.rollback("artifacts", surface="home")
    assert "nothing for home" in refused.value.message
    assert refused.value.next_step.endswith("--lever artifacts --surface home --to 1")
    assert "home" not in shop.ours.rollback("artifacts", surface="home", to=1).release.surfaces


def test_all_goes_back_to_one_state_of_everything():
    shop = opened()
    shop.theirs.put_config(config(limits={"max_k": 5}))  # 2
    shop.theirs.ship("home", shop.m(1))  # 3
    shop.theirs.put_rules(rules("a"))  # 4
    shop.theirs.ship("home", shop.m(2))  # 5
    shop.theirs.put_config(config(limits={"max_k": 6}))  # 6
    change = shop.ours.rollback("all", to=3)
    old = shop.theirs.read(3)
    assert (change.release.config, change.release.rules, change.release.surfaces) == (
        old.config,
        old.rules,
        old.surfaces,
    )
    assert {hold.surface for hold in change.release.holds} == {"home"}
    assert sorted(change.parts) == ["artifacts:home", "config", "rules"]


def test_all_goes_back_one_change_of_anything_by_default():
    shop = with_configs(5)
    shop.theirs.put_rules(rules("a"))
    change = shop.ours.rollback("all")
    assert change.release.restores == 2
    assert change.release.rules == shop.theirs.read(1).rules
    assert k_of(shop) == 5
    assert change.release.holds == ()


def test_all_further_after_a_rollback_of_one_lever_does_not_meet_the_incident_again():
    shop = with_configs(5, 6)  # 2, 3
    shop.theirs.ship("home", shop.m(1))  # 4
    shop.theirs.rollback("config")  # 5: 5 again, with home
    with pytest.raises(NothingOlder):  # 2 is the next, and it had no home
        shop.ours.rollback("all", further=True)
    with pytest.raises(AlreadyRolledBack):
        shop.ours.rollback("all")


def test_one_surfaces_part_of_the_config_goes_back_alone():
    shop = opened()
    shop.theirs.put_config(config(limits={"max_k": 5}, surfaces={"home": {"freshness_slo_h": 1}}))  # 2
    shop.theirs.put_config(config(limits={"max_k": 5}, surfaces={"home": {"freshness_slo_h": 2}}))  # 3
    shop.theirs.put_config(config(limits={"max_k": 6}, surfaces={"home": {"freshness_slo_h": 2}}))  # 4
    change = shop.ours.rollback("config", surface="home")
    assert change.release.restores == 2
    found = read_config(shop.store.blobs.read("demo", change.release.config))
    assert found.at("home").freshness_slo_h == 1
    assert found.limits.max_k == 6
    with pytest.raises(AlreadyRolledBack):
        shop.ours.rollback("config", surface="home")


def test_one_surfaces_rules_go_back_alone():
    shop = opened()
    shop.theirs.put_rules(rules("h", surface="home"))  # 2
    shop.theirs.put_rules(rules("h", "h2", surface="home"))  # 3
    shop.theirs.put_rules(rules("h", "h2", surface="home")[:-1] + b"," + rules("p", surface="pdp")[1:])  # 4
    change = shop.ours.rollback("rules", surface="home")
    assert [rule.id for rule in read_rules(shop.store.blobs.read("demo", change.release.rules))] == ["h", "p"]


def test_a_rollback_refuses_to_restore_what_it_cannot_read():
    shop = opened()
    good = shop.m(1)
    shop.theirs.ship("home", good)
    shop.theirs.ship("home", shop.m(2))
    shop.store.objects.replace(shop.store.blobs.key("demo", good), b"garbage")
    with pytest.raises(UnfitRelease, match="damaged"):
        shop.ours.rollback("artifacts", surface="home")
    assert shop.theirs.current().generation == 3


def test_a_rollback_opens_again_artifacts_it_shares_with_what_is_in_force():
    shop = opened()
    shop.theirs.ship("home", shop.m(1))
    shop.theirs.ship("home", shop.m(2))  # another manifest, the same catalogue
    (shared,) = [
        key for key in shop.store.objects.keys("blobs/") if b'"kind":"catalog"' in shop.store.objects.read(key)
    ]
    shop.store.objects.replace(shared, shop.store.objects.read(shared)[:-1])
    with pytest.raises(UnfitRelease, match="catalog"):
        shop.ours.rollback("artifacts", surface="home")
    assert shop.ours.rollback("config", to=1).changed is False


def test_a_rollback_works_while_held_and_while_something_else_is_broken():
    shop = with_configs(5, 6)
    broken = shop.m(1)
    shop.theirs.ship("home", broken)
    shop.store.objects.delete(shop.store.blobs.key("demo", broken))
    shop.theirs.hold(reason="freeze")
    assert shop.ours.rollback("config").committed
    assert k_of(shop) == 5


def test_withdrawn_items_and_holds_are_carried_through_every_rollback():
    shop = with_configs(5, 6)
    shop.theirs.withdraw(["mug"])
    shop.theirs.hold(surface="pdp", reason="freeze")
    before = shop.theirs.current()
    after = shop.ours.rollback("all", to=1).release
    assert after.withdrawn == before.withdrawn
    assert after.holds == before.holds


def test_a_lever_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="no lever models"):
        opened().ours.rollback("models")  # type: ignore[arg-type]


def test_a_rollback_of_artifacts_before_anything_shipped_is_refused():
    with pytest.raises(Refused, match="nothing was ever shipped"):
        opened().ours.rollback("artifacts")
