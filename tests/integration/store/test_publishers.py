"""Real processes on one store: racing for numbers, and killed at random moments."""

import contextlib
import random
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.integration.store.publisher import STREAM, Record, publish

from recsys.encoding import digest
from recsys.store import Store, open_store

pytestmark = pytest.mark.long

PUBLISHER = Path(__file__).with_name("publisher.py")
DEADLINE_S = 60.0


@contextlib.contextmanager
def publisher(root: Path, name: str, count: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    """Start a publisher; it is ended with the block whatever happens in it."""
    command = [sys.executable, str(PUBLISHER), str(root), name, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[bytes]) -> bytes:
    """Read one line; an empty one means that the process ended."""
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], DEADLINE_S)[0], "the publisher hangs"
    return process.stdout.readline()


def go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")


def check_whole(store: Store) -> list[Record]:
    """Read the whole store; every record chains to the one before and names a blob that is whole."""
    records = []
    previous = None
    for number in range(1, store.releases.head(STREAM) + 1):
        data = store.releases.read(STREAM, number)
        record = msgspec.json.decode(data, type=Record)
        assert record.previous == previous
        store.blobs.read(STREAM, record.blob)
        records.append(record)
        previous = digest(data)
    return records


def test_racing_publishers_make_one_log_without_a_gap_and_lose_nothing(tmp_path: Path) -> None:
    writers, count = 8, 50
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(publisher(tmp_path, f"w{n}", count)) for n in range(writers)]
        for process in running:
            assert line_of(process) == b"ready\n"
        for process in running:
            go(process)
        told = {f"w{n}": process.communicate(timeout=DEADLINE_S)[0].split() for n, process in enumerate(running)}
        assert [process.returncode for process in running] == [0] * writers
    records = check_whole(open_store(tmp_path, create=False))
    assert len(records) == writers * count
    for writer, numbers in told.items():  # everyone was told the truth about every record
        assert [records[int(number) - 1] for number in numbers] == [
            record for record in records if record.writer == writer
        ]
        assert [record.attempt for record in records if record.writer == writer] == list(range(count))


def test_publishers_killed_at_random_moments_leave_a_store_that_is_whole_and_goes_on(tmp_path: Path) -> None:
    moments = random.Random(42)
    acknowledged: Counter[str] = Counter()
    for kill in range(30):
        name = f"k{kill}"
        with publisher(tmp_path, name) as process:
            assert line_of(process) == b"ready\n"
            go(process)
            commits = moments.randint(0, 6)
            for _ in range(commits):
                line_of(process)
            for _ in range(moments.randint(0, 2000)):  # a pause of up to a commit's length, by work and not by sleep
                tmp_path.stat()
            process.kill()
            assert process.stdout is not None
            acknowledged[name] = commits + process.stdout.read().count(b"\n")
        store = open_store(tmp_path, create=False)
        records = check_whole(store)
        written = Counter(record.writer for record in records)
        assert 0 <= written[name] - acknowledged[name] <= 1  # the one in flight may stand unacknowledged
        assert publish(store, "survivor", kill) == len(records) + 1
    assert sum(acknowledged.values()) > 30
    left = list((tmp_path / "tmp").iterdir())
    assert open_store(tmp_path).objects.sweep(grace_s=-1) == len(left)  # type: ignore[attr-defined]
    check_whole(open_store(tmp_path))
