"""Tenants and keys: made, listed, revoked, raced for, and never leaked."""

import itertools
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr
from tests.contract.faulty import Fault, FaultyObjects, StillClock

from recsys.access import (
    AccessBroken,
    Directory,
    NewKey,
    Principal,
    Pseudonyms,
    Right,
    create_key,
    create_tenant,
    load_directory,
    revoke_key,
)
from recsys.encoding import Invalid, canonical, digest
from recsys.errors import NotFound, OutcomeUnknown
from recsys.store import Store, open_store
from recsys.store.log import ObjectLog
from recsys.store.memory import MemoryObjects

ME = "ops@example"


@pytest.fixture
def store() -> Store:
    store = open_store("memory:")
    create_tenant(store, "demo", actor=ME)
    return store


def faulty(store: Store, *, creates: list[Fault]) -> Store:
    """Return the same store behind a network that fails."""
    clock = StillClock()
    objects = FaultyObjects(store.objects, creates=creates)
    return replace(store, access=ObjectLog(objects, "access", clock=clock, sleep=clock.sleep))


def rewrite(store: Store, number: int, change: Callable[[bytes], bytes]) -> None:
    """Edit a record of the access log where it lies."""
    key = f"access/directory/{number:010d}.json"
    store.objects.replace(key, change(store.objects.read(key)))


# What keys do.


def test_a_key_authenticates_as_its_tenant_and_role(store: Store) -> None:
    create_tenant(store, "other", actor=ME)
    made = {role: create_key(store, "demo", role, actor=ME) for role in ("client", "viewer", "operator", "admin")}
    elsewhere = create_key(store, "other", "client", actor=ME)
    directory = load_directory(store)
    for role, key in made.items():
        principal = directory.authenticate(key.secret)
        assert principal == Principal(tenant="demo", role=role, key_id=key.info.id)
        assert principal.may(Right.CHANGE) == (role in ("operator", "admin"))
    found = directory.authenticate(elsewhere.secret)
    assert found is not None
    assert found.tenant == "other"


def test_nothing_but_the_whole_secret_authenticates(store: Store) -> None:
    info, secret = create_key(store, "demo", "client", actor=ME)
    directory = load_directory(store)
    (hashed,) = directory.secrets
    others = ["", info.id, hashed, secret[:-1], secret + "0", secret.upper(), " " + secret, "\ud800", "x" * 100_000]
    assert [directory.authenticate(other) for other in others] == [None] * len(others)


def test_a_revoked_key_is_refused_and_stays_on_the_list(store: Store) -> None:
    info, secret = create_key(store, "demo", "client", actor=ME, label="checkout")
    _, kept = create_key(store, "demo", "client", actor=ME)
    before = load_directory(store)
    revoked = revoke_key(store, "demo", info.id, actor="her@example", clock=lambda: 0.0)
    after = load_directory(store)
    assert before.authenticate(secret) is not None  # a value does not change under its reader
    assert after.authenticate(secret) is None
    assert after.authenticate(kept) is not None
    assert after.keys_of("demo")[0] == revoked
    assert (revoked.label, revoked.revoked_at, revoked.revoked_by) == (
        "checkout",
        "1970-01-01T00:00:00.000Z",
        "her@example",
    )
    assert revoke_key(store, "demo", info.id, actor=ME) == revoked
    assert load_directory(store).number == after.number


def test_secrets_are_long_random_and_say_which_key_they_are(store: Store) -> None:
    made = [create_key(store, "demo", "client", actor=ME) for _ in range(20)]
    for key in made:
        prefix, name, random = key.secret.split("_")
        assert (prefix, name) == ("rsk", key.info.id)
        assert len(bytes.fromhex(random)) * 8 == 256
    assert len({key.secret for key in made}) == 20


def test_a_tenant_made_twice_keeps_its_pseudonyms(store: Store) -> None:
    first = load_directory(store).tenant("demo")
    assert create_tenant(store, "demo", actor="someone else") == first
    assert load_directory(store).number == 1
    assert create_tenant(store, "other", actor=ME).pseudonyms != first.pseudonyms


