"""A store that was put back from an older backup: what `restore` makes of its log, and who goes over to it."""

import threading

import msgspec
import pytest
from tests.contract.faulty import Fault, FaultyObjects
from tests.unit.releases.shop import TENANT, Interposed, Shop, config, opened, rules

from recsys.encoding import canonical
from recsys.errors import OutcomeUnknown, UsageError
from recsys.releases import Held, LogForked, NotUnderstood, Releases
from recsys.releases.checkpoint import take_checkpoint
from recsys.releases.errors import AlreadyRolledBack, NotWhole, StaleHead, WrittenMeanwhile
from recsys.releases.plan import Draft, Facts
from recsys.releases.record import Release
from recsys.releases.restore import restore
from recsys.replicas import Heartbeat, Replica, write_heartbeat
from recsys.store import Busy, Unavailable
from recsys.store.log import ObjectLog


def record(generation: int) -> str:
    return f"releases/{TENANT}/{generation:010d}.json"


def busy(until: int = 6) -> Shop:
    """A log of six: two ships, a config, rules, and items withdrawn twice."""
    shop = opened()
    t = shop.theirs
    steps = (
        lambda: t.ship("home", shop.m(1)),
        lambda: t.put_config(config(limits={"max_k": 11})),
        lambda: t.ship("home", shop.m(2)),
        lambda: t.put_rules(rules("a")),
        lambda: t.withdraw(["poison"]),
    )
    for step in steps[: until - 1]:
        step()
    return shop


def put_back(shop: Shop, upto: int) -> Shop:
    """The store as a backup of generation ``upto`` brings it back; its pointer was left out."""
    copy = shop.copy()
    for key in list(copy.store.objects.keys(f"releases/{TENANT}/")):
        if key.endswith("current.json") or int(key[-15:-5]) > upto:
            copy.store.objects.delete(key)
    return copy


def beat(shop: Shop, generation: int, *, host: str = "a", problem: str | None = None, format: int = 2) -> None:
    known = Replica(generation=generation, head=generation, problem=problem)
    write_heartbeat(
        shop.store.objects, Heartbeat(host=host, at="2026-11-22T00:00:00Z", format=format, tenants={TENANT: known})
    )


def test_the_new_log_stands_above_every_generation_that_a_host_saw():
    copy = put_back(busy(), 4)
    beat(copy, 6)
    done = restore(copy.ours, reason="disk lost")
    head = copy.theirs.current()
    assert head.generation == done.change.release.generation == 7
    assert (done.base, done.content, done.gone) == (4, 4, (5, 6))
    old = copy.theirs.read(4)
    restored = [copy.theirs.read(n) for n in (5, 6, 7)]
    assert {one.action for one in restored} == {"restore"}
    assert {one.log for one in restored} == {head.log} != {old.log}
    assert {(one.supersedes.log, one.supersedes.generation) for one in restored} == {(old.log, 4)}
    assert {(one.config, one.rules, one.surfaces["home"].manifest) for one in restored} == {
        (old.config, old.rules, old.surfaces["home"].manifest)
    }
    assert all(one.requires.format == 2 for one in restored)
    assert copy.theirs.verify().sound


def test_everything_is_held_until_somebody_says_so_and_then_the_format_is_the_old_one():
    copy = put_back(busy(), 4)
    restore(copy.ours, above=6, reason="disk lost")
    with pytest.raises(Held, match="restored from a backup: disk lost"):
        copy.theirs.ship("home", copy.m(3))
    copy.theirs.withdraw(["poison"])  # a brake passes
    copy.theirs.resume(reason="looked at")
    change = copy.theirs.ship("home", copy.m(3))
    assert (change.release.generation, change.release.requires.format) == (10, 1)
    assert change.release.supersedes is None
    assert copy.theirs.verify().sound


def test_without_the_hold_it_may_ship_at_once():
    copy = put_back(busy(), 4)
    restore(copy.ours, above=6, hold=False)
    assert copy.theirs.ship("home", copy.m(3)).committed


