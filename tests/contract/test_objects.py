"""What every :class:`recsys.store.Objects` keeps, whoever implements it."""

import threading
from collections import Counter
from pathlib import Path

import pytest
from tests.contract.backends import OBJECTS

from recsys.encoding import Invalid
from recsys.store import Busy, CopyFailed, Creation, Lockable, Missing, Objects


@pytest.fixture(params=OBJECTS)
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    root = tmp_path / "store"
    root.mkdir()
    return OBJECTS[request.param](root)


def test_what_was_created_is_read_back(objects: Objects) -> None:
    for key, data in {"a": b"", "b/c.json": b"{}", "b/d/e": bytes(range(256)) * 10_000}.items():
        assert objects.create(key, data) is Creation.CREATED
        assert objects.read(key) == data
        assert objects.exists(key)


def test_a_second_create_changes_nothing(objects: Objects) -> None:
    objects.create("a/b", b"first")
    assert objects.create("a/b", b"second") is Creation.EXISTS
    assert objects.create("a/b", b"first") is Creation.EXISTS
    assert objects.read("a/b") == b"first"


def test_of_racing_creates_exactly_one_is_told_it_won(objects: Objects) -> None:
    winners: dict[str, list[int]] = {f"race/{race}": [] for race in range(20)}
    start = threading.Barrier(8)

    def run(writer: int) -> None:
        start.wait()
        for key, won in winners.items():
            if objects.create(key, b"%d" % writer) is Creation.CREATED:
                won.append(writer)

    threads = [threading.Thread(target=run, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key, won in winners.items():
        assert [b"%d" % writer for writer in won] == [objects.read(key)]


@pytest.mark.parametrize("durable", [True, False])
def test_replace_writes_whatever_is_there(objects: Objects, durable: bool) -> None:
    objects.replace("a/b", b"one", durable=durable)
    objects.replace("a/b", b"two", durable=durable)
    assert objects.read("a/b") == b"two"
    assert objects.create("a/b", b"three") is Creation.EXISTS


def test_readers_of_a_replaced_key_see_old_or_new_and_never_a_mixture(objects: Objects) -> None:
    versions = [bytes([n]) * 50_000 for n in range(8)]
    objects.replace("pointer", versions[0])
    seen: Counter[bytes] = Counter()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen[objects.read("pointer")] += 1

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(5):
        for version in versions:
            objects.replace("pointer", version, durable=False)
    done.set()
    reader.join()
    assert set(seen) <= set(versions)


def test_a_key_that_is_not_there_is_missing_and_says_where(objects: Objects, tmp_path: Path) -> None:
    objects.create("a/b/c", b"x")
    for key in ("nothing", "a/nothing", "a/b", "a", "a/b/c/d"):
        assert not objects.exists(key)
        with pytest.raises(Missing, match=key) as error:
            objects.read(key)
        assert objects.name in str(error.value)
        with pytest.raises(Missing):
            objects.fetch(key, tmp_path / "copy")
        with pytest.raises(Missing):
            objects.confirm(key)
    assert not (tmp_path / "copy").exists()


def test_fetch_copies_into_a_new_file_and_only_a_new_one(objects: Objects, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    objects.create("blob", data)
    objects.fetch("blob", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data
    with pytest.raises(CopyFailed):
        objects.fetch("blob", tmp_path / "copy")
    with pytest.raises(CopyFailed):
        objects.fetch("blob", tmp_path / "no" / "such" / "directory")


def test_confirm_accepts_what_is_there(objects: Objects) -> None:
    objects.create("a/b", b"x")
    objects.confirm("a/b")
    assert objects.read("a/b") == b"x"


def test_keys_are_listed_below_a_prefix_in_order(objects: Objects) -> None:
    keys = ["a", "b-c/d", "b.c", "b/c/d", "b/c0", "b/d", "b0/c", "store.json"]
    for key in reversed(keys):
        objects.create(key, b"x")
    assert list(objects.keys("")) == sorted(keys)
    assert list(objects.keys("b/")) == ["b/c/d", "b/c0", "b/d"]
    assert list(objects.keys("b/c/")) == ["b/c/d"]
    assert list(objects.keys("nothing/")) == []
    assert list(objects.keys("a/")) == []


def test_folders_are_those_with_keys_below_them(objects: Objects) -> None:
    for key in ("logs/b/1", "logs/a/x/1", "logs/c", "other/d/1"):
        objects.create(key, b"x")
    assert objects.folders("logs/") == ["a", "b"]
    assert objects.folders("") == ["logs", "other"]
    assert objects.folders("nothing/") == []
    objects.delete("logs/b/1")
    assert objects.folders("logs/") == ["a"]


def test_delete_removes_and_does_nothing_the_second_time(objects: Objects) -> None:
    objects.create("a/b", b"x")
    objects.delete("a/b")
    objects.delete("a/b")
    objects.delete("never/there")
    assert not objects.exists("a/b")
    assert objects.create("a/b", b"again") is Creation.CREATED


BAD_KEYS = [
    "",
    "/",
    "/etc/passwd",
    "a//b",
    "a/",
    "..",
    "../a",
    "a/../b",
    "a/..",
    ".",
    "a/./b",
    ".hidden",
    "a/.b",
]
BAD_KEYS += ["a\0b", "a b", "a\nb", "ä", "a\\b", "a:b", "tmp/x", "tmp", "x" * 201, "a/" * 500 + "a"]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_could_leave_the_store_is_refused_everywhere(objects: Objects, key: str, tmp_path: Path) -> None:
    calls = [
        lambda: objects.create(key, b"x"),
        lambda: objects.replace(key, b"x"),
        lambda: objects.read(key),
        lambda: objects.fetch(key, tmp_path / "copy"),
        lambda: objects.exists(key),
        lambda: objects.confirm(key),
        lambda: objects.delete(key),
        lambda: list(objects.keys(f"{key}/")),
        lambda: objects.folders(f"{key}/"),
    ]
    for call in calls:
        with pytest.raises(Invalid):
            call()
    assert list(objects.keys("")) == []


def test_a_prefix_ends_in_a_slash(objects: Objects) -> None:
    with pytest.raises(Invalid):
        list(objects.keys("a"))


def test_what_a_caller_does_to_its_buffer_afterwards_changes_nothing(objects: Objects) -> None:
    buffer = bytearray(b"before")
    objects.create("a", buffer)  # type: ignore[arg-type]
    buffer[:] = b"after!"
    assert objects.read("a") == b"before"


def test_entries_tell_the_size_and_an_age_by_the_stores_own_time(objects: Objects) -> None:
    objects.create("a/x", b"1234")
    objects.create("a/y/z", b"")
    objects.create("b", b"not below a")
    found = {entry.key: entry for entry in objects.entries("a/")}
    assert list(found) == list(objects.keys("a/")) == ["a/x", "a/y/z"]
    assert [entry.size_bytes for entry in found.values()] == [4, 0]
    assert all(-2 <= entry.age_s < 60 for entry in found.values())


def test_a_renewed_key_is_young_again_and_keeps_its_bytes(objects: Objects) -> None:
    objects.create("a/x", b"as it was")
    first = next(objects.entries("a/")).age_s
    while next(objects.entries("a/")).age_s <= first:  # the store's own time has passed
        pass
    before = next(objects.entries("a/")).age_s
    objects.renew("a/x")
    assert next(objects.entries("a/")).age_s < before
    assert objects.read("a/x") == b"as it was"


def test_what_is_not_there_cannot_be_renewed(objects: Objects) -> None:
    with pytest.raises(Missing):
        objects.renew("a/x")


def test_its_own_time_is_told_in_seconds_since_1970_and_goes_with_the_ages(objects: Objects) -> None:
    before = objects.now_s()
    objects.create("a/x", b"1")
    assert before > 1_700_000_000
    entry = next(objects.entries("a/"))
    assert objects.now_s() - entry.age_s >= before - 2


def test_one_is_let_in_at_a_time_for_each_prefix(objects: Objects) -> None:
    if not isinstance(objects, Lockable):
        pytest.skip("it has no lock: a lease takes its place (tests/unit/store/test_alone.py)")
    objects.create("blobs/one/x", b"it stays")
    with objects.alone("blobs/one/"):
        with pytest.raises(Busy), objects.alone("blobs/one/"):
            pass
        with objects.alone("blobs/other/"):
            pass
        assert objects.read("blobs/one/x") == b"it stays"
    with objects.alone("blobs/one/"):
        pass
