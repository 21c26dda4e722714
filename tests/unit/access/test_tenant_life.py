"""A tenant is made, deleted and made again, with processes killed, raced and answered by a failing network."""

import base64
import tarfile
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from rich.pretty import pretty_repr
from tests.contract.faulty import Fault, FaultyObjects, StillClock
from tests.unit.access.killed import Killed, killed_at, over
from tests.unit.releases.shop import config, publish

from recsys.access import (
    Directory,
    HostsTooOld,
    KeyMissing,
    MadeAgain,
    NotRemovedYet,
    TenantGone,
    create_key,
    delete_tenant,
    load_directory,
    plan_deletion,
    revoke_key,
)
from recsys.access import create_tenant as make_key_and_record
from recsys.encoding import canonical, digest
from recsys.errors import NotFound, OutcomeUnknown, Refused
from recsys.releases import Releases, create_tenant
from recsys.replicas import Heartbeat, write_heartbeat
from recsys.store import Store, alone, open_store
from recsys.store.log import ObjectLog
from recsys.store.port import Busy

ME = "ops@example"
OLD = Path(__file__).parents[2] / "stores/0.1.0.tar.gz"


@pytest.fixture
def store() -> Store:
    """Two tenants with all a tenant can have."""
    made = open_store("memory:")
    for name in ("demo", "other"):
        fill(made, name)
    return made


def fill(store: Store, name: str) -> None:
    create_tenant(store, name, actor=ME)
    create_key(store, name, "client", actor=ME)
    releases = Releases(store, name, actor=ME)
    releases.ship("home", publish(store, "home", tenant=name))
    releases.put_config(config(limits={"max_k": 50}))
    store.objects.create(f"events/{name}/outcomes/dt=2026-11-22/h-w-1.jsonl", b"{}\n")
    store.objects.create(f"runs/{name}/home.json", b"{}")


def below(store: Store, name: str) -> list[str]:
    return [key for key in store.objects.keys("") if f"/{name}/" in key]


def old_store(folder: Path) -> Store:
    with tarfile.open(OLD) as packed:
        packed.extractall(folder, filter="data")
    return open_store(folder / "store", create=False)


def stepwise(store_of, act):
    """Run ``act`` on fresh stores, killed at each write in turn, before and after it; yield what each left."""
    for done in (False, True):
        at = 1
        while True:
            store = store_of()
            try:
                act(killed_at(store, at, done=done))
            except Killed:
                yield store, at
                at += 1
            else:
                assert at > 2
                break


# Made.


def test_killed_anywhere_the_same_command_finishes_and_no_tenant_was_ever_without_its_key():
    kills = 0
    for store, _ in stepwise(lambda: open_store("memory:"), lambda store: create_tenant(store, "demo", actor=ME)):
        kills += 1
        for tenant in load_directory(store).tenants.values():
            assert len(tenant.pseudonyms.secret) == 32
        before = load_directory(store).tenants.get("demo")
        create_tenant(store, "demo", actor=ME)
        after = load_directory(store).tenant("demo")
        assert before in (None, after)
        assert Releases(store, "demo", actor=ME).verify().sound
    assert kills >= 10


@pytest.mark.parametrize("fault", [Fault.LOST_AFTER, Fault.LOST_BEFORE, Fault.LATE, Fault.EXISTS_FOR_OWN])
@pytest.mark.parametrize("lost", range(4))
def test_whatever_reply_is_lost_a_tenant_has_its_key(fault, lost):
    store = open_store("memory:")
    objects = FaultyObjects(store.objects, creates=[Fault.NONE] * lost + [fault])
    try:
        create_tenant(over(store, objects), "demo", actor=ME)
    except Exception:
        create_tenant(store, "demo", actor=ME)
    assert len(load_directory(store).tenant("demo").pseudonyms.secret) == 32
    assert Releases(store, "demo", actor=ME).head() is not None


def test_an_unknown_outcome_keeps_the_key_that_its_record_may_name():
    store = open_store("memory:")
    clock = StillClock()
    objects = FaultyObjects(store.objects, creates=[Fault.LOST_BEFORE] * 1000)
    unsure = replace(store, access=ObjectLog(objects, "access", clock=clock, sleep=clock.sleep))
    with pytest.raises(OutcomeUnknown, match="run it again"):
        make_key_and_record(unsure, "demo", actor=ME)
    assert len(list(store.objects.keys("secrets/demo/"))) == 1
    made = make_key_and_record(store, "demo", actor=ME)
    assert len(made.pseudonyms.secret) == 32