@pytest.mark.parametrize("source", ["a host", "a rejected head", "the pointer", "a checkpoint", "the operator"])
def test_what_was_seen_is_learnt_from(source: str):
    shop = busy()
    mark = take_checkpoint(shop.store)
    copy = put_back(shop, 4)
    given: dict = {}
    if source == "a host":
        beat(copy, 6)
    elif source == "a rejected head":
        known = Replica(generation=3, head=6, rejected="damaged")
        write_heartbeat(copy.store.objects, Heartbeat(host="b", at="", format=2, tenants={TENANT: known}))
    elif source == "the pointer":
        copy.store.objects.replace(
            f"releases/{TENANT}/current.json", shop.store.objects.read(f"releases/{TENANT}/current.json")
        )
    elif source == "a checkpoint":
        given = {"checkpoint": mark}
    else:
        given = {"above": 6}
    done = restore(copy.ours, **given)
    assert done.gone == (5, 6)
    assert copy.theirs.current().generation == 7
    assert copy.theirs.verify().sound


def test_a_sound_log_that_nobody_saw_more_of_is_left_alone():
    shop = busy()
    beat(shop, 6)
    done = restore(shop.ours, checkpoint=take_checkpoint(shop.store))
    assert not done.change.changed
    assert "--above" in done.change.why
    assert shop.theirs.current().generation == 6


def test_a_host_that_says_forked_at_the_same_number_makes_it_a_restoration():
    shop = busy()
    copy = put_back(shop, 4)
    copy.theirs.withdraw(["x"])
    copy.theirs.withdraw(["y"])
    beat(copy, 6, problem="LOG_FORKED: the log of demo has another generation 6")
    done = restore(copy.ours)
    assert copy.theirs.current().generation == 7
    assert done.change.release.supersedes.generation == 6
    assert copy.ours.follow(shop.theirs.current()).generation == 7


def test_a_reader_goes_over_wherever_it_stood_and_nobody_else_does():
    shop = busy()
    readers = [shop.theirs.read(n) for n in range(1, 7)]
    copy = put_back(shop, 4)
    for seen in readers[4:]:
        with pytest.raises(LogForked):
            copy.ours.follow(seen)
    restore(copy.ours, above=6)
    copy.theirs.resume()
    assert [copy.ours.follow(seen).generation for seen in readers] == [8] * 6
    stranger = msgspec.structs.replace(readers[4], log="another")
    with pytest.raises(LogForked):
        copy.ours.follow(stranger)


def test_a_reader_that_saw_more_stays_and_says_so_until_it_is_restored_above_it():
    shop = busy()
    for item in ("x", "y"):
        shop.theirs.withdraw([item])
    seen = shop.theirs.current()
    assert seen.generation == 8
    copy = put_back(shop, 4)
    restore(copy.ours, above=6)
    copy.theirs.resume()
    copy.theirs.withdraw(["z"])
    with pytest.raises(LogForked, match="restored up to generation 7 only, by us"):
        copy.ours.follow(seen)
    beat(copy, 8, problem="LOG_FORKED")
    again = restore(copy.ours)
    assert (again.base, again.change.release.generation) == (9, 10)
    assert copy.ours.follow(seen).generation == 10  # by two declared steps
    assert copy.ours.follow(shop.theirs.read(5)).generation == 10
    assert copy.theirs.verify().sound


def test_a_reader_of_a_branch_that_began_before_the_base_is_not_taken_along():
    shop = busy()
    copy = put_back(shop, 3)
    copy.theirs.withdraw(["x"])
    copy.theirs.withdraw(["y"])  # this copy's own 4 and 5
    restore(copy.ours, above=6)
    assert copy.ours.follow(shop.theirs.read(5)).generation == 7
    with pytest.raises(LogForked, match="went another way before that"):
        copy.ours.follow(shop.theirs.read(4))


def test_a_link_that_does_not_hold_in_the_restored_log_is_not_gone_over_to():
    shop = busy()
    seen = shop.theirs.current()
    copy = put_back(shop, 4)
    restore(copy.ours, above=6)
    copy.store.objects.replace(record(6), msgspec.structs.replace(copy.theirs.read(6), reason="edited").encode())
    with pytest.raises(LogForked, match="generation 7 names"):
        copy.ours.follow(seen)


def test_a_publisher_that_outlived_its_log_goes_on_only_with_the_restored_one():
    shop = busy()
    publisher = shop.ours
    assert publisher.current().generation == 6
    older = put_back(shop, 4)
    restore(older.theirs, above=6, hold=False)
    for key in list(shop.store.objects.keys(f"releases/{TENANT}/")):
        shop.store.objects.delete(key)
    for key in older.store.objects.keys(f"releases/{TENANT}/"):
        shop.store.objects.replace(key, older.store.objects.read(key))
    change = publisher.withdraw(["y"])
    assert (change.release.generation, change.release.log) == (8, older.theirs.current().log)
    assert shop.theirs.verify().sound


