import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recsys.events import Outcome, Spool, event_files, read_spool, recover

NOON = 1_795_348_800.0  # 2026-11-22T12:00:00Z


def line(number: int) -> bytes:
    event = {
        "request_id": "r",
        "item_id": str(number),
        "event_type": "click",
        "ts": "2026-11-22T12:00:00Z",
        "event_id": f"e{number}",
    }
    return json.dumps(event).encode() + b"\n"


def a_spool(root: Path, **options: object) -> Spool:
    return Spool(root, host="h1", worker="w0", wall=lambda: NOON, **options)  # type: ignore[arg-type]


def ids(root: Path, tenant: str = "demo") -> list[str]:
    return [event.item_id for event in read_spool(root, Outcome, tenant=tenant)]


def test_lines_lie_under_tenant_stream_and_day(tmp_path):
    a_spool(tmp_path).append("demo", "outcomes", line(1) + line(2))
    (path,) = tmp_path.rglob("*.jsonl")
    assert path.parent == tmp_path / "open" / "demo" / "outcomes" / "dt=2026-11-22"
    assert path.read_bytes() == line(1) + line(2)


def test_a_file_moves_on_when_it_is_large_enough(tmp_path):
    spool = a_spool(tmp_path, rotate_bytes=len(line(1)))
    for number in range(3):
        spool.append("demo", "outcomes", line(number))
    assert len(list((tmp_path / "ready").rglob("*.jsonl"))) == 2
    assert ids(tmp_path) == ["0", "1", "2"]


def test_a_file_moves_on_when_it_is_old_enough_even_if_nothing_more_comes(tmp_path):
    now = [0.0]
    spool = a_spool(tmp_path, rotate_s=60, monotonic=lambda: now[0])
    spool.append("demo", "outcomes", line(1))
    now[0] = 59
    spool.rotate()
    assert not list((tmp_path / "ready").rglob("*.jsonl"))
    now[0] = 60
    spool.rotate()
    assert [file.growing for file in event_files(tmp_path)] == [False]


def test_a_new_day_begins_a_new_file(tmp_path):
    now = [NOON]
    spool = Spool(tmp_path, host="h1", worker="w0", wall=lambda: now[0])
    spool.append("demo", "outcomes", line(1))
    now[0] += 86_400
    spool.append("demo", "outcomes", line(2))
    assert [file.day for file in event_files(tmp_path)] == ["2026-11-22", "2026-11-23"]


def test_a_living_writers_file_is_left_alone_by_recovery(tmp_path):
    spool = a_spool(tmp_path)
    spool.append("demo", "outcomes", line(1))
    assert recover(tmp_path).files == 0
    spool.append("demo", "outcomes", line(2))
    spool.close()
    assert ids(tmp_path) == ["1", "2"]