def test_who_loses_the_race_to_make_a_tenant_takes_its_own_key_away_again():
    store = open_store("memory:")
    rivals = [lambda: make_key_and_record(store, "demo", actor="a rival")]
    objects = FaultyObjects(store.objects, before_create=lambda: rivals.pop()() if rivals else None)
    mine = make_key_and_record(replace(store, access=ObjectLog(objects, "access")), "demo", actor=ME)
    assert mine.created_by == "a rival"
    (only,) = store.objects.keys("secrets/demo/")
    assert only.endswith(mine.key_id)


def test_a_host_that_could_not_read_the_record_keeps_a_tenant_from_being_made_or_deleted(store):
    beat = Heartbeat(host="h-old", at="2026-11-22T08:00:00.000Z", format=1, tenants={})
    write_heartbeat(store.objects, beat)
    before = len(list(store.objects.keys("")))
    for change in (make_key_and_record, delete_tenant):
        with pytest.raises(HostsTooOld, match=r"h-old cannot read. upgrade recsys-suite there first"):
            change(store, "third" if change is make_key_and_record else "demo", actor=ME)
    assert len(list(store.objects.keys(""))) == before
    create_key(store, "demo", "client", actor=ME)  # 0.1.0 reads that
    write_heartbeat(store.objects, Heartbeat(host="h-old", at=beat.at, format=2, tenants={}))
    make_key_and_record(store, "third", actor=ME)


def test_a_key_that_is_gone_is_missed_by_who_hashes_and_by_nobody_else(store):
    for key in store.objects.keys("secrets/demo/"):
        store.objects.delete(key)
    directory = load_directory(store)
    with pytest.raises(KeyMissing, match="secrets/demo/"):
        directory.tenant("demo").pseudonyms.of("u1")
    assert directory.tenant("other").pseudonyms.of("u1")
    create_key(store, "demo", "client", actor=ME)