def test_a_change_on_its_way_when_the_log_is_restored_is_not_written():
    copy = put_back(busy(), 4)
    copy.meanwhile(lambda theirs: restore(theirs, above=6, hold=False))
    with pytest.raises(LogForked, match="restored from a backup"):
        copy.ours.ship("home", copy.m(3))
    assert copy.theirs.current().action == "restore"


def test_an_expectation_of_the_lost_log_is_never_met_by_chance():
    copy = put_back(busy(), 4)
    restore(copy.ours, above=6, hold=False)
    with pytest.raises(StaleHead):
        copy.theirs.put_config(config(limits={"max_k": 12}), expect="6")


@pytest.mark.parametrize("stops", range(1, 5))
def test_left_half_way_the_log_is_right_and_the_same_command_goes_on(stops: int):
    shop = busy()
    copy = put_back(shop, 3)
    log = Interposed(copy.store.releases)
    appends = []

    def dies() -> None:
        appends.append(1)
        if len(appends) == stops:
            raise KeyboardInterrupt
        log.meanwhile = dies

    log.meanwhile = dies
    with pytest.raises(KeyboardInterrupt):
        restore(copy.theirs.over(log), above=6)
    assert copy.theirs.current().generation == 2 + stops
    assert copy.theirs.verify().sound
    restore(copy.ours, above=6)
    assert copy.theirs.current().generation == 7
    assert len({copy.theirs.read(n).log for n in range(4, 8)}) == 1
    assert sum(len(copy.theirs.read(n).holds) for n in (4, 7)) == 2
    assert not restore(copy.ours, above=6).change.changed
    assert copy.ours.follow(shop.theirs.current()).generation == 7


def test_an_unknown_outcome_is_resumed_by_its_attempt_and_nothing_is_done_twice():
    copy = put_back(busy(), 4)
    lost = FaultyObjects(copy.store.objects, creates=[Fault.NONE, Fault.LATE, *[Fault.LOST_BEFORE] * 50], reads=[])
    log = ObjectLog(lost, "releases", sleep=lambda _s: None, clock=iter(range(0, 10_000, 3)).__next__)
    with pytest.raises(OutcomeUnknown) as unknown:
        restore(copy.theirs.over(log), above=6)
    done = restore(copy.ours, above=6, attempt=unknown.value.attempt)
    assert done.change.release.generation == copy.theirs.current().generation == 7
    assert {copy.theirs.read(n).attempt for n in (5, 6, 7)} == {unknown.value.attempt.partition("@")[0]}
    assert len({copy.theirs.read(n).log for n in (5, 6, 7)}) == 1


def test_of_two_who_restore_at_once_one_is_told_and_its_second_try_finds_it_done():
    copy = put_back(busy(), 4)
    copy.meanwhile(lambda theirs: restore(theirs, above=6))
    with pytest.raises(WrittenMeanwhile, match="restore by them"):
        restore(copy.ours, above=6)
    assert not restore(copy.ours, above=6).change.changed
    assert len({copy.theirs.read(n).log for n in (5, 6, 7)}) == 1


def test_two_who_finish_the_same_one_do_not_disturb_each_other():
    copy = put_back(busy(), 4)
    restore(copy.theirs, above=5)
    copy.meanwhile(lambda theirs: restore(theirs, above=8))
    restore(copy.ours, above=9)
    assert copy.theirs.current().generation == 10
    assert len({copy.theirs.read(n).log for n in range(5, 11)}) == 1
    assert copy.theirs.verify().sound


def test_threads_that_all_restore_make_one_log():
    copy = put_back(busy(), 4)
    outcomes: list[object] = []

    def one(name: str) -> None:
        try:
            outcomes.append(restore(Releases(copy.store, TENANT, actor=name), above=9).change.release.log)
        except WrittenMeanwhile as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=one, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8
    assert restore(copy.ours, above=9).change.release.generation == 10
    assert len({copy.theirs.read(n).log for n in range(5, 11)}) == 1
    assert copy.theirs.verify().sound