WRITES_UNTIL_KILLED = """
import sys
from pathlib import Path
from recsys.events import Spool
spool = Spool(Path(sys.argv[1]), host="h1", worker="w0")
for number in range(10**9):
    spool.append("demo", "outcomes", sys.argv[2].replace("NUMBER", str(number)).encode() + b"\\n")
    print(number, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_had_written(tmp_path):
    template = line(0).decode().strip().replace('"0"', '"NUMBER"').replace('"e0"', '"eNUMBER"')
    command = [sys.executable, "-c", WRITES_UNTIL_KILLED, str(tmp_path), template]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        while int(writer.stdout.readline()) < 100:
            pass
        writer.send_signal(signal.SIGKILL)
        said = 100 + sum(1 for _ in writer.stdout)
    recovered = recover(tmp_path)
    assert recovered.files == 1
    assert not list((tmp_path / "open").rglob("*.jsonl"))
    found = ids(tmp_path)
    assert found[: said + 1] == [str(number) for number in range(said + 1)]
    assert len(found) <= said + 2  # the one it was killed before it could speak of


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 400), zeros=st.integers(0, 50))
@example(cut=1, zeros=0)
def test_a_torn_tail_is_cut_and_every_whole_line_kept(tmp_path_factory, cut, zeros):
    root = tmp_path_factory.mktemp("spool")
    folder = root / "open" / "demo" / "outcomes" / "dt=2026-11-22"
    folder.mkdir(parents=True)
    whole = b"".join(line(number) for number in range(5))
    torn = whole[: max(0, len(whole) - cut)]
    (folder / "h1-w0-1.jsonl").write_bytes(torn + b"\0" * zeros)
    kept = torn.count(b"\n")
    recover(root)
    assert ids(root) == [str(number) for number in range(kept)]


def test_a_lost_page_in_the_middle_costs_only_its_own_lines(tmp_path):
    folder = tmp_path / "open" / "demo" / "outcomes" / "dt=2026-11-22"
    folder.mkdir(parents=True)
    (folder / "h1-w0-1.jsonl").write_bytes(line(1) + b"\0" * 40 + b"\n" + line(3))
    assert recover(tmp_path).cut_bytes == 41
    assert ids(tmp_path) == ["1", "3"]


def test_a_mended_file_is_on_the_disk_before_it_takes_the_place_of_the_damaged_one(tmp_path, monkeypatch):
    folder = tmp_path / "open" / "demo" / "outcomes" / "dt=2026-11-22"
    folder.mkdir(parents=True)
    path = folder / "h1-w0-1.jsonl"
    path.write_bytes(line(1) + b"\0" * 40 + b"\n" + line(3))
    path.chmod(0o640)
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(fd: int) -> None:
        done.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{fd}')).name}")  # noqa: PTH115
        fsync(fd)

    def watched_replace(source: Path, target: Path) -> Path:
        done.append("replace")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    recover(tmp_path)
    assert done == ["fsync h1-w0-1.mending", "replace", "fsync dt=2026-11-22"]
    (mended,) = event_files(tmp_path)
    assert mended.path.stat().st_mode & 0o777 == 0o640


def test_a_full_disk_leaves_no_half_batch_behind(tmp_path, monkeypatch):
    spool = a_spool(tmp_path)
    spool.append("demo", "outcomes", line(1))
    write = os.write
    room = [len(line(2)) + 7]

    def nearly_full(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = write(fd, memoryview(data)[: room[0]])
        room[0] -= taken
        return taken

    with monkeypatch.context() as full:
        full.setattr(os, "write", nearly_full)
        with pytest.raises(OSError, match="No space"):
            spool.append("demo", "outcomes", line(2) + line(3))
    spool.append("demo", "outcomes", line(4))
    assert ids(tmp_path) == ["1", "4"]


def test_after_a_failed_fsync_the_file_is_given_up_and_a_new_one_begun(tmp_path, monkeypatch):
    spool = a_spool(tmp_path)
    spool.append("demo", "outcomes", line(1), sync=True)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
        with pytest.raises(OSError, match="I/O"):
            spool.append("demo", "outcomes", line(2), sync=True)
    spool.append("demo", "outcomes", line(2), sync=True)
    assert len(event_files(tmp_path)) == 2
    assert ids(tmp_path) == ["1", "2"]


def test_two_writers_of_one_name_never_share_a_file(tmp_path):
    first, second = a_spool(tmp_path), a_spool(tmp_path)
    first.append("demo", "outcomes", line(1))
    second.append("demo", "outcomes", line(2))
    assert len(event_files(tmp_path)) == 2


def test_what_is_recovered_never_takes_the_place_of_another_file(tmp_path):
    for state, number in (("ready", 1), ("open", 2)):
        folder = tmp_path / state / "demo" / "outcomes" / "dt=2026-11-22"
        folder.mkdir(parents=True)
        (folder / "h1-w0-1.jsonl").write_bytes(line(number))
    recover(tmp_path)
    assert ids(tmp_path) == ["1", "2"]


def test_a_recovery_killed_between_link_and_unlink_is_finished_by_the_next(tmp_path):
    for state in ("ready", "open"):
        (tmp_path / state / "demo" / "outcomes" / "dt=2026-11-22").mkdir(parents=True)
    orphan = tmp_path / "open" / "demo" / "outcomes" / "dt=2026-11-22" / "h1-w0-1.jsonl"
    orphan.write_bytes(line(1))
    (tmp_path / "ready" / orphan.relative_to(tmp_path / "open")).hardlink_to(orphan)
    recover(tmp_path)
    assert len(list(tmp_path.rglob("*.jsonl"))) == 1
    assert ids(tmp_path) == ["1"]
