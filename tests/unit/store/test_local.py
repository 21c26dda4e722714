"""The directory backend: what only a disk can do to you."""

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.store.watched_disk import Killed, WatchedDisk

from recsys.store import Blobs, CommitState, Creation, Denied, Missing, Unavailable, local, tree
from recsys.store.local import LocalObjects
from recsys.store.log import ObjectLog
from recsys.store.tree import MARKER

KEY = "blobs/demo/sha256/ab/abcd"
DATA = b"what was written" * 100
ERRORS = [
    errno.EIO,
    errno.ENOSPC,
    errno.EINTR,
    errno.EACCES,
    errno.EROFS,
    errno.EDQUOT,
    errno.ESTALE,
    errno.EMFILE,
]
ERROR_NAMES = [errno.errorcode[number] for number in ERRORS]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    path.mkdir()
    return path


@pytest.fixture
def disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> WatchedDisk:
    watched = WatchedDisk(root)
    for module in (local, tree):
        monkeypatch.setattr(module, "os", watched)
    return watched


def fresh(directory: Path) -> Path:
    """Make the directory empty again, for the next trial of one test."""
    shutil.rmtree(directory)
    directory.mkdir()
    return directory


def calls_of(disk: WatchedDisk, action: object) -> int:
    """Count the system calls of one action, run once without a fault."""
    disk.revive()
    action()  # type: ignore[operator]
    return disk.count


# What a power loss leaves.


def test_what_was_created_survives_a_power_loss(root: Path, disk: WatchedDisk) -> None:
    LocalObjects(root).create(KEY, DATA)
    assert disk.after_power_loss(KEY) == DATA


def test_what_was_replaced_survives_a_power_loss(root: Path, disk: WatchedDisk) -> None:
    objects = LocalObjects(root)
    objects.replace("a/pointer", b"old")
    objects.replace("a/pointer", b"new")
    assert disk.after_power_loss("a/pointer") == b"new"


def test_what_was_deleted_stays_deleted_after_a_power_loss(root: Path, disk: WatchedDisk) -> None:
    objects = LocalObjects(root)
    objects.create(KEY, DATA)
    objects.delete(KEY)
    assert disk.after_power_loss(KEY) is None


def test_a_hint_is_not_forced_to_disk(root: Path, disk: WatchedDisk) -> None:
    objects = LocalObjects(root)
    objects.create("a/record", b"x")
    disk.revive()
    objects.replace("a/pointer", b"hint", durable=False)
    assert disk.calls["fsync"] == 0
    assert objects.read("a/pointer") == b"hint"


def test_a_commit_of_blob_record_and_pointer_forces_four_times(root: Path, disk: WatchedDisk) -> None:
    objects = LocalObjects(root)
    blobs, log = Blobs(objects), ObjectLog(objects, "releases")
    for number in range(1, 400):  # until every directory of blobs is there
        blobs.put("demo", b"blob %d" % number)
    log.append("demo", 1, b"record 1")
    for process in (objects, LocalObjects(root)):  # the same when the process is new
        disk.revive()
        head = ObjectLog(process, "releases").head("demo")
        digest = Blobs(process).put("demo", b"a blob of generation %d" % head)
        assert ObjectLog(process, "releases").append("demo", head + 1, digest.encode()).state is CommitState.COMMITTED
        assert disk.calls["fsync"] == 4
        assert disk.after_power_loss(f"releases/demo/{head + 1:010d}.json") == digest.encode()


def test_a_writer_killed_at_any_system_call_leaves_nothing_half_made(root: Path, disk: WatchedDisk) -> None:
    total = calls_of(disk, lambda: LocalObjects(root).create(KEY, DATA))
    assert total > 20
    for kill_at in range(total):
        fresh(root)
        disk.revive()
        disk.kill_at = kill_at
        with pytest.raises(Killed):
            LocalObjects(root).create(KEY, DATA)
        disk.revive()
        other = LocalObjects(root)
        if other.create(KEY, DATA) is Creation.EXISTS:
            assert other.read(KEY) == DATA
            other.confirm(KEY)
        assert disk.after_power_loss(KEY) == DATA
        assert list(other.keys("")) == [KEY]


