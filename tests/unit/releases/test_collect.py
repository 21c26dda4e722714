"""What a collection deletes and what it keeps, and that nothing is lost on the way."""

from dataclasses import replace
from datetime import date

import msgspec
import pytest
from tests.unit.releases.shop import TENANT, Shop, config, popularity, rules

from recsys.encoding import canonical
from recsys.errors import OutcomeUnknown, UsageError
from recsys.releases import (
    ArtifactRef,
    BeingCollected,
    CannotUndo,
    Collected,
    Collection,
    LogForked,
    Manifest,
    NotUnderstood,
    UnfitRelease,
    collect_garbage,
    gone_from,
)
from recsys.releases.collect import LOOK_EVERY
from recsys.releases.record import Release
from recsys.replicas import Heartbeat, write_heartbeat
from recsys.store import Blobs, Busy, Commit, CommitState, Corrupt, Missing, Store, Unavailable
from recsys.store.log import ObjectLog
from recsys.store.memory import MemoryObjects

DAY_S = 86_400.0


class Aging(Shop):
    """A shop whose store has a clock of its own; ``later`` moves it, past any grace by default."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0
        self.objects = MemoryObjects(clock=lambda: self.now_s)
        super().__init__(stored_in(self.objects))
        self.theirs.create(reason="begin")

    def later(self, seconds: float = 2 * DAY_S) -> None:
        self.now_s += seconds

    def collect(self, **more: object) -> Collection:
        return collect_garbage(self.store, TENANT, actor="keeper", **more)  # type: ignore[arg-type]

    def there(self, named: str | None) -> bool:
        return self.store.blobs.exists(TENANT, named or "")


def stored_in(objects: MemoryObjects) -> Store:
    return Store(
        name=objects.name,
        id="a store",
        objects=objects,
        blobs=Blobs(objects),
        releases=ObjectLog(objects, "releases"),
        access=ObjectLog(objects, "access"),
    )


def shipped(times: int) -> tuple[Aging, list[Release]]:
    """Ship so many different contents of home, a day apart."""
    shop = Aging()
    made = []
    for likes in range(1, times + 1):
        made.append(shop.theirs.ship("home", shop.m(likes)).release)
        shop.later(DAY_S)
    shop.later()
    return shop, made


def manifest_of(release: Release, surface: str = "home") -> str:
    named = release.surfaces[surface].manifest
    assert named is not None
    return named


def artifact_in(shop: Shop, release: Release) -> str:
    data = shop.store.blobs.read(TENANT, manifest_of(release))
    return msgspec.json.decode(data, type=Manifest).signals["popularity"][0].artifact


# -- what goes and what stays


def test_the_last_contents_of_a_lever_stay_and_older_ones_go():
    shop, made = shipped(7)
    artifacts = [artifact_in(shop, release) for release in made]
    done = shop.collect(keep=4)
    assert [shop.there(manifest_of(release)) for release in made] == [False] * 3 + [True] * 4
    assert [shop.there(named) for named in artifacts] == [False] * 3 + [True] * 4
    assert {amount.kind: amount.go for amount in done.kinds if amount.go} == {"artifacts": 3, "manifests": 3}
    assert done.oldest == {"artifacts:home": made[3].generation, "config": 1, "rules": 1}
    assert (done.begun, done.done, done.generation) == (9, 10, 10)
    for release in made[3:]:
        shop.ours.rollback("artifacts", to=release.generation, no_hold=True)
    assert shop.ours.verify().sound


def test_twenty_are_kept_when_nobody_says_how_many():
    shop, made = shipped(22)
    shop.collect()
    assert [shop.there(manifest_of(release)) for release in made] == [False] * 2 + [True] * 20


def test_content_that_comes_again_counts_once():
    shop, made = shipped(3)
    for _ in range(5):
        shop.theirs.rollback("artifacts", to=made[1].generation, no_hold=True)
        shop.theirs.rollback("artifacts", to=made[2].generation, no_hold=True)
    shop.later()
    shop.collect(keep=3)
    assert all(shop.there(manifest_of(release)) for release in made)


def test_each_lever_and_surface_counts_for_itself():
    shop, made = shipped(4)
    pdp = shop.theirs.ship("pdp", shop.m(1, "pdp")).release
    first = shop.theirs.put_config(config(limits={"max_k": 1})).release
    for k in (2, 3, 4):
        shop.theirs.put_config(config(limits={"max_k": k}))
    shop.later()
    done = shop.collect(keep=2)
    assert shop.there(manifest_of(pdp, "pdp"))
    assert not shop.there(first.config)
    assert not shop.there(manifest_of(made[1]))
    assert done.oldest == {"artifacts:home": 4, "artifacts:pdp": 1, "config": 9, "rules": 1}


def test_what_was_published_and_never_shipped_goes_when_it_is_old():
    shop, _ = shipped(1)
    left = shop.m(9)
    shop.later(DAY_S + 1)
    young = shop.m(10)
    done = shop.collect()
    assert not shop.there(left)
    assert shop.there(young)
    assert [amount.go for amount in done.kinds if amount.kind == "unnamed"] == [2]  # a manifest and its artifact


def test_publishing_something_again_makes_it_young():
    shop, _ = shipped(1)
    left = shop.m(9)
    shop.later()
    shop.m(9)
    shop.collect()
    assert shop.there(left)


def test_what_holds_and_candidates_began_with_stays_and_what_stood_before():
    shop, made = shipped(3)
    held = shop.theirs.rollback("artifacts", to=made[0].generation).release
    shop.theirs.put_config(config(limits={"max_k": 7}))
    begun = shop.theirs.candidates.start("home", share=0.1, rules=rules("a", surface="home")).release
    before = shop.theirs.read(held.generation - 1)
    for k in range(1, 5):
        shop.theirs.put_config(config(limits={"max_k": k}))
    shop.later()
    shop.collect(keep=1)
    assert shop.there(manifest_of(before))  # undoing the rollback, and its hold, brings this back
    assert shop.there(manifest_of(held))
    assert shop.there(begun.config)
    candidate = begun.surfaces["home"].candidate
    assert candidate is not None
    assert shop.there(candidate.rules)
    shop.ours.undo(held.generation)
    assert shop.ours.verify().sound


def test_evidence_stays_and_old_lists_of_withdrawn_items_go():
    shop, _ = shipped(1)
    first = shop.theirs.withdraw(["mug"]).release
    report = shop.theirs.ship("home", shop.m(5), evidence=[b"{}"]).release
    for likes in range(6, 9):
        shop.theirs.ship("home", shop.m(likes))
    newest = shop.theirs.withdraw(["cup"]).release
    shop.later()
    shop.collect(keep=1)
    assert shop.there(report.evidence[0])
    assert not shop.there(manifest_of(report))
    assert not shop.there(first.withdrawn)
    assert shop.there(newest.withdrawn)
    assert shop.ours.verify().sound


def test_a_dry_run_counts_what_the_run_deletes_and_writes_nothing():
    shop, _ = shipped(5)
    shop.m(50)
    shop.later()
    before = {key: shop.objects.read(key) for key in shop.objects.keys("")}
    tried = shop.collect(keep=2, dry_run=True)
    assert {key: shop.objects.read(key) for key in shop.objects.keys("")} == before
    made = shop.collect(keep=2)
    assert [(a.kind, a.go, a.go_bytes, a.stay) for a in tried.kinds] == [
        (a.kind, a.go, a.go_bytes, a.stay) for a in made.kinds
    ]
    assert tried.blobs == made.blobs == 8
    gone = {key for key in before if not shop.objects.exists(key)}
    assert sum(len(before[key]) for key in gone) == made.size_bytes


def test_a_second_collection_finds_nothing_and_commits_nothing():
    shop, _ = shipped(5)
    done = shop.collect(keep=2)
    again = shop.collect(keep=2)
    assert (again.blobs, again.begun, again.done, again.generation) == (0, None, None, done.generation)
    assert shop.collect(keep=20).oldest == done.oldest  # what is gone does not come back


def test_a_collection_that_keeps_nothing_or_waits_less_than_nothing_is_refused():
    shop, _ = shipped(1)
    with pytest.raises(UsageError, match="at least 1"):
        shop.collect(keep=0)
    with pytest.raises(UsageError, match="negative"):
        shop.collect(grace_s=-1.0)


@pytest.mark.parametrize("jump_s", [-3_600.0, 3_600.0, -3_652 * DAY_S, 3_652 * DAY_S])
def test_a_clock_that_jumps_deletes_nothing_that_can_be_gone_back_to(jump_s: float):
    shop, made = shipped(6)
    shop.later(jump_s)
    shop.ours.ship("home", shop.m(7))
    shop.later(-jump_s)
    collect_garbage(shop.store, TENANT, actor="keeper", keep=3)
    shop.later(jump_s)
    shop.collect(keep=3)
    assert all(shop.there(manifest_of(release)) for release in made[-2:])
    assert shop.ours.verify().sound
    shop.ours.rollback("artifacts", to=made[-2].generation)


# -- cut short


class Dying(MemoryObjects):
    """Objects whose user is killed at its ``n``-th delete from now on."""

    left = -1

    def delete(self, key: str) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        super().delete(key)


def cut_short(deletes: int) -> tuple[Aging, list[Release]]:
    shop, made = shipped(5)
    dying = Dying(clock=lambda: shop.now_s)
    dying._held, dying._written = shop.objects._held, shop.objects._written
    dying.left = deletes
    with pytest.raises(KeyboardInterrupt):
        collect_garbage(stored_in(dying), TENANT, actor="victim", keep=2)
    return shop, made


@pytest.mark.parametrize("deletes", [0, 1, 3, 5])
def test_a_collection_cut_short_is_ended_by_the_next(deletes: int):
    shop, made = cut_short(deletes)
    assert shop.ours.current().condemned is not None
    assert shop.ours.verify().sound
    with pytest.raises(BeingCollected, match="is being deleted") as refused:
        shop.ours.ship("home", shop.m(1))  # written again, and still not to be named
    assert "recsys releases gc" in refused.value.next_step
    shop.ours.rollback("artifacts", to=made[3].generation, no_hold=True)  # what is kept can be gone back to
    shop.ours.hold(surface="pdp")
    tried = shop.collect(dry_run=True)
    assert tried.unfinished is not None
    done = shop.collect(keep=20)
    assert done.finished is not None
    assert shop.ours.current().condemned is None
    assert not shop.there(manifest_of(made[0]))
    assert shop.ours.verify().sound
    shop.ours.resume(surface="pdp")
    shop.ours.ship("home", shop.m(1))
    assert shop.ours.verify().sound


def test_a_list_that_is_lost_ends_without_deleting():
    shop, made = cut_short(0)
    shop.objects.delete(shop.store.blobs.key(TENANT, shop.ours.current().condemned or ""))
    with pytest.raises(BeingCollected):
        shop.ours.ship("home", shop.m(9))  # it may be on the list
    shop.ours.hold(reason="brakes work")
    shop.ours.resume()
    done = shop.collect(keep=20)
    assert done.finished is not None
    assert all(shop.there(manifest_of(release)) for release in made)
    shop.ours.ship("home", shop.m(9))


def test_only_one_collects_at_a_time():
    shop, _ = shipped(5)
    with shop.objects.alone(f"blobs/{TENANT}/"), pytest.raises(Busy):
        shop.collect()
    assert shop.collect(keep=2).blobs == 6


@pytest.mark.parametrize("applied", [True, False])
def test_a_collection_whose_commit_is_not_answered_is_ended_by_running_it_again(applied: bool):
    shop, made = shipped(5)

    class Mute(ObjectLog):
        def append(self, stream: str, number: int, data: bytes, *, patience_s: float = 10.0) -> Commit:
            if applied:
                super().append(stream, number, data, patience_s=patience_s)
            return Commit(CommitState.UNKNOWN, number)

    with pytest.raises(OutcomeUnknown) as unknown:
        collect_garbage(replace(shop.store, releases=Mute(shop.objects, "releases")), TENANT, actor="us", keep=2)
    assert shop.there(manifest_of(made[0]))
    done = shop.collect(keep=2, attempt=unknown.value.attempt)
    assert not shop.there(manifest_of(made[0]))
    assert shop.ours.current().condemned is None
    assert done.generation == shop.ours.current().generation == 8
    again = shop.collect(keep=2, attempt=unknown.value.attempt)
    assert again.generation == 8


# -- racing publishers


def test_a_publisher_whose_blobs_are_collected_before_its_commit_is_refused():
    shop, _ = shipped(1)
    manifest = shop.m(9)
    shop.later()  # longer than the grace
    shop.log.meanwhile = shop.collect
    with pytest.raises(UnfitRelease, match="nothing under"):
        shop.ours.ship("home", manifest)
    shop.ours.ship("home", shop.m(9))
    assert shop.ours.verify().sound


def test_what_a_publisher_writes_itself_is_written_again_after_a_collection():
    shop, _ = shipped(1)
    for k in (1, 2, 3):
        shop.theirs.put_config(config(limits={"max_k": k}))
    shop.later()

    def collected() -> None:
        shop.later()  # the config just written is old by now
        shop.collect(keep=1)

    shop.log.meanwhile = collected
    change = shop.ours.put_config(config(limits={"max_k": 1}))
    assert shop.there(change.release.config)
    assert shop.ours.verify().sound


def test_a_publisher_that_meets_a_list_may_not_name_what_is_on_it():
    shop, _ = shipped(1)
    manifest = shop.m(9)
    shop.later()
    shop.log.meanwhile = lambda: _dies_at_once(shop)
    with pytest.raises(BeingCollected):
        shop.ours.ship("home", manifest)
    assert shop.there(manifest)  # nothing was deleted yet, and it is refused all the same


def _dies_at_once(shop: Aging, *, keep: int = 1) -> None:
    dying = Dying(clock=lambda: shop.now_s)
    dying._held, dying._written = shop.objects._held, shop.objects._written
    dying.left = 0
    with pytest.raises(KeyboardInterrupt):
        collect_garbage(stored_in(dying), TENANT, actor="victim", keep=keep)


def test_a_collection_that_loses_to_a_ship_spares_what_it_named():
    shop, _ = shipped(1)
    manifest = shop.m(9)
    shop.later()
    shop.meanwhile(lambda theirs: theirs.ship("home", manifest))
    collect_garbage(replace(shop.store, releases=shop.log), TENANT, actor="us", keep=1)
    assert shop.there(manifest)
    assert manifest_of(shop.ours.current()) == manifest
    assert shop.ours.verify().sound


def test_evidence_that_was_stored_long_ago_may_not_be_named_while_it_is_deleted():
    shop, _ = shipped(3)
    report = shop.store.blobs.put(TENANT, b"{}")
    shop.later()
    _dies_at_once(shop)
    with pytest.raises(BeingCollected):
        shop.ours.ship("pdp", shop.m(1, "pdp"), evidence=[report])


def test_a_live_host_that_cannot_read_it_stops_a_collection():
    shop, _ = shipped(5)
    write_heartbeat(shop.objects, Heartbeat(host="old", at="2026-11-22T00:00:00Z", format=1, tenants={}))
    with pytest.raises(NotUnderstood):
        shop.collect(keep=2)
    with pytest.raises(NotUnderstood):
        shop.collect(keep=2, dry_run=True)


# -- a damaged store


def test_what_a_damaged_manifest_needs_is_not_known_so_nothing_is_deleted():
    shop, made = shipped(5)
    key = shop.store.blobs.key(TENANT, manifest_of(made[4]))
    kept = shop.objects.read(key)
    shop.objects.replace(key, b"rot")
    with pytest.raises(Corrupt):
        shop.collect(keep=2)
    shop.objects.delete(key)
    with pytest.raises(Missing):
        shop.collect(keep=2)
    assert all(shop.there(manifest_of(release)) for release in made[:4])
    shop.objects.create(key, kept)
    assert shop.collect(keep=2).blobs == 6


def test_a_store_that_goes_away_in_the_middle_is_taken_up_later():
    shop, made = shipped(5)

    class Failing(MemoryObjects):
        def delete(self, key: str) -> None:
            raise Unavailable(self.name, "gone")

    failing = Failing(clock=lambda: shop.now_s)
    failing._held, failing._written = shop.objects._held, shop.objects._written
    with pytest.raises(Unavailable):
        collect_garbage(stored_in(failing), TENANT, actor="us", keep=2)
    assert shop.collect(keep=2).finished is not None
    assert not shop.there(manifest_of(made[0]))


def test_a_collector_stops_where_a_backup_was_put_in_the_place_of_its_log():
    shop, made = shipped(12)

    class Replaced(MemoryObjects):
        deletes = 0

        def delete(self, key: str) -> None:
            self.deletes += 1
            if self.deletes == 3:
                for gone in ("0000000014", "current"):
                    super().delete(f"releases/{TENANT}/{gone}.json")
            super().delete(key)

    replaced = Replaced(clock=lambda: shop.now_s)
    replaced._held, replaced._written = shop.objects._held, shop.objects._written
    with pytest.raises(LogForked):
        collect_garbage(stored_in(replaced), TENANT, actor="us", keep=2)
    assert shop.there(manifest_of(made[11]))
    assert replaced.deletes == LOOK_EVERY


# -- what is gone says so


def test_a_rollback_to_what_was_collected_is_refused_with_where_it_can_still_go():
    shop, made = shipped(6)
    shop.collect(keep=3)
    before = shop.ours.current()
    with pytest.raises(Collected, match=f"collection of generation {before.generation - 1}") as refused:
        shop.ours.rollback("artifacts", to=made[0].generation)
    left = f"{made[4].generation}, {made[3].generation}"
    assert f"can still go back to {left}: recsys releases rollback" in refused.value.next_step
    with pytest.raises(Collected):
        shop.ours.rollback("all", to=made[0].generation, dry_run=True)
    assert shop.ours.current() == before


def test_going_back_for_one_surface_of_the_config_says_when_it_cannot_be_read():
    shop, _ = shipped(2)
    for k in (1, 2, 3, 4):
        shop.theirs.put_config(config(limits={"max_k": k}))
    shop.later()
    shop.collect(keep=2)
    with pytest.raises(Collected, match="rollback of config of home"):
        shop.ours.rollback("config", surface="home", to=4)


def test_undo_and_diff_of_what_was_collected_name_the_collection():
    shop, made = shipped(6)
    third = made[2].generation
    shop.collect(keep=1)
    with pytest.raises(Collected, match=f"comparing {third - 1} with {third} needs sha256:"):
        shop.ours.diff(third - 1, third)
    with pytest.raises(Collected, match="undo of generation 7"):
        shop.ours.undo(made[-1].generation)
    assert shop.ours.diff(made[-1].generation, shop.ours.current().generation).lines()


def test_gone_content_is_named_by_its_parts():
    shop, made = shipped(4)
    shop.collect(keep=2)
    assert gone_from(made[0], shop.store.blobs) == ("artifacts:home",)
    assert gone_from(made[3], shop.store.blobs) == ()


def test_undo_passes_a_collection_over_and_cannot_take_one_back():
    shop, _ = shipped(4)
    shop.theirs.put_rules(rules("a"))
    shop.later()
    done = shop.collect(keep=2)
    with pytest.raises(CannotUndo, match="cannot be taken back"):
        shop.ours.undo(done.begun)
    assert shop.ours.undo().release.restores == 5
    assert shop.ours.verify().sound


def test_verify_tells_what_was_collected_from_what_was_lost():
    shop, made = shipped(6)
    shop.collect(keep=2)
    verified = shop.ours.verify()
    assert (verified.sound, verified.collected) == (True, 4)  # manifests: what they named is not known any more
    again = shop.ours.ship("home", shop.m(1)).release  # as in the first, which is gone
    assert manifest_of(again) == manifest_of(made[0])
    assert shop.ours.verify().collected == 3
    shop.objects.delete(shop.store.blobs.key(TENANT, manifest_of(again)))
    findings = shop.ours.verify().findings
    assert [finding.what.partition(" sha")[0] for finding in findings] == ["manifest of home", "closure"]


# -- personal artifacts


def personal(shop: Shop, until: str, *, likes: int = 1, surface: str = "home") -> str:
    """Publish a manifest with an artifact marked personal beside one that is not."""
    plain = shop.m(likes, surface)
    manifest = msgspec.json.decode(shop.store.blobs.read(TENANT, plain), type=Manifest)
    shop.store.blobs.delete(TENANT, plain)
    data = profile(surface)
    ref = ArtifactRef(
        artifact=shop.store.blobs.put(TENANT, data),
        rows=3,
        size_bytes=len(data),
        scope="surface",
        retain_until=date.fromisoformat(until),
    )
    signals = {"popularity": (*manifest.signals["popularity"], ref)}
    return shop.store.blobs.put(TENANT, canonical(msgspec.structs.replace(manifest, signals=signals)))


def profile(surface: str) -> bytes:
    return popularity(likes=77, scope="surface", surface=surface)


def lived() -> tuple[Aging, str]:
    """Ship a manifest with a personal artifact, and let its last day pass. The store's clock began in 2023."""
    shop = Aging()
    shop.theirs.ship("home", personal(shop, "2023-11-20"))
    shop.later(10 * DAY_S)
    return shop, shop.store.blobs.put(TENANT, profile("home"))