def test_names_that_are_not_there_suggest_the_nearest(store: Store) -> None:
    key = create_key(store, "demo", "client", actor=ME).info.id
    create_tenant(store, "other", actor=ME)
    with pytest.raises(NotFound, match="did you mean `demo`"):
        create_key(store, "dem0", "client", actor=ME)
    with pytest.raises(Invalid, match="did you mean `viewer`"):
        create_key(store, "demo", "view", actor=ME)
    with pytest.raises(NotFound, match="did you mean"):
        revoke_key(store, "demo", key[:-1] + "x", actor=ME)
    with pytest.raises(NotFound, match="has no key"):
        revoke_key(store, "other", key, actor=ME)
    with pytest.raises(NotFound, match="recsys tenants create nobody"):
        load_directory(open_store("memory:")).tenant("nobody")
    with pytest.raises(Invalid):
        create_tenant(store, "../x", actor=ME)
    assert load_directory(store).number == 3


# How the directory is read.


def test_only_newer_records_are_read(store: Store) -> None:
    known = load_directory(store)
    create_key(store, "demo", "client", actor=ME)
    watched = FaultyObjects(store.objects)
    seen = replace(store, access=ObjectLog(watched, "access"))
    assert load_directory(seen, known).number == 2
    assert watched.calls.count("read") == 2  # the pointer and one record
    watched.calls.clear()
    again = load_directory(store)
    assert load_directory(seen, again) is again
    assert watched.calls == ["exists"]


def test_an_empty_store_has_an_empty_directory() -> None:
    directory = load_directory(open_store("memory:"))
    assert (directory.number, directory.tenants, directory.keys) == (0, {}, {})
    assert directory.authenticate("rsk_x_y") is None


def test_step_by_step_and_at_once_give_the_same_directory(store: Store) -> None:
    stepwise = load_directory(store)
    for role in ("client", "operator"):
        key = create_key(store, "demo", role, actor=ME)
        stepwise = load_directory(store, stepwise)
    revoke_key(store, "demo", key.info.id, actor=ME)
    assert load_directory(store, stepwise) == load_directory(store)


def test_a_hosts_own_copy_is_the_same_directory(store: Store) -> None:
    secret = create_key(store, "demo", "client", actor=ME).secret
    directory = load_directory(store)
    copy = Directory.decode(directory.encode())
    assert copy == directory
    assert copy.authenticate(secret) == directory.authenticate(secret)
    assert copy.tenant("demo").pseudonyms.of("u1") == directory.tenant("demo").pseudonyms.of("u1")
    create_key(store, "demo", "viewer", actor=ME)
    assert load_directory(store, copy) == load_directory(store)


@given(st.data())
def test_a_damaged_copy_is_never_believed(data: st.DataObject) -> None:
    store = open_store("memory:")
    create_tenant(store, "demo", actor=ME)
    whole = load_directory(store).encode()
    if data.draw(st.booleans()):
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        bit = data.draw(st.integers(0, 8 * len(whole) - 1))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(AccessBroken, match="fetched again"):
        Directory.decode(bytes(damaged))


def test_a_copy_of_another_version_is_said_to_be_one() -> None:
    body = canonical({"number": "seven"})
    with pytest.raises(AccessBroken, match="another version"):
        Directory.decode(digest(body).encode() + b"\n" + body)


# A log that cannot be believed.


def test_an_edited_record_is_found_and_the_old_directory_stays_usable(store: Store) -> None:
    _, secret = create_key(store, "demo", "client", actor=ME)
    known = load_directory(store)
    create_key(store, "demo", "viewer", actor=ME)
    rewrite(store, 2, lambda data: data.replace(b'"client"', b'"admin"'))
    with pytest.raises(AccessBroken, match="record 3 does not follow"):
        load_directory(store)
    found = known.authenticate(secret)
    assert found is not None
    assert found.role == "client"


def test_another_log_in_its_place_is_found_by_an_incremental_reader(store: Store) -> None:
    known = load_directory(store)
    other = open_store("memory:")
    create_tenant(other, "demo", actor="an attacker")
    create_key(other, "demo", "admin", actor="an attacker")
    with pytest.raises(AccessBroken, match="another one"):
        load_directory(other, known)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: b"", "damaged"),
        (lambda data: data[:-5], "damaged"),
        (lambda data: b"\xff" + data, "damaged"),
        (lambda data: data.replace(b'"number":2', b'"number":3'), "says it is 3"),
        (lambda data: data.replace(b'"format":1', b'"format":3'), "upgrade"),
        (lambda data: data.replace(b"key-created", b"key-blessed"), "damaged"),
        (lambda data: data.replace(b'"tenant":"demo"', b'"tenant":"none"'), "a tenant that is not there"),
        (lambda data: data.replace(b'"role":"client"', b'"role":"god"'), "damaged"),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(store: Store, change: Callable[[bytes], bytes], words: str) -> None:
    create_key(store, "demo", "client", actor=ME)
    before = store.access.read("directory", 2)
    rewrite(store, 2, change)
    assert store.access.read("directory", 2) != before
    with pytest.raises(AccessBroken, match=words):
        load_directory(store)


