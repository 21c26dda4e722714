"""How a commit ends: committed, lost or unknown; resumed; tried dry; and what is written in which order."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.releases.shop import TENANT, Shop, config, opened, rules

from recsys.access import load_directory
from recsys.encoding import canonical, digest, with_check
from recsys.errors import OutcomeUnknown, RecsysError, UsageError
from recsys.releases import Attempt, AttemptReused, Change, LostRace, NewerFormat, Releases, create_tenant
from recsys.releases.record import Requires
from recsys.store import Commit, CommitState, Unavailable, open_store
from recsys.store.over import LogOver

CHANGES: dict[str, Callable[[Shop, Releases, dict[str, object]], Change]] = {
    "ship": lambda s, r, more: r.ship("home", s.m(3), **more),
    "config": lambda s, r, more: r.put_config(config(limits={"max_k": 9}), **more),
    "rules": lambda s, r, more: r.put_rules(rules("z"), **more),
    "disable": lambda s, r, more: r.disable_rule("a", **more),
    "rollback": lambda s, r, more: r.rollback("artifacts", surface="home", **more),
    "undo": lambda s, r, more: r.undo(**more),
    "hold": lambda s, r, more: r.hold(**more),
    "resume": lambda s, r, more: r.resume(surface="cart", **more),
    "withdraw": lambda s, r, more: r.withdraw(["mug"], **more),
}


def busy() -> Shop:
    shop = opened()
    shop.theirs.hold(surface="cart", levers=["artifacts"])
    shop.theirs.ship("home", shop.m(1))
    shop.theirs.put_rules(rules("a"))
    shop.theirs.ship("home", shop.m(2))
    return shop


class Mute:
    """A log whose store applies a write, or does not, and never says which."""

    def __init__(self, shop: Shop, *, applied: bool) -> None:
        self._log = shop.store.releases
        self._applied = applied
        self.name = "mute"
        self.read = self._log.read
        self.head = self._log.head
        self.streams = self._log.streams

    def append(self, stream: str, number: int, data: bytes, *, patience_s: float = 10.0) -> Commit:
        if self._applied:
            self._log.append(stream, number, data)
        return Commit(CommitState.UNKNOWN, number)


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("applied", [True, False])
def test_an_unknown_outcome_is_said_and_resumed_without_doing_it_twice(what, applied):
    shop = busy()
    mute = Releases(replace(shop.store, releases=Mute(shop, applied=applied)), TENANT, actor="us")
    with pytest.raises(OutcomeUnknown) as unknown:
        CHANGES[what](shop, mute, {})
    attempt = unknown.value.attempt
    assert f"--attempt {attempt}" in unknown.value.next_step
    shop.theirs.withdraw(["somebody-else-went-on"])
    resumed = CHANGES[what](shop, shop.ours, {"attempt": attempt})
    assert resumed.changed
    assert resumed.release.attempt == attempt.partition("@")[0]
    assert resumed.release.generation == (6 if applied else 7)
    assert CHANGES[what](shop, shop.ours, {"attempt": attempt}).release == resumed.release
    found = [r for r in shop.theirs.list().releases if r.attempt == resumed.release.attempt]
    assert len(found) == 1


def test_a_resumed_rollback_aims_as_it_first_did():
    shop = busy()
    for k in (1, 2):
        shop.theirs.put_config(config(limits={"max_k": k}))  # 6, 7
    mute = Releases(replace(shop.store, releases=Mute(shop, applied=False)), TENANT, actor="us")
    with pytest.raises(OutcomeUnknown) as unknown:
        mute.rollback("config")
    shop.theirs.put_config(config(limits={"max_k": 3}))  # 8
    resumed = shop.ours.rollback("config", attempt=unknown.value.attempt)
    assert resumed.release.restores == 6  # what was aimed at, not what is one behind by now


def test_a_resumed_ship_does_not_run_over_another_that_came_meanwhile():
    shop = busy()
    mute = Releases(replace(shop.store, releases=Mute(shop, applied=False)), TENANT, actor="us")
    with pytest.raises(OutcomeUnknown) as unknown:
        mute.ship("home", shop.m(3))
    shop.theirs.ship("home", shop.m(4))
    with pytest.raises(LostRace):
        shop.ours.ship("home", shop.m(3), attempt=unknown.value.attempt)


@pytest.mark.parametrize("others", [0, 2])
def test_an_attempt_that_arrives_late_is_recognised_by_its_id(others):
    shop = busy()

    def arrives(theirs: Releases) -> None:
        Releases(shop.store, TENANT, actor="us").ship("home", shop.m(3), attempt="mine")
        for n in range(others):
            theirs.ship("home", shop.m(4 + n))

    shop.meanwhile(arrives)
    change = shop.ours.ship("home", shop.m(3), attempt="mine")
    assert change.changed
    assert change.release == shop.theirs.read(6)
    assert shop.theirs.current().generation == 6 + others


def test_an_attempt_of_another_command_is_not_taken_for_this_one():
    shop = busy()
    shop.theirs.put_config(config(limits={"max_k": 9}), attempt="key-1")
    with pytest.raises(AttemptReused, match=r"attempt key-1 was generation 6 \(config by them"):
        shop.ours.withdraw(["mug"], attempt="key-1")
    for nonsense in ("", "@3", "x@y", "a\nb", "x" * 200):
        with pytest.raises(UsageError, match="is not an attempt"):
            shop.ours.withdraw(["mug"], attempt=nonsense)


def test_an_attempt_with_another_intent_is_refused_and_the_same_intent_is_done_once():
    shop = busy()
    first = shop.ours.put_config(config(limits={"max_k": 9}), attempt=Attempt.of_key("ticket"))
    shop.theirs.put_config(config(limits={"max_k": 10}))
    with pytest.raises(AttemptReused, match="another config"):
        shop.ours.put_config(config(limits={"max_k": 11}), attempt=Attempt.of_key("ticket"))
    assert shop.ours.put_config(config(limits={"max_k": 9}), attempt=Attempt.of_key("ticket")).release == first.release
    assert shop.theirs.current().generation == 7


def test_two_changes_at_once_with_one_key_are_not_taken_for_each_other():
    shop = busy()
    key = Attempt.of_key("ticket")
    shop.meanwhile(lambda r: r.put_config(config(limits={"max_k": 10}), attempt=key))
    with pytest.raises(AttemptReused):
        shop.ours.put_config(config(limits={"max_k": 9}), attempt=key)


def test_an_attempt_of_before_intents_were_kept_is_still_recognised():
    shop = busy()
    first = shop.ours.hold(surface="pdp", attempt="mine").release
    from msgspec.structs import replace as other

    assert first.intent is not None
    old = opened()
    entry = other(first, generation=2, intent=None, previous=digest(old.store.releases.read(TENANT, 1)))
    old.store.releases.append(TENANT, 2, entry.encode())
    assert old.ours.hold(surface="pdp", attempt="mine").release == entry


def test_a_key_is_not_read_whatever_is_written_in_it():
    shop = opened()
    for k in range(1, 6):
        shop.theirs.put_config(config(limits={"max_k": k}))  # 2 to 6
    change = shop.ours.rollback("config", attempt=Attempt.of_key("ticket@4"))
    assert change.release.restores == 5  # one behind what is in force, not one behind generation 4
    assert "ticket" not in change.release.attempt


def test_a_key_is_looked_for_among_the_newest_releases_only(monkeypatch):
    monkeypatch.setattr("recsys.releases.attempt.LOOK_BACK", 3)
    shop = busy()
    shop.ours.hold(surface="pdp", attempt=Attempt.of_key("ticket"))
    for n in range(3):
        shop.theirs.withdraw([f"i{n}"])
    assert not shop.ours.hold(surface="pdp", attempt=Attempt.of_key("ticket")).changed


def test_only_what_was_checked_is_called_verified():
    shop = busy()
    tried = shop.ours.ship("home", shop.m(3), dry_run=True)
    done = shop.ours.ship("home", shop.m(3))
    again = shop.ours.ship("home", shop.m(3))
    assert [change.document()["verified"] for change in (tried, done, again)] == [True, True, False]


def test_a_dry_ship_checks_its_reports_and_stores_none():
    shop = busy()
    manifest = shop.m(3)
    before = set(shop.store.objects.keys(""))
    tried = shop.ours.ship("home", manifest, evidence=[b'{"verdict":"ship"}'], dry_run=True)
    assert set(shop.store.objects.keys("")) == before
    done = shop.ours.ship("home", manifest, evidence=[b'{"verdict":"ship"}'])
    assert done.release.evidence == tried.release.evidence == (digest(b'{"verdict":"ship"}'),)
    assert shop.store.blobs.read(TENANT, done.release.evidence[0]) == b'{"verdict":"ship"}'


@pytest.mark.parametrize("what", CHANGES)
def test_a_dry_run_says_what_would_be_and_writes_nothing(what):
    shop = busy()
    shop.m(3)
    before = {key: shop.store.objects.read(key) for key in shop.store.objects.keys("")}
    tried = CHANGES[what](shop, shop.ours, {"dry_run": True})
    assert tried.changed
    assert tried.dry_run
    assert not tried.committed
    assert {key: shop.store.objects.read(key) for key in shop.store.objects.keys("")} == before
    done = CHANGES[what](shop, shop.ours, {})
    assert done.committed
    assert done.parts == tried.parts
    assert done.undo == tried.undo
    assert done.release.generation == tried.release.generation


def test_each_record_names_the_digest_of_the_bytes_before_it():
    shop = busy()
    for generation in range(2, 6):
        before = shop.store.releases.read(TENANT, generation - 1)
        assert shop.theirs.read(generation).previous == digest(before)
    assert shop.theirs.read(1).previous is None
    assert len({r.log for r in shop.theirs.list().releases}) == 1
    assert len({r.attempt for r in shop.theirs.list().releases}) == 5


def test_blobs_are_written_before_the_record_that_names_them():
    shop = busy()
    seen = []

    def look(_: Releases) -> None:
        seen.extend(key for key in shop.store.objects.keys("blobs/") if shop.store.objects.read(key) == wanted)

    wanted = config(limits={"max_k": 9})
    shop.meanwhile(look)
    shop.ours.put_config(wanted)
    assert len(seen) == 1


def test_a_store_that_is_away_is_said_and_nothing_is_committed():
    shop = busy()

    def away(_: Releases) -> None:
        raise Unavailable("disk", "full", untouched=True)

    shop.meanwhile(away)
    with pytest.raises(Unavailable):
        shop.ours.ship("home", shop.m(3))
    assert shop.theirs.current().generation == 5


def test_a_release_of_a_newer_format_is_not_built_upon():
    shop = busy()
    newest = shop.theirs.current()
    from msgspec.structs import replace as other

    newer = other(newest, generation=6, attempt="x", previous=None, requires=Requires(format=99))
    shop.store.releases.append(TENANT, 6, newer.encode())
    with pytest.raises(NewerFormat, match="upgrade"):
        shop.ours.hold()


def test_a_field_of_a_later_version_does_not_stop_a_reader():
    shop = busy()
    data = canonical(shop.theirs.current()).replace(b'"generation":5', b'"generation":6,"later":1')
    shop.store.releases.append(TENANT, 6, with_check(data))
    assert shop.theirs.current().generation == 6


def test_creating_a_tenant_twice_changes_nothing():
    store = open_store("memory:")
    first = create_tenant(store, "shop", actor="us", reason="begin")
    assert first.committed
    assert (first.release.generation, first.release.action) == (1, "create")
    assert store.blobs.read("shop", first.release.config) == b"{}"
    assert store.blobs.read("shop", first.release.rules) == b"[]"
    again = create_tenant(store, "shop", actor="them")
    assert not again.changed
    assert again.release == first.release
    with pytest.raises(RecsysError):
        create_tenant(store, "No Name", actor="us")


def test_a_crash_between_the_two_commits_of_a_new_tenant_is_finished_by_the_next_run():
    store = open_store("memory:")

    class Dies:
        def __getattr__(self, name: str) -> object:
            return getattr(store.releases, name)

        def append(self, *args: object, **more: object) -> Commit:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_tenant(replace(store, releases=Dies()), "shop", actor="us")
    assert Releases(store, "shop", actor="us").head() is None
    assert "shop" in load_directory(store).tenants
    assert create_tenant(store, "shop", actor="us").committed


def test_a_dry_run_of_a_new_tenant_makes_nothing():
    store = open_store("memory:")
    before = list(store.objects.keys(""))
    assert create_tenant(store, "shop", actor="us", dry_run=True).release.generation == 1
    assert list(store.objects.keys("")) == before


class Gone(LogOver):
    """An access log that cannot be read once a release was written."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.store.access)
        self._shop = shop

    def head(self, stream: str, *, at_least: int = 0) -> int:
        if self._shop.log.appends:
            raise Unavailable("memory:", "Input/output error")
        return self.inner.head(stream, at_least=at_least)


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_committed_is_told_so_when_the_store_says_no_more_afterwards(name: str) -> None:
    shop = busy()
    store = replace(shop.store, releases=shop.log, access=Gone(shop))
    change = CHANGES[name](shop, Releases(store, TENANT, actor="us"), {})
    assert change.changed
    assert shop.theirs.current().generation == change.release.generation