def test_a_publisher_killed_at_any_system_call_leaves_a_log_that_reads_and_goes_on(
    root: Path, disk: WatchedDisk
) -> None:
    def publish(number: int) -> None:
        objects = LocalObjects(root)
        digest = Blobs(objects).put("demo", b"blob %d" % number)
        commit = ObjectLog(objects, "releases").append("demo", number, digest.encode())
        assert commit.state is CommitState.COMMITTED

    publish(1)
    total = calls_of(disk, lambda: publish(2))
    head = 2
    for kill_at in range(total):
        disk.revive()
        disk.kill_at = kill_at
        with contextlib.suppress(Killed):  # a later publish makes fewer calls: its directories are there
            publish(head + 1)
        disk.revive()
        objects = LocalObjects(root)
        log = ObjectLog(objects, "releases")
        assert log.head("demo") in (head, head + 1)
        head = log.head("demo")
        for number in range(1, head + 1):
            assert Blobs(objects).read("demo", log.read("demo", number).decode()) == b"blob %d" % number
        publish(head + 1)
        head += 1
        for number in range(1, head + 1):
            digest = log.read("demo", number).decode()
            assert disk.after_power_loss(f"releases/demo/{number:010d}.json") == digest.encode()
            assert disk.after_power_loss(Blobs.key("demo", digest)) == b"blob %d" % number
    assert head > total


def test_a_replacer_killed_at_any_system_call_leaves_old_or_new(root: Path, disk: WatchedDisk) -> None:
    LocalObjects(root).replace("a/b", b"old")
    total = calls_of(disk, lambda: LocalObjects(root).replace("a/b", b"old"))
    for kill_at in range(total):
        disk.revive()
        LocalObjects(root).replace("a/b", b"old")
        disk.revive()
        disk.kill_at = kill_at
        with pytest.raises(Killed):
            LocalObjects(root).replace("a/b", b"new")
        disk.revive()
        assert LocalObjects(root).read("a/b") in (b"old", b"new")
        assert disk.after_power_loss("a/b") in (b"old", b"new")


def test_a_record_is_never_durable_before_the_one_it_follows(root: Path, disk: WatchedDisk) -> None:
    """Writer 1 dies after its link, before the directory is forced; writer 2 goes on from what it sees."""
    log = ObjectLog(LocalObjects(root), "releases")
    log.append("demo", 1, b"one")
    disk.revive()
    disk.only, disk.kill_at = "fsync", 1
    with pytest.raises(Killed):
        log.append("demo", 2, b"two")
    disk.revive()
    assert disk.after_power_loss("releases/demo/0000000002.json") is None
    second = ObjectLog(LocalObjects(root), "releases")
    assert second.head("demo") == 2
    assert second.append("demo", 3, b"three").state is CommitState.COMMITTED
    assert disk.after_power_loss("releases/demo/0000000002.json") == b"two"
    assert disk.after_power_loss("releases/demo/0000000003.json") == b"three"


# What a failing disk does.


@pytest.mark.parametrize("error", ERRORS, ids=ERROR_NAMES)
def test_a_create_that_fails_anywhere_is_told_and_leaves_nothing_half_made(
    root: Path, disk: WatchedDisk, error: int
) -> None:
    total = calls_of(disk, lambda: LocalObjects(root).create(KEY, DATA))
    failures = 0
    for fail_at in range(total):
        fresh(root)
        disk.revive()
        disk.fail_at, disk.error = fail_at, error
        failure: Denied | Unavailable | None = None
        try:
            LocalObjects(root).create(KEY, DATA)
        except (Denied, Unavailable) as raised:
            failure = raised
        disk.revive()
        other = LocalObjects(root)
        there = other.exists(KEY)
        if failure is None:
            assert disk.after_power_loss(KEY) == DATA
        else:
            failures += 1
            surely_not = isinstance(failure, Denied) or failure.untouched
            assert not (surely_not and there)
        assert not there or other.read(KEY) == DATA
        Blobs(other)
        if other.create(KEY, DATA) is Creation.EXISTS:
            other.confirm(KEY)
        assert disk.after_power_loss(KEY) == DATA
    assert failures > total // 2


@pytest.mark.parametrize("error", ERRORS, ids=ERROR_NAMES)
def test_no_other_call_shows_a_bare_os_error(root: Path, disk: WatchedDisk, error: int, tmp_path: Path) -> None:
    objects = LocalObjects(root)
    objects.create(KEY, DATA)
    actions = {
        "read": lambda: objects.read(KEY),
        "exists": lambda: objects.exists(KEY),
        "fetch": lambda: objects.fetch(KEY, tmp_path / f"copy-{disk.fail_at}"),
        "keys": lambda: list(objects.keys("")),
        "folders": lambda: objects.folders("blobs/"),
        "confirm": lambda: LocalObjects(root).confirm(KEY),
        "replace": lambda: LocalObjects(root).replace("a/b", b"x"),
        "delete": lambda: LocalObjects(root).delete("a/b"),
        "sweep": lambda: LocalObjects(root).sweep(grace_s=-1),
    }
    for name, action in actions.items():
        (root / "tmp" / "stray").touch()
        for fail_at in range(calls_of(disk, action)):
            objects.create("a/b", b"x")
            (root / "tmp" / "stray").touch()
            disk.revive()
            disk.fail_at, disk.error = fail_at, error
            try:
                action()
            except (Denied, Unavailable):
                continue
            except Missing:
                pytest.fail(f"{name} took {errno.errorcode[error]} for absence")


