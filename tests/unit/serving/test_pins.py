"""A host kept at one of its verified generations, by an operator's word."""

import threading
from functools import partial

import pytest
from tests.integration.serving.shops import Shop
from tests.unit.serving.hosts import Host

from recsys.errors import NotFound
from recsys.releases import erase_users
from recsys.replicas import read_heartbeats
from recsys.serving.host_state import Kept, Pin, TenantState
from recsys.serving.pins import Pins, read_pin_records
from recsys.snapshot import collect, open_snapshot


@pytest.fixture
def host(tmp_path):
    """A host that has verified generations 2, 3 and 4, of marks a, b and c."""
    shop = Shop(tmp_path)
    shop.ship("a")
    made = Host(shop)
    made.follow(2)
    for mark, generation in (("b", 3), ("c", 4)):
        shop.ship(mark)
        made.follow(generation)
    return made


def marks(asked):
    return {item.partition("-")[0] for item in asked.items}


def test_a_pinned_generation_answers_within_a_step_and_says_so(host):
    host.pin(2)
    asked = host.ask()
    assert (asked.generation, asked.rung, marks(asked)) == (2, "last_good", {"a"})
    assert "pinned to generation 2" in asked.warnings["PINNED"]
    assert "ops" not in asked.warnings["PINNED"]  # clients need not know who
    assert asked.exposure.context["generation"] == "2"
    host.unpin()
    asked = host.ask()
    assert (asked.generation, asked.rung, asked.warnings) == (4, "live", {})


def test_pinned_to_the_newest_it_stays_live_until_there_is_a_newer_one(host):
    host.pin(4)
    assert (host.ask().rung, set(host.ask().warnings)) == ("live", {"PINNED"})
    host.shop.ship("d")
    host.follow(5)
    assert (host.ask().generation, host.ask().rung) == (4, "last_good")


def test_it_works_with_the_store_away_and_outlives_restarts(host):
    host.shop.take_store_away()
    host.pin(2)
    assert host.ask().generation == 2
    for _ in range(2):
        host.restart()
        assert (host.ask().generation, host.ask().rung) == (2, "disk")  # by host.json, before the follower's first step
        host.step()
        assert set(host.ask().warnings) == {"FALLBACK_DISK", "PINNED"}
    host.unpin()
    assert (host.ask().generation, host.ask().warnings.keys()) == (4, {"FALLBACK_DISK"})


def test_a_pin_made_with_the_service_down_holds_from_its_first_step(host):
    host.pins.pin("demo", host.tenant(), 3, actor="ops", reason="")
    host.restart()
    host.step()
    assert host.ask().generation == 3


def test_newer_releases_are_verified_aside_so_that_letting_go_is_immediate(host):
    host.pin(2)
    for mark, generation in (("d", 5), ("e", 6), ("f", 7)):
        host.shop.ship(mark)
        host.follow(generation)
        assert marks(host.ask()) == {"a"}
    assert [one.generation for one in host.tenant().kept] == [7, 6, 5, 2]
    host.shop.take_store_away()
    host.unpin()
    assert marks(host.ask()) == {"f"}


def test_what_is_pinned_is_not_collected_and_what_was_is(host, monkeypatch):
    monkeypatch.setattr("recsys.serving.leftovers.collect", partial(collect, grace_s=0.0))
    host.pin(2)
    for mark, generation in (("d", 5), ("e", 6), ("f", 7)):
        host.shop.ship(mark)
        host.follow(generation)
    path = host.places.root / host.tenant().serving[0].path
    assert open_snapshot(path, verify=True).generation == 2
    host.unpin()
    host.shop.ship("g")
    host.follow(8)
    assert [one.generation for one in host.tenant().kept] == [8, 7, 6]
    assert not (path / "snapshot.json").exists()


def test_the_floor_under_a_pin_is_that_of_the_pinned_generation(host):
    host.pin(2)
    host.shop.ship("d")
    host.follow(5)
    assert host.view.lowest().generation == 2
    host.unpin()
    assert host.view.lowest().generation == 5


def damage(host, generation):
    (kept,) = [one for one in host.tenant().kept if one.generation == generation]
    (host.places.root / kept.path / "snapshot.json").write_bytes(b"damaged")


def test_a_pinned_generation_whose_copy_is_damaged_falls_to_the_ladder_and_says_so(host):
    host.pin(2)
    damage(host, 2)
    host.restart()
    asked = host.ask()
    assert asked.generation == 4
    assert "which cannot be read here" in asked.warnings["PINNED"]
    host.step_until(lambda: host.tenant().pin_problem)
    assert host.tenant().pin_problem == "pinned to generation 2, which cannot be read on this host: 4 answers"
    assert (host.ask().generation, host.ask().rung) == (4, "live")
    assert "which cannot be read here" in host.ask().warnings["PINNED"]


def test_a_copy_damaged_before_the_pin_leaves_what_is_open_in_its_place(host):
    damage(host, 2)
    host.pin(2)
    assert host.ask().generation == 4
    assert "which cannot be read here" in host.ask().warnings["PINNED"]
    assert "demo" in host.workers.problems