def test_a_ship_that_comes_first_is_told_and_the_second_try_takes_it_up():
    copy = put_back(busy(), 4)
    copy.meanwhile(lambda theirs: theirs.withdraw(["z"]))
    with pytest.raises(WrittenMeanwhile, match="withdraw by them"):
        restore(copy.ours, above=6)
    assert restore(copy.ours, above=6).base == 5


def test_a_copy_that_lacks_a_blob_is_refused_with_the_newest_generation_that_is_whole():
    copy = put_back(busy(), 5)
    copy.store.objects.delete(copy.store.blobs.key(TENANT, copy.theirs.read(4).surfaces["home"].manifest))
    with pytest.raises(NotWhole, match=r"--to 3$"):
        restore(copy.ours, above=6)
    assert copy.theirs.current().generation == 5
    done = restore(copy.ours, above=6, to=3)
    head = copy.theirs.current()
    assert (done.content, head.restores) == (3, 3)
    assert head.surfaces["home"].manifest == copy.theirs.read(3).surfaces["home"].manifest
    with pytest.raises(AlreadyRolledBack):
        copy.theirs.rollback("artifacts", surface="home")


def test_older_content_leaves_withdrawn_items_withdrawn():
    copy = put_back(busy(), 6)
    restore(copy.ours, above=7, to=3)
    head = copy.theirs.current()
    assert head.withdrawn == copy.theirs.read(6).withdrawn is not None
    assert head.config == copy.theirs.read(3).config


def test_a_dry_run_says_it_all_and_writes_nothing():
    copy = put_back(busy(), 4)
    before = {key: copy.store.objects.read(key) for key in copy.store.objects.keys("")}
    done = restore(copy.ours, above=6, dry_run=True)
    assert (done.change.release.generation, done.gone, done.change.held) == (7, (5, 6), True)
    assert {key: copy.store.objects.read(key) for key in copy.store.objects.keys("")} == before


def test_a_living_host_that_could_not_read_it_keeps_it_from_being_written():
    copy = put_back(busy(), 4)
    beat(copy, 6, host="old", format=1)
    with pytest.raises(NotUnderstood, match="old"):
        restore(copy.ours)
    assert copy.theirs.current().generation == 4


def test_a_slip_of_the_finger_is_no_million_records():
    copy = put_back(busy(), 4)
    with pytest.raises(UsageError, match="above the newest"):
        restore(copy.ours, above=60_000_000)


def test_a_store_that_is_away_is_said_as_such():
    copy = put_back(busy(), 4)

    class Away(Interposed):
        def read(self, stream: str, number: int) -> bytes:
            raise Unavailable("memory", "gone")

    with pytest.raises(Unavailable):
        restore(copy.theirs.over(Away(copy.store.releases)), above=6)


def test_a_rollback_after_a_restoration_goes_where_it_would_have_gone_before():
    copy = put_back(busy(), 4)
    restore(copy.ours, above=6)
    change = copy.theirs.rollback("artifacts", surface="home")
    assert change.release.restores == 3
    with pytest.raises(Held):
        copy.theirs.undo()
    copy.theirs.resume()
    undone = copy.theirs.undo(8)
    assert undone.release.surfaces["home"].manifest == copy.theirs.read(4).surfaces["home"].manifest


def test_a_collection_that_the_copy_caught_half_way_is_over_with_the_old_log():
    shop = busy()
    first = shop.theirs.current().config
    shop.theirs.put_config(config(limits={"max_k": 12}))
    condemned = shop.store.blobs.put(TENANT, canonical([first]))
    shop.theirs.carry(
        Condemned(named=condemned), reason="cut short", dry_run=False, attempt=shop.theirs.begin(None, "gc")
    )
    copy = put_back(shop, shop.theirs.current().generation)
    with copy.store.objects.alone(f"blobs/{TENANT}/"), pytest.raises(Busy):
        restore(copy.ours, above=20)  # somebody goes on with it
    assert restore(copy.ours, above=20, reason="disk").change.release.condemned is None
    copy.ours.rollback("config", to=6)
    assert copy.ours.current().config == first
    assert copy.ours.verify().sound


class Condemned(msgspec.Struct, frozen=True, kw_only=True):
    """What begins a collection of a list of one's own."""

    named: str

    @property
    def action(self) -> str:
        return "gc"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft:
        return Draft(release=msgspec.structs.replace(head, condemned=self.named), why="", undo="")