def test_a_personal_artifact_goes_after_its_last_day_though_it_is_served_and_young():
    shop, named = lived()
    tried = shop.collect(dry_run=True)
    assert (tried.personal, [(a.kind, a.go) for a in tried.kinds if a.go]) == (1, [("artifacts", 1)])
    shop.collect()
    assert not shop.there(named)
    assert shop.ours.verify().sound
    assert shop.collect().blobs == 0


def test_on_its_last_day_it_stays():
    shop = Aging()
    shop.theirs.ship("home", personal(shop, "2023-11-20"))
    shop.later(6 * DAY_S)  # 2023-11-20
    assert shop.store.blobs.today().isoformat() == "2023-11-20"
    assert shop.collect().personal == 0
    shop.later(DAY_S)
    assert shop.collect().personal == 1


def test_a_release_is_whole_without_it_and_changes_go_on():
    shop, _ = lived()
    shop.collect()
    served = shop.ours.current()
    shop.ours.ship("pdp", shop.m(1, "pdp"))
    shop.ours.put_config(config(limits={"max_k": 3}))
    shop.ours.ship("home", shop.m(5))
    shop.ours.rollback("artifacts", surface="home")
    assert manifest_of(shop.ours.current()) == manifest_of(served)
    assert shop.ours.verify().sound


