"""Opening a store: by path, by URL, in memory; and what it says when there is none."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from recsys.encoding import canonical
from recsys.errors import Failed, NotFound, UsageError
from recsys.store import Denied, NewerFormat, Store, Unavailable, open_store, opening


def test_a_new_store_has_an_identity_that_stays(tmp_path: Path) -> None:
    made = open_store(tmp_path / "deep" / "store", clock=lambda: 1_700_000_000.0)
    again = open_store(tmp_path / "deep" / "store", create=False)
    assert made.id == again.id
    assert len(made.id) == 32
    marker = (tmp_path / "deep" / "store" / "store.json").read_bytes()
    assert marker == canonical({"format": 1, "id": made.id, "created": "2023-11-14T22:13:20.000Z"})


def test_paths_and_file_urls_name_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("a store")
    url = (tmp_path / "a store").as_uri()
    assert "%20" in url
    for address in ("./a store", tmp_path / "a store", url, url.replace("file://", "file://localhost")):
        assert open_store(address, create=False).id == store.id


def test_a_relative_path_stays_where_it_was_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("store")
    digest = store.blobs.put("demo", b"x")
    monkeypatch.chdir("/")
    assert store.blobs.read("demo", digest) == b"x"
    assert store.name == str(tmp_path / "store")


def test_every_memory_store_is_a_new_one() -> None:
    one, other = open_store("memory:"), open_store("memory:")
    one.releases.append("demo", 1, b"x")
    assert one.id != other.id
    assert other.releases.head("demo") == 0


def test_keys_and_events_are_for_their_owner_and_releases_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        store = open_store(tmp_path / "store")
        store.access.append("demo", 1, b"a key")
        store.releases.append("demo", 1, b"a release")
        store.objects.create("events/demo/outcomes/dt=2026-11-22/web-1-0.jsonl", b"{}")
        modes = {
            path.relative_to(tmp_path / "store").parts[0]: path.stat().st_mode & 0o777
            for path in (tmp_path / "store").rglob("*0*")
            if path.is_file()
        }
    finally:
        os.umask(before)
    assert modes == {"access": 0o600, "releases": 0o644, "events": 0o600}


@pytest.mark.parametrize("address", ["memory:", "path"])
def test_a_store_has_blobs_and_two_logs_that_do_not_mix(address: str, tmp_path: Path) -> None:
    store = open_store(tmp_path if address == "path" else address)
    store.releases.append("demo", 1, b"a release")
    store.access.append("demo", 1, b"a key")
    store.blobs.put("demo", b"a blob")
    assert store.releases.read("demo", 1) == b"a release"
    assert store.access.read("demo", 1) == b"a key"
    assert store.objects.folders("") == ["access", "blobs", "releases"]


def test_access_records_are_for_the_owner_only(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.access.append("demo", 1, b"a key")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "access").rglob("*.json")}
    assert modes == {"0000000001.json": 0o600, "current.json": 0o600}


def test_of_racing_makers_all_get_the_same_store(tmp_path: Path) -> None:
    opened: list[Store] = []
    start = threading.Barrier(8)

    def run() -> None:
        start.wait()
        store = open_store(tmp_path / "store")
        store.blobs.put("demo", b"x")  # others may look while there is more than store.json
        opened.append(store)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 8
    assert len({store.id for store in opened}) == 1


def test_a_store_made_and_filled_between_two_looks_is_opened_and_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = opening._marker_at

    def look_too_early(root: Path) -> bytes | None:
        monkeypatch.setattr(opening, "_marker_at", look)
        open_store(root).blobs.put("demo", b"from the other process")
        return None

    monkeypatch.setattr(opening, "_marker_at", look_too_early)
    store = open_store(tmp_path / "store")
    assert store.id == open_store(tmp_path / "store").id
    assert store.blobs.put("demo", b"from the other process")


def test_what_a_killed_maker_left_is_made_into_a_store(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "99-stray").write_bytes(b"{")
    assert open_store(tmp_path).blobs.put("demo", b"x")


# There is none.


def test_a_store_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(NotFound, match="recsys tenants create") as error:
            open_store(path, create=False)
        assert str(path) in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_of_other_things_is_not_made_into_a_store(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    for create in (True, False):
        with pytest.raises(UsageError, match=r"holiday\.jpg.*give an empty one"):
            open_store(tmp_path, create=create)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_store_that_lost_its_identity_is_not_given_a_new_one(tmp_path: Path) -> None:
    open_store(tmp_path).releases.append("demo", 1, b"x")
    (tmp_path / "store.json").unlink()
    with pytest.raises(UsageError, match=r"put its store\.json back"):
        open_store(tmp_path)


def test_a_file_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").touch()
    for path in (tmp_path / "orders.csv", tmp_path / "orders.csv" / "store"):
        with pytest.raises(UsageError, match="is a file"):
            open_store(path)


@pytest.mark.parametrize("address", ["gs://bucket", "postgresql://x", "file://host/path", "file://", "http://x/y"])
def test_an_address_this_version_does_not_know_says_what_it_knows(address: str) -> None:
    with pytest.raises(UsageError, match="use a path"):
        open_store(address)


def test_no_address_says_how_to_give_one() -> None:
    with pytest.raises(UsageError, match="RECSYS_STORE"):
        open_store("")


def test_the_secret_part_of_an_address_is_not_repeated() -> None:
    with pytest.raises(UsageError) as error:
        open_store("s3://key:hunter2@bucket/x")
    assert "hunter2" not in str(error.value)


# It is there, and cannot be opened.


def test_a_newer_format_says_to_upgrade_and_changes_nothing(tmp_path: Path) -> None:
    marker = canonical({"format": 2, "id": "x", "created": "y", "a later field": []})
    (tmp_path / "store.json").write_bytes(marker)
    with pytest.raises(NewerFormat, match=r"format 2.*up to 1\. upgrade"):
        open_store(tmp_path)
    assert (tmp_path / "store.json").read_bytes() == marker


def test_fields_of_later_versions_in_the_same_format_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_bytes(canonical({"format": 1, "id": "x", "created": "y", "more": 1}))
    store = open_store(tmp_path)
    assert store.id == "x"
    assert store.blobs.put("demo", b"x")


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"[]", b'{"format":"one"}'])
def test_a_damaged_identity_is_said_and_not_replaced(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "store.json").write_bytes(damage)
    with pytest.raises(Failed, match=r"store\.json of store .* is damaged.*copy"):
        open_store(tmp_path)
    assert (tmp_path / "store.json").read_bytes() == damage


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_no_permission_is_denied_and_not_absence(tmp_path: Path) -> None:
    open_store(tmp_path / "store")
    (tmp_path / "store").chmod(0o700)
    os.seteuid(65_534)
    try:
        for create in (True, False):
            with pytest.raises(Denied):
                open_store(tmp_path / "store", create=create)
        with pytest.raises(Denied):
            open_store(tmp_path / "new")
    finally:
        os.seteuid(0)


def test_an_open_store_that_is_moved_away_is_unavailable_until_it_is_back(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    store.releases.append("demo", 1, b"x")
    (tmp_path / "store").rename(tmp_path / "away")
    for call in (
        lambda: store.releases.head("demo"),
        store.releases.streams,
        lambda: store.releases.append("demo", 2, b"y"),
        lambda: store.blobs.put("demo", b"z"),
    ):
        with pytest.raises(Unavailable):
            call()
    shutil.copytree(tmp_path / "away", tmp_path / "store")
    assert store.releases.head("demo") == 1
    assert store.releases.append("demo", 2, b"y").number == 2