def test_a_damaged_key_is_not_used(store):
    (key,) = store.objects.keys("secrets/demo/")
    right = load_directory(store).tenant("demo").pseudonyms
    data = bytearray(store.objects.read(key))
    for bit in range(0, 8 * len(data), 5):
        data[bit // 8] ^= 1 << bit % 8
        store.objects.replace(key, bytes(data))
        assert load_directory(store).tenant("demo").held in (None, right)  # padding bits carry nothing
        data[bit // 8] ^= 1 << bit % 8


# Deleted.


def test_a_deleted_tenant_leaves_nothing_and_its_neighbour_everything(store):
    secret = create_key(store, "demo", "operator", actor=ME).secret
    others = {key: store.objects.read(key) for key in below(store, "other")}
    planned = plan_deletion(store, "demo")
    assert below(store, "demo")
    done = delete_tenant(store, "demo", actor="her@example", reason="contract ended")
    assert done.removed == planned.removed
    assert (done.removed.releases, done.removed.events, done.removed.runs, done.removed.secrets) == (3, 1, 1, 1)
    assert (done.keys, done.key_in_log) == (2, None)
    assert below(store, "demo") == []
    assert {key: store.objects.read(key) for key in below(store, "other")} == others
    directory = load_directory(store)
    assert directory.authenticate(secret) is None
    assert directory.deleted["demo"].purged
    with pytest.raises(NotFound, match=r"it was deleted by her@example at .* \(contract ended\)"):
        directory.tenant("demo")
    number = directory.number
    assert not delete_tenant(store, "demo", actor=ME).changed
    assert load_directory(store).number == number


def test_a_dry_run_writes_nothing(store):
    before = {key: store.objects.read(key) for key in store.objects.keys("")}
    planned = plan_deletion(store, "demo")
    assert planned.removed.total > 5
    assert {key: store.objects.read(key) for key in store.objects.keys("")} == before


def test_a_tenant_that_never_was_cannot_be_deleted(store):
    with pytest.raises(NotFound, match="did you mean `demo`"):
        delete_tenant(store, "dem0", actor=ME)


def test_killed_anywhere_the_same_command_finishes_and_no_user_is_linkable_once_anything_is_gone():
    def filled() -> Store:
        store = open_store("memory:")
        fill(store, "demo")
        return store

    everything = len(below(filled(), "demo"))
    kills = 0
    for store, _ in stepwise(filled, lambda store: delete_tenant(store, "demo", actor=ME)):
        kills += 1
        left = below(store, "demo")
        if len(left) < everything:
            assert not any(key.startswith("secrets/") for key in left)
        if "demo" not in load_directory(store).tenants:
            with pytest.raises(Refused):
                create_tenant(store, "demo", actor=ME) if left else Releases(store, "demo", actor=ME).hold()
        delete_tenant(store, "demo", actor=ME)
        assert below(store, "demo") == []
        create_tenant(store, "demo", actor=ME)
        assert Releases(store, "demo", actor=ME).verify().sound
    assert kills >= 20


def test_publishers_are_refused_with_who_and_when(store):
    releases = Releases(store, "demo", actor=ME)
    manifest = publish(store, "home", likes=2)
    delete_tenant(store, "demo", actor="her@example", reason="contract ended", clock=lambda: 0.0)
    for act in (lambda: releases.ship("home", manifest), releases.hold, releases.create):
        with pytest.raises(TenantGone, match=r"deleted by her@example at 1970-01-01T00:00:00.000Z \(contract ended\)"):
            act()
    assert below(store, "demo") == []


def racing(store, *, before: str, act):
    """Return the store for a publisher during whose first creation below ``before`` something else happens."""
    pending = [act]

    class Racing:
        def __getattr__(self, name):
            return getattr(store.objects, name)

        def create(self, key, data):
            if key.startswith(before) and pending:
                pending.pop()()
            return store.objects.create(key, data)

    return over(store, Racing())


def test_what_a_publisher_writes_after_its_last_look_is_told_to_it_and_removed_by_the_next_delete(store):
    racer = racing(store, before="releases/demo/", act=lambda: delete_tenant(store, "demo", actor="her@example"))
    with pytest.raises(TenantGone, match="generation 4 was written meanwhile"):
        Releases(racer, "demo", actor=ME).hold()
    assert any(key.startswith("releases/demo/") for key in below(store, "demo"))
    assert "demo" not in load_directory(store).tenants  # so nothing of it is served
    with pytest.raises(NotRemovedYet, match="remove the rest first: recsys tenants delete demo"):
        create_tenant(store, "demo", actor=ME)
    with pytest.raises(NotRemovedYet):
        create_tenant(store, "demo", actor=ME, dry_run=True)
    assert delete_tenant(store, "demo", actor=ME).changed
    assert below(store, "demo") == []
    create_tenant(store, "demo", actor=ME)


def test_a_delete_goes_on_until_a_racing_publisher_has_stopped(store):
    strays = iter(range(3))

    class Publishing:
        """Somebody who writes another blob each time one is removed."""

        def __getattr__(self, name):
            return getattr(store.objects, name)

        def delete(self, key):
            store.objects.delete(key)
            if key.startswith("runs/demo/") and (number := next(strays, None)) is not None:
                store.objects.create(f"runs/demo/late-{number}.json", b"{}")

    delete_tenant(over(store, Publishing()), "demo", actor=ME)
    assert below(store, "demo") == []


# Made again.


def test_a_tenant_made_again_shares_nothing_with_the_one_before(store):
    old = load_directory(store).tenant("demo")
    log = Releases(store, "demo", actor=ME).current().log
    secret = create_key(store, "demo", "client", actor=ME).secret
    stale = Releases(store, "demo", actor="stale")
    stale.hold()
    delete_tenant(store, "demo", actor=ME)
    create_tenant(store, "demo", actor=ME)
    new = load_directory(store).tenant("demo")
    first = Releases(store, "demo", actor=ME).current()
    assert (first.generation, first.log != log) == (1, True)
    assert new.pseudonyms.of("u1") != old.pseudonyms.of("u1")
    assert new.made > old.made
    assert load_directory(store).authenticate(secret) is None
    assert load_directory(store).keys_of("demo") == []
    with pytest.raises(TenantGone, match="made again"):
        stale.resume()
    assert Releases(store, "demo", actor=ME).current() == first


def asleep(store, *, before: str, meanwhile):
    """Return the store for a deletion that sleeps before its first ``before``, while something else happens."""
    pending = [meanwhile]

    class Asleep:
        def __getattr__(self, name):
            call = getattr(store.objects, name)
            if name != before:
                return call

            def later(*args, **more):
                if pending:
                    pending.pop()()
                return call(*args, **more)

            return later

    return over(store, Asleep())


def test_a_delete_that_slept_leaves_the_tenant_made_meanwhile_alone(store):
    def others_do_it() -> None:
        delete_tenant(store, "demo", actor="a rival")
        create_tenant(store, "demo", actor="a rival")

    with pytest.raises(MadeAgain, match="nothing was done to the new one"):
        delete_tenant(asleep(store, before="alone", meanwhile=others_do_it), "demo", actor=ME)
    assert Releases(store, "demo", actor=ME).verify().sound
    assert len(load_directory(store).tenant("demo").pseudonyms.secret) == 32


def test_a_deletion_between_a_new_key_and_its_record_does_not_leave_a_tenant_without(store):
    delete_tenant(store, "demo", actor=ME)

    def a_stray_and_its_removal() -> None:
        store.objects.create("runs/demo/late.json", b"{}")
        delete_tenant(store, "demo", actor="a rival")

    pending = [a_stray_and_its_removal]

    class Between:
        def __getattr__(self, name):
            return getattr(store.objects, name)

        def create(self, key, data):
            created = store.objects.create(key, data)
            if key.startswith("secrets/demo/") and pending:
                pending.pop()()
            return created

    made = make_key_and_record(over(store, Between()), "demo", actor=ME)
    assert not pending
    assert len(made.pseudonyms.secret) == 32


def test_the_key_does_not_wait_for_a_collection_that_is_under_way(store):
    with alone(store.objects, "blobs/demo/"), pytest.raises(Busy):
        delete_tenant(store, "demo", actor=ME)
    assert "demo" not in load_directory(store).tenants
    assert not list(store.objects.keys("secrets/demo/"))
    delete_tenant(store, "demo", actor=ME)
    assert below(store, "demo") == []


def test_two_deletions_do_not_remove_at_once(store):
    refused = []

    def rival() -> None:
        for act in (delete_tenant, create_tenant):
            with pytest.raises((Busy, NotRemovedYet)) as error:
                act(store, "demo", actor="a rival")
            refused.append(error.type)

    class Raced:
        def __getattr__(self, name):
            return getattr(store.objects, name)

        def delete(self, key):
            if key.startswith("events/demo/"):
                rival()
            store.objects.delete(key)

    delete_tenant(over(store, Raced()), "demo", actor=ME)
    assert refused == [Busy, NotRemovedYet]
    assert below(store, "demo") == []


# Written by 0.1.0.


def test_tenants_of_0_1_0_keep_their_keys_and_pseudonyms_through_snapshots_and_deletion(tmp_path, monkeypatch):
    monkeypatch.setattr("recsys.access.changes.EVERY", 3)
    store = old_store(tmp_path)
    before = load_directory(store)
    names = {name: tenant.pseudonyms.of("u1") for name, tenant in before.tenants.items()}
    assert set(names) == {"demo", "other"}
    made = create_key(store, "demo", "client", actor=ME)
    for _ in range(4):
        key = create_key(store, "demo", "viewer", actor=ME)
        revoke_key(store, "demo", key.info.id, actor=ME)
    assert list(store.objects.keys("access-snapshots/"))
    fresh = load_directory(store)
    assert {name: tenant.pseudonyms.of("u1") for name, tenant in fresh.tenants.items()} == names
    assert fresh.authenticate(made.secret) is not None
    secret = fresh.tenant("demo").pseudonyms.secret
    done = delete_tenant(store, "demo", actor=ME)
    assert done.key_in_log == before.tenant("demo").made
    assert below(store, "demo") == []
    after = load_directory(store)
    assert after.authenticate(made.secret) is None
    assert repr(secret) not in repr(after)
    create_tenant(store, "demo", actor=ME)
    assert load_directory(store).tenant("demo").pseudonyms.of("u1") != names["demo"]
    assert load_directory(store).tenant("other").pseudonyms.of("u1") == names["other"]


def test_the_copy_a_host_kept_with_0_1_0_goes_on_working_and_is_completed_from_the_store(tmp_path):
    store = old_store(tmp_path)
    now = load_directory(store)
    as_then = msgspec.to_builtins(now)
    for kind in ("deleted", "snapshot"):
        del as_then[kind]
    for tenant in as_then["tenants"].values():
        for later in ("made", "inside", "key_id"):
            del tenant[later]
    for key in as_then["keys"].values():
        del key["made"]
    body = canonical(as_then)
    copy = Directory.decode(digest(body).encode() + b"\n" + body)
    assert copy.tenant("demo").pseudonyms == now.tenant("demo").pseudonyms
    assert load_directory(store, copy) == now


# Nothing leaks.


def test_no_byte_of_the_store_outside_secrets_is_of_a_pseudonym_key(store, monkeypatch):
    monkeypatch.setattr("recsys.access.changes.EVERY", 2)
    fill(store, "third")
    delete_tenant(store, "third", actor=ME)
    directory = load_directory(store)
    assert list(store.objects.keys("access-snapshots/"))
    for tenant in directory.tenants.values():
        forms = _forms(tenant.pseudonyms.secret)
        where = [key for key in store.objects.keys("") if any(form in store.objects.read(key) for form in forms)]
        assert where == [f"secrets/{tenant.name}/{tenant.key_id}"]
        shown = (
            f"{tenant!r}{directory!r}{pretty_repr(tenant)}{directory.deleted!r}{plan_deletion(store, tenant.name)!r}"
        )
        assert not any(form.decode("latin-1") in shown for form in forms)
    host = Directory.decode(directory.encode())
    assert host.tenant("demo").pseudonyms == directory.tenant("demo").pseudonyms


def _forms(secret: bytes) -> list[bytes]:

    return [
        secret,
        secret.hex().encode(),
        base64.b64encode(secret),
        base64.urlsafe_b64encode(secret),
        repr(secret).encode(),
    ]