def test_changes_go_on_while_it_is_being_deleted():
    shop, _ = lived()
    _dies_at_once(shop)
    shop.ours.ship("pdp", shop.m(1, "pdp"))
    shop.ours.withdraw(["mug"])
    assert shop.ours.verify().sound


def test_going_back_to_it_passes_while_it_is_being_deleted_and_after():
    shop, named = lived()
    old = shop.ours.current()
    shop.ours.ship("home", shop.m(5))
    _dies_at_once(shop, keep=20)
    shop.ours.rollback("artifacts", no_hold=True)
    assert manifest_of(shop.ours.current()) == manifest_of(old)
    shop.collect()
    assert not shop.there(named)
    shop.ours.ship("home", shop.m(6))
    shop.ours.rollback("artifacts", no_hold=True)
    assert shop.ours.verify().sound


def test_one_past_its_last_day_is_not_shipped():
    shop, _ = lived()
    with pytest.raises(UnfitRelease, match="was to be kept until 2023-11-20"):
        shop.ours.ship("home", personal(shop, "2023-11-20", likes=2))


def test_one_that_is_missing_before_its_last_day_is_not_shipped():
    shop = Aging()
    manifest = personal(shop, "2030-01-01")
    shop.objects.delete(shop.store.blobs.key(TENANT, shop.store.blobs.put(TENANT, profile("home"))))
    with pytest.raises(UnfitRelease, match="nothing under"):
        shop.ours.ship("home", manifest)


def test_the_same_bytes_stay_while_another_manifest_may_keep_them():
    shop, named = lived()
    shop.ours.ship("home", personal(shop, "2023-12-20", likes=2))
    assert shop.collect().personal == 0
    assert shop.there(named)
    shop.later(40 * DAY_S)
    assert shop.collect().personal == 1


def test_one_that_is_lost_before_its_last_day_is_a_finding():
    shop = Aging()
    shop.theirs.ship("home", personal(shop, "2030-01-01"))
    shop.objects.delete(shop.store.blobs.key(TENANT, shop.store.blobs.put(TENANT, profile("home"))))
    assert [finding.what.partition(" sha")[0] for finding in shop.ours.verify().findings] == ["artifact of home"]