def test_after_a_failed_force_nothing_more_is_written_and_it_is_not_tried_again(root: Path, disk: WatchedDisk) -> None:
    objects = LocalObjects(root)
    objects.create("releases/demo/0000000001.json", b"one")
    disk.revive()
    disk.only, disk.fail_at = "fsync", 1  # the directory's, after the link
    log = ObjectLog(objects, "releases", clock=iter(range(10**6)).__next__, sleep=lambda _s: None)
    assert log.append("demo", 2, b"two").state is CommitState.UNKNOWN
    assert disk.calls["fsync"] == 2
    with pytest.raises(Unavailable, match="restart"):
        objects.create("anything/else", b"x")
    assert disk.calls["fsync"] == 2
    assert objects.read("releases/demo/0000000002.json") == b"two"  # reading goes on
    assert ObjectLog(LocalObjects(root), "releases").append("demo", 2, b"two").state is CommitState.COMMITTED


def test_a_full_disk_is_an_error_at_once_and_the_log_goes_on_when_there_is_room(root: Path, disk: WatchedDisk) -> None:
    log = ObjectLog(LocalObjects(root), "releases")
    log.append("demo", 1, b"one")
    disk.revive()
    disk.only, disk.fail_at, disk.error = "write", 0, errno.ENOSPC
    with pytest.raises(Unavailable, match="No space left"):
        log.append("demo", 2, b"two")
    disk.revive()
    assert log.head("demo") == 1
    assert list((root / "tmp").iterdir()) == []
    assert log.append("demo", 2, b"two").state is CommitState.COMMITTED


def test_short_writes_are_continued(root: Path, disk: WatchedDisk) -> None:
    disk.short_writes = True
    LocalObjects(root).create(KEY, DATA)
    assert disk.after_power_loss(KEY) == DATA


def test_a_file_system_without_hard_links_says_so(root: Path, disk: WatchedDisk) -> None:
    for error, words in [(errno.EPERM, "hard links"), (errno.EXDEV, "different file systems")]:
        disk.revive()
        disk.only, disk.fail_at, disk.error = "link", 0, error
        with pytest.raises(Unavailable, match=words):
            LocalObjects(root).create(KEY, DATA)


# A store that went away is not an empty one.


def everything_is_unavailable(objects: LocalObjects, tmp_path: Path) -> None:
    calls = {
        "read": lambda: objects.read("a/b"),
        "read of nothing": lambda: objects.read("no/thing"),
        "exists": lambda: objects.exists("a/b"),
        "fetch": lambda: objects.fetch("a/b", tmp_path / "copy"),
        "confirm": lambda: objects.confirm("a/b"),
        "keys": lambda: list(objects.keys("a/")),
        "folders": lambda: objects.folders(""),
        "create": lambda: objects.create("a/c", b"x"),
        "replace": lambda: objects.replace("a/b", b"y"),
        "delete": lambda: objects.delete("a/b"),
        "sweep": objects.sweep,
    }
    for name, call in calls.items():
        with pytest.raises(Unavailable):
            pytest.fail(f"{name} gave {call()!r}")


@pytest.fixture(params=["by store.json", "by device and inode"])
def known(request: pytest.FixtureRequest, root: Path) -> LocalObjects:
    LocalObjects(root).create(MARKER, b'{"id":"this store"}')
    LocalObjects(root).create("a/b", b"x")
    by_marker = request.param == "by store.json"
    return LocalObjects(root, identity=b'{"id":"this store"}' if by_marker else None)


def test_a_root_that_was_moved_away_is_unavailable_and_comes_back(
    known: LocalObjects, root: Path, tmp_path: Path
) -> None:
    root.rename(tmp_path / "elsewhere")
    everything_is_unavailable(known, tmp_path)
    assert not root.exists()
    (tmp_path / "elsewhere").rename(root)
    assert known.read("a/b") == b"x"
    assert not known.exists("no/thing")


def test_an_empty_mount_point_in_its_place_is_unavailable_and_stays_empty(
    known: LocalObjects, root: Path, tmp_path: Path
) -> None:
    root.rename(tmp_path / "elsewhere")
    root.mkdir()
    everything_is_unavailable(known, tmp_path)
    assert list(root.iterdir()) == []