def test_a_lost_host_json_does_not_forget_the_pin(host):
    host.pin(3)
    for path in host.places.root.glob("host.json*"):
        path.unlink()
    host.restart()
    host.follow(4)
    assert host.tenant().pinned.generation == 3
    assert "which cannot be read here" in host.ask().warnings["PINNED"]


def test_what_the_newest_release_withdraws_and_erases_binds_a_pinned_host(host):
    host.pin(2)
    before = host.ask(user={"user_id": "ann"})
    assert "a-000" in before.items
    assert before.exposure.user_id is not None
    host.shop.releases.withdraw(["a-000"], reason="recalled")
    erase_users(host.shop.releases, [host.pseudonyms.of("ann")], reason="asked for it")
    host.follow(6)
    for asked in (host.ask(user={"user_id": "ann"}), (host.restart(), host.ask(user={"user_id": "ann"}))[1]):
        assert asked.generation == 2
        assert "a-000" not in asked.items
        assert asked.exposure.user_id is None


@pytest.mark.parametrize("generation", [1, 5, 0, -3])
def test_only_what_this_host_has_verified_can_be_pinned_and_the_refusal_names_it(host, generation):
    with pytest.raises(NotFound, match="it keeps 4, 3, 2"):
        host.pins.pin("demo", host.tenant(), generation, actor="ops", reason="")
    assert host.pins.held() == {}


def test_the_heartbeat_says_what_is_served_and_that_it_is_pinned(host):
    host.pin(2)

    def beat():
        return read_heartbeats(host.shop.store.objects)[0].tenants["demo"]

    host.step_until(lambda: beat().pinned == 2)
    assert (beat().generation, beat().head) == (2, 4)
    host.unpin()
    host.step_until(lambda: beat().pinned is None)
    assert beat().generation == 4


def records(host):
    return [
        (one.action, one.before, one.generation, one.actor) for one in read_pin_records(host.shop.store.objects, "demo")
    ]


def test_the_audit_follows_when_the_store_is_back_each_entry_once_whatever_restarts_between(host):
    host.shop.take_store_away()
    host.pin(2)
    host.restart()
    host.step(3)
    host.pin(3)
    host.unpin()
    host.restart()
    host.shop.bring_store_back()
    host.step_until(lambda: len(records(host)) == 3)
    assert records(host) == [("pin", 4, 2, "ops"), ("pin", 2, 3, "ops"), ("unpin", 3, 4, "ops")]
    keys = list(host.shop.store.objects.keys("pins/demo/"))
    host.restart()
    host.step(5)
    assert list(host.shop.store.objects.keys("pins/demo/")) == keys
    (one,) = host.places.pins.iterdir()  # the newest says what holds; the others were told
    assert one.name == "demo.0000000003.told"


def test_an_entry_that_reached_the_store_before_the_host_died_is_not_told_twice(host):
    host.pin(2)
    host.step_until(lambda: len(records(host)) == 1)
    for path in host.places.pins.glob("*.told"):
        path.rename(path.with_suffix(".new"))
    host.restart()
    host.step_until(lambda: any(host.places.pins.glob("*.told")))
    assert len(records(host)) == 1


STATE = TenantState(kept=tuple(Kept(generation=n, path=str(n), log="l", attempt="a") for n in (4, 3, 2)))


def test_of_many_at_once_each_is_kept_and_all_agree_which_holds(tmp_path):
    folder = tmp_path / "pins"
    start = threading.Barrier(8)

    def pin(number):
        start.wait()
        Pins(folder).pin("demo", STATE, 2 + number % 3, actor=f"ops-{number}", reason="")

    threads = [threading.Thread(target=pin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(folder.iterdir())) == 8
    assert len({Pins(folder).held()["demo"].actor for _ in range(3)}) == 1


def test_a_pin_file_is_ours_alone_and_a_damaged_one_says_nothing(tmp_path):
    pins = Pins(tmp_path / "pins")
    pins.pin("demo", STATE, 2, actor="ops", reason="")
    pins.pin("demo", STATE, 3, actor="ops", reason="")
    newest = max((tmp_path / "pins").iterdir())
    assert newest.stat().st_mode & 0o777 == 0o600
    newest.write_bytes(newest.read_bytes().replace(b'"generation":3', b'"generation":4'))
    assert Pins(tmp_path / "pins").held()["demo"].generation == 2


def test_what_is_kept_keeps_its_order_behind_what_is_pinned():
    pinned = TenantState(kept=STATE.kept, pinned=Pin(generation=2, actor="ops", reason="", at=""))
    assert [one.generation for one in pinned.serving] == [2, 4, 3]
    assert (STATE.served, pinned.served, pinned.generation) == (4, 2, 4)


def test_pins_of_one_tenant_are_not_anothers(tmp_path):
    pins = Pins(tmp_path / "pins")
    pins.pin("demo", STATE, 2, actor="ops", reason="")
    pins.pin("demo-2", STATE, 3, actor="ops", reason="")
    assert {tenant: pin.generation for tenant, pin in pins.held().items()} == {"demo": 2, "demo-2": 3}
