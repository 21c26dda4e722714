import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.events.test_spool import line

from recsys.events import Outcome, Spool, read_spool
from recsys.serving import recording
from recsys.serving.recording import Recorder


class Disk(Spool):
    """A spool on a disk that can hang or be full, and that says how often it was written to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, host="h", worker="w")
        self.free = threading.Event()
        self.free.set()
        self.full = False
        self.writes = 0
        self.rows: list[bytes] = []

    def append(self, tenant, stream, lines, *, sync=False):
        self.free.wait(10)
        self.writes += 1
        self.rows += lines.splitlines()
        if self.full:
            raise OSError(28, "No space left on device")
        super().append(tenant, stream, lines, sync=sync)


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


def with_recorder(disk: Disk, scene: Callable, *, patience_s: float = 5.0, sync: bool = False, **options) -> None:
    async def play():
        recorder = Recorder(asyncio.get_running_loop(), disk, sync=sync, patience_s=patience_s, **options)
        try:
            await scene(recorder)
        finally:
            disk.free.set()
            await asyncio.to_thread(recorder.close)

    asyncio.run(play())


def ids(root):
    return [event.item_id for event in read_spool(root, Outcome, tenant="demo")]


def test_what_was_acknowledged_is_in_the_file(disk, tmp_path):
    async def scene(recorder):
        assert await recorder.append("demo", "outcomes", line(1))
        assert ids(tmp_path) == ["1"]

    with_recorder(disk, scene)


def test_a_tick_of_the_loop_is_one_write(disk, tmp_path):
    async def scene(recorder):
        done = await asyncio.gather(*(recorder.append("demo", "outcomes", line(n)) for n in range(50)))
        assert all(done)

    with_recorder(disk, scene)
    assert disk.writes == 1
    assert ids(tmp_path) == [str(n) for n in range(50)]


def test_a_hung_disk_costs_an_answer_its_patience_and_the_next_one_nothing(disk, tmp_path):
    async def scene(recorder):
        disk.free.clear()
        began = time.perf_counter()
        assert not await recorder.append("demo", "outcomes", line(1))
        assert 0.02 <= time.perf_counter() - began < 2
        assert "did not take events" in recorder.problem
        second = recorder.append("demo", "outcomes", line(2))
        for _ in range(3):
            await asyncio.sleep(0)
        assert second.done()
        assert not second.result()
        disk.free.set()
        while recorder.problem:
            await recorder.append("demo", "outcomes", line(3))
        assert await recorder.append("demo", "outcomes", line(4))

    late = []
    with_recorder(disk, scene, patience_s=0.02, recorded_late=lambda *told: late.append(told))
    assert sum(lines for _tenant, _stream, lines in late) >= 2
    found = ids(tmp_path)
    assert found[:2] == ["1", "2"]  # late, and still there
    assert found[-1] == "4"


def test_a_full_disk_is_said_at_once(disk):
    async def scene(recorder):
        disk.full = True
        assert not await recorder.append("demo", "outcomes", line(1))
        assert "No space" in recorder.problem
        disk.full = False
        assert await recorder.append("demo", "outcomes", line(2))
        assert recorder.problem == ""

    with_recorder(disk, scene)


def test_memory_is_bounded_while_the_disk_hangs(disk, monkeypatch):
    monkeypatch.setattr(recording, "_MAX_WAITING_BYTES", 1000)

    async def scene(recorder):
        disk.free.clear()
        for _ in range(100):
            assert not await recorder.append("demo", "outcomes", line(1))
        disk.free.set()

    with_recorder(disk, scene, patience_s=0.01)
    assert len(disk.rows) < 20


def test_outcomes_that_waited_together_are_forced_together(disk, tmp_path, monkeypatch):
    forced = []
    import os

    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (forced.append(fd), fsync(fd)))

    async def scene(recorder):
        assert await recorder.append("demo", "outcomes", line(0))  # makes the file and forces its folders
        forced.clear()
        disk.free.clear()
        first = asyncio.ensure_future(recorder.append("demo", "outcomes", line(1)))
        await asyncio.sleep(0)
        others = []
        for number in range(2, 12):
            others.append(asyncio.ensure_future(recorder.append("demo", "outcomes", line(number))))
            await asyncio.sleep(0)
        disk.free.set()
        assert all(await asyncio.gather(first, *others))

    with_recorder(disk, scene, sync=True)
    assert 1 <= len(forced) <= 3
    assert len(ids(tmp_path)) == 12


def test_closing_writes_what_was_handed_over(disk, tmp_path):
    async def scene(recorder):
        recorder.append("demo", "outcomes", line(1))

    with_recorder(disk, scene)
    assert ids(tmp_path) == ["1"]
    assert not list((tmp_path / "open").rglob("*.jsonl"))