def test_another_store_in_its_place_is_unavailable_and_stays_as_it_is(
    known: LocalObjects, root: Path, tmp_path: Path
) -> None:
    root.rename(tmp_path / "elsewhere")
    root.mkdir()
    LocalObjects(root).create(MARKER, b'{"id":"that store"}')
    LocalObjects(root).create("a/b", b"that store's")
    everything_is_unavailable(known, tmp_path)
    assert LocalObjects(root).read("a/b") == b"that store's"
    assert sorted(LocalObjects(root).keys("")) == ["a/b", MARKER]


def test_a_file_in_its_place_is_unavailable(known: LocalObjects, root: Path, tmp_path: Path) -> None:
    root.rename(tmp_path / "elsewhere")
    root.write_text("no directory")
    everything_is_unavailable(known, tmp_path)


def test_a_store_copied_back_from_a_backup_is_the_same_store(root: Path, tmp_path: Path) -> None:
    LocalObjects(root).create(MARKER, b"this store")
    LocalObjects(root).create("a/b", b"x")
    known = LocalObjects(root, identity=b"this store")
    shutil.copytree(root, tmp_path / "backup")
    shutil.rmtree(root)
    (tmp_path / "backup").rename(root)
    assert known.read("a/b") == b"x"
    assert known.create("a/c", b"y") is Creation.CREATED


# Permissions, modes, strays.


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A root that strangers can come to; pytest's own temporary directories are closed to them."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@contextlib.contextmanager
def as_a_stranger(path: Path) -> Iterator[None]:
    """Run as somebody whom ``path`` is closed to: as nobody if we are root, else without the right."""
    was_root, mode = os.geteuid() == 0, stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o700 if was_root else 0)
    if was_root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)
        path.chmod(mode)


def test_a_root_that_is_closed_to_us_denies_everything(known: LocalObjects, root: Path) -> None:
    with as_a_stranger(root):
        for call in (
            lambda: known.read("a/b"),
            lambda: known.exists("no/thing"),
            lambda: known.create("a/c", b"x"),
            lambda: list(known.keys("")),
        ):
            with pytest.raises(Denied, match="permissions"):
                call()


def test_a_key_that_is_closed_to_us_is_denied_and_not_missing(reachable: Path) -> None:
    objects = LocalObjects(reachable)
    objects.create("a/b", b"x")
    with as_a_stranger(reachable / "a"):
        with pytest.raises(Denied):
            objects.read("a/b")
        with pytest.raises(Denied):
            objects.exists("a/b")
        with pytest.raises(Denied):
            objects.exists("a/no/thing")


def test_private_files_are_for_their_owner_and_others_follow_the_umask(root: Path) -> None:
    objects = LocalObjects(root, private=("access/",))
    before = os.umask(0o027)
    try:
        objects.create("access/directory/1.json", b"secret")
        objects.replace("access/directory/current.json", b"1")
        objects.create("blobs/x", b"open")
    finally:
        os.umask(before)
    modes = {str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in sorted(root.rglob("*"))}
    assert modes["access"] == modes["access/directory"] == 0o700
    assert modes["access/directory/1.json"] == modes["access/directory/current.json"] == 0o600
    assert modes["blobs"] == 0o750
    assert modes["blobs/x"] == 0o640


def test_strays_of_killed_writers_are_swept_after_a_grace_by_the_clock_of_the_store(root: Path) -> None:
    objects = LocalObjects(root)
    objects.create("a/b", b"x")
    old, young = root / "tmp" / "1-old", root / "tmp" / "2-young"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, old.stat().st_mtime - 7200))
    assert objects.sweep(grace_s=3600) == 1
    assert [path.name for path in (root / "tmp").iterdir()] == ["2-young"]
    assert objects.sweep(grace_s=-1) == 1
    assert list(objects.keys("")) == ["a/b"]


def test_files_that_are_not_ours_are_not_listed(root: Path) -> None:
    objects = LocalObjects(root)
    objects.create("a/b", b"x")
    for stranger in (".DS_Store", "a/.b.swp", "a/b~", "a/with space"):
        (root / stranger).write_bytes(b"")
    assert list(objects.keys("")) == ["a/b"]


def test_no_handle_is_left_open(root: Path, tmp_path: Path) -> None:
    objects = LocalObjects(root)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(10):
        objects.create(f"a/{number}/b", DATA)
        objects.create(f"a/{number}/b", DATA)
        objects.replace(f"a/{number}/c", DATA)
        objects.read(f"a/{number}/b")
        objects.fetch(f"a/{number}/b", tmp_path / f"copy{number}")
        objects.confirm(f"a/{number}/b")
        next(objects.keys(""))
        with pytest.raises(Missing):
            objects.read(f"a/{number}/d")
        objects.delete(f"a/{number}/b")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
