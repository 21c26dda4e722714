"""The directory read through snapshots is the directory read from record 1, and a snapshot is only ever a copy."""

import random
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.faulty import FaultyObjects

from recsys import access
from recsys.access import AccessBroken, Directory, create_key, create_tenant, delete_tenant, load_directory, revoke_key
from recsys.access import changes as changes_module
from recsys.access.snapshots import EVERY
from recsys.encoding import canonical
from recsys.errors import RecsysError
from recsys.store import Store, open_store

ME = "ops@example"
STEPS = st.lists(
    st.tuples(st.sampled_from(["tenant", "key", "revoke", "delete"]), st.sampled_from(["a", "b", "c"])), max_size=40
)


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Snapshots every few records, so that short histories cross several."""
    monkeypatch.setattr(changes_module, "EVERY", 3)


def whole(store: Store) -> Directory:
    """Fold every record from the first, without snapshots."""
    head = store.access.head("directory")
    return Directory().after(store.access.read("directory", number) for number in range(1, head + 1))


def play(store: Store, steps) -> None:
    for what, tenant in steps:
        try:
            match what:
                case "tenant":
                    create_tenant(store, tenant, actor=ME)
                case "key":
                    create_key(store, tenant, "client", actor=ME, label="l")
                case "revoke":
                    keys = [key.id for key in load_directory(store).keys_of(tenant)]
                    revoke_key(store, tenant, keys[0] if keys else "none", actor=ME)
                case "delete":
                    delete_tenant(store, tenant, actor=ME, reason="r")
        except RecsysError:
            pass  # not there, or gone: the history goes on


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_through_a_snapshot_is_what_the_whole_log_says(steps):
    store = open_store("memory:")
    play(store, steps)
    through = load_directory(store, keys=False)
    assert through == whole(store)
    assert [key.id for name in "abc" for key in through.keys_of(name)] == [
        key.id for name in "abc" for key in whole(store).keys_of(name)
    ]


@settings(max_examples=25, deadline=None)
@given(STEPS, st.integers(0, 2**31))
def test_every_step_of_a_history_reads_the_same_from_whatever_was_known_before(steps, seed):
    store = open_store("memory:")
    play(store, steps)
    head = store.access.head("directory")
    records = [store.access.read("directory", number) for number in range(1, head + 1)]
    known = Directory().after(records[: random.Random(seed).randint(0, head)])
    assert load_directory(store, known, keys=False) == whole(store)


def test_a_reader_without_state_reads_the_newest_record_a_snapshot_and_what_came_after(monkeypatch):
    monkeypatch.setattr(changes_module, "EVERY", EVERY)
    store = open_store("memory:")
    create_tenant(store, "demo", actor=ME)
    for _ in range(2 * EVERY + 20):
        create_key(store, "demo", "client", actor=ME)
    objects = FaultyObjects(store.objects)
    watched = replace(store, objects=objects, access=type(store.access)(objects, "access"))
    assert load_directory(watched, keys=False) == whole(store)
    assert objects.calls.count("read") <= EVERY + 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda store, key: store.objects.delete(key),
        lambda store, key: store.objects.replace(key, b""),
        lambda store, key: store.objects.replace(key, store.objects.read(key).replace(b"client", b"admin!")),
        lambda store, key: store.objects.replace(key, canonical({"directory": {"number": 3}, "format": 9})),
    ],
)
def test_a_missing_or_damaged_snapshot_costs_only_the_whole_log(spoil):
    store = open_store("memory:")
    create_tenant(store, "demo", actor=ME)
    for _ in range(7):
        create_key(store, "demo", "client", actor=ME)
    keys = list(store.objects.keys("access-snapshots/"))
    assert len(keys) == 2
    for key in keys:
        spoil(store, key)
    assert load_directory(store, keys=False) == whole(store)
    create_key(store, "demo", "client", actor=ME)
    assert load_directory(store, keys=False) == whole(store)


def test_a_record_changed_after_the_snapshot_is_still_found(monkeypatch):
    store = open_store("memory:")
    create_tenant(store, "demo", actor=ME)
    for _ in range(7):
        create_key(store, "demo", "client", actor=ME)
    head = store.access.head("directory")
    newest = msgspec.json.decode(store.access.read("directory", head))
    begins = newest["snapshot"]["number"]
    assert begins < head - 1
    key = f"access/directory/{begins + 1:010d}.json"
    store.objects.replace(key, store.objects.read(key).replace(b'"client"', b'"admin"'))
    with pytest.raises(AccessBroken, match="does not follow"):
        load_directory(store)


def test_a_forged_snapshot_of_the_right_name_is_not_believed():
    store = open_store("memory:")
    create_tenant(store, "demo", actor=ME)
    for _ in range(4):
        create_key(store, "demo", "client", actor=ME)
    (key,) = store.objects.keys("access-snapshots/")
    forged = msgspec.json.decode(store.objects.read(key))
    for info in forged["directory"]["keys"].values():
        info["role"] = "admin"
    store.objects.replace(key, canonical(forged))
    assert {info.role for info in load_directory(store).keys.values()} == {"client"}


def test_no_snapshot_holds_a_pseudonym_key(tmp_path):
    store = open_store(tmp_path / "store")
    create_tenant(store, "demo", actor=ME)
    for _ in range(7):
        create_key(store, "demo", "client", actor=ME)
    directory = access.load_directory(store)
    assert directory.tenant("demo").pseudonyms.secret
    for key in store.objects.keys("access-snapshots/"):
        assert b"pseudonyms" not in store.objects.read(key)
        assert (tmp_path / "store" / key).stat().st_mode & 0o777 == 0o600