def test_fields_of_later_versions_are_ignored(store: Store) -> None:
    record = msgspec.json.decode(store.access.read("directory", 1))
    assert record["format"] == 2
    rewrite(store, 1, lambda data: canonical(record | {"later": True}))
    assert "demo" in load_directory(store).tenants


# Writers that race and networks that fail.


def test_racing_writers_lose_no_key_and_chain_every_record() -> None:
    store = open_store("memory:")
    made: list[NewKey] = []
    start = threading.Barrier(6)

    def run() -> None:
        start.wait()
        create_tenant(store, "demo", actor=ME)
        for _ in range(5):
            made.append(create_key(store, "demo", "client", actor=ME))  # noqa: PERF401

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    directory = load_directory(store)
    assert directory.number == 1 + 30
    assert len(directory.keys) == 30
    assert all(directory.authenticate(key.secret) for key in made)


def test_a_writer_that_was_overtaken_looks_again_before_it_goes_on(store: Store) -> None:
    kept = create_key(store, "demo", "client", actor=ME)
    rivals = iter(
        [
            lambda: create_key(store, "demo", "viewer", actor="a rival"),
            lambda: revoke_key(store, "demo", kept.info.id, actor="a rival"),
        ]
    )

    def overtake() -> None:
        for rival in itertools.islice(rivals, 1):
            rival()

    objects = FaultyObjects(store.objects, before_create=overtake)
    overtaken = replace(store, access=ObjectLog(objects, "access"))
    revoked = revoke_key(overtaken, "demo", kept.info.id, actor=ME)
    assert revoked.revoked_by == "a rival"  # the intent was met by another; nothing is written twice
    assert load_directory(store).number == 4


@pytest.mark.parametrize("fault", [Fault.LOST_AFTER, Fault.LOST_BEFORE, Fault.LATE, Fault.EXISTS_FOR_OWN])
def test_a_key_whose_reply_was_lost_is_made_once(store: Store, fault: Fault) -> None:
    key = create_key(faulty(store, creates=[fault]), "demo", "client", actor=ME)
    directory = load_directory(store)
    assert directory.number == 2
    assert directory.authenticate(key.secret) is not None


def test_an_unknown_outcome_names_the_key_to_look_for(store: Store) -> None:
    with pytest.raises(OutcomeUnknown, match=r"keys list --tenant demo: if [0-9a-f]{12} is there, revoke it"):
        create_key(faulty(store, creates=[Fault.LOST_BEFORE] * 1000), "demo", "client", actor=ME)


# Nothing leaks.


def test_no_secret_is_stored_shown_or_told(store: Store) -> None:
    key = create_key(store, "demo", "client", actor=ME)
    random = key.secret.rpartition("_")[2]
    pseudonym_key = load_directory(store).tenant("demo").pseudonyms.secret
    assert isinstance(store.objects, MemoryObjects)
    for name in store.objects.keys(""):
        assert random.encode() not in store.objects.read(name)
    directory = load_directory(store)
    principal = directory.authenticate(key.secret)
    shown = [key, key.info, directory, principal, directory.tenants, directory.keys, directory.tenant("demo")]
    texts = [f"{thing!r} {thing} {pretty_repr(thing)}" for thing in shown]
    with pytest.raises(NotFound) as error:
        revoke_key(store, "demo", "nothing", actor=ME)
    texts.append("".join(traceback.format_exception(error.value)))
    for text in texts:
        assert random not in text
        assert repr(pseudonym_key) not in text
        assert pseudonym_key.hex() not in text


def test_pseudonyms_are_the_tenants_own_and_outlive_the_process(store: Store) -> None:
    pseudonyms = load_directory(store).tenant("demo").pseudonyms
    assert isinstance(pseudonyms, Pseudonyms)
    assert len(pseudonyms.secret) == 32
    assert load_directory(store).tenant("demo").pseudonyms.of("u1") == pseudonyms.of("u1")
