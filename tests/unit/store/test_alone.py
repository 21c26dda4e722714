"""One at a time: by a lock where there is one, and by a lease where there is none."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.faulty import StillClock

from recsys.store import Alone, Busy, Lockable, Objects, alone
from recsys.store.alone import LAPSE_S
from recsys.store.local import LocalObjects
from recsys.store.memory import MemoryObjects

PREFIX = "blobs/demo/"


class Bucket(MemoryObjects):
    """Objects without a lock."""

    alone = None  # type: ignore[assignment]


def entered(objects: Objects, clock: StillClock) -> Alone:
    """Go in and never come out, as who is killed."""
    taken = alone(objects, PREFIX, clock=clock)
    entries.append(taken)
    return taken.__enter__()


entries: list[object] = []
"""What was taken is kept: a generator that is thrown away runs its end."""


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def bucket(clock: StillClock) -> Iterator[Bucket]:
    yield Bucket(clock=clock)
    entries.clear()


def test_a_directory_frees_the_place_of_a_process_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from recsys.store.local import LocalObjects\n"
        f"with LocalObjects(Path({str(tmp_path)!r})).alone({PREFIX!r}): print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"in\n"
        with pytest.raises(Busy):
            entered(LocalObjects(tmp_path), StillClock())
        child.kill()
        child.wait()
        with alone(LocalObjects(tmp_path), PREFIX) as mine:
            mine.still()


def test_a_directory_lets_one_process_in(tmp_path: Path) -> None:
    with alone(LocalObjects(tmp_path), PREFIX), pytest.raises(Busy, match="another process"):
        entered(LocalObjects(tmp_path), StillClock())


def test_a_bucket_has_no_lock(bucket: Bucket) -> None:
    assert not isinstance(bucket, Lockable)
    assert isinstance(MemoryObjects(), Lockable)


def test_a_lease_keeps_others_out_until_it_ends(bucket: Bucket, clock: StillClock) -> None:
    with alone(bucket, PREFIX, clock=clock) as mine:
        mine.still()
        with pytest.raises(Busy):
            entered(bucket, clock)
    with alone(bucket, PREFIX, clock=clock):
        pass
    assert len(list(bucket.keys("leases/"))) == 1


def test_a_lease_of_the_dead_lapses_by_the_stores_own_time(bucket: Bucket, clock: StillClock) -> None:
    entered(bucket, clock)
    clock.sleep(LAPSE_S)
    with pytest.raises(Busy):
        entered(bucket, clock)
    clock.sleep(1)
    entered(bucket, clock).still()


def test_a_holder_at_work_keeps_its_lease(bucket: Bucket, clock: StillClock) -> None:
    mine = entered(bucket, clock)
    for _ in range(100):
        clock.sleep(LAPSE_S / 4)
        mine.still()
        with pytest.raises(Busy):
            entered(bucket, clock)


def test_a_holder_that_stood_still_stops(bucket: Bucket, clock: StillClock) -> None:
    mine = entered(bucket, clock)
    clock.sleep(LAPSE_S / 2 + 1)
    with pytest.raises(Busy, match="stood still"):
        mine.still()


def test_a_holder_whose_lease_was_taken_stops_and_ends_nothing(bucket: Bucket, clock: StillClock) -> None:
    slow = StillClock()  # its clock does not go as the store's does
    taken = alone(bucket, PREFIX, clock=slow)
    mine = taken.__enter__()
    clock.sleep(LAPSE_S + 1)
    theirs = entered(bucket, clock)
    slow.sleep(LAPSE_S / 4)
    with pytest.raises(Busy):
        mine.still()
    taken.__exit__(None, None, None)
    theirs.still()
    with pytest.raises(Busy):
        entered(bucket, clock)


def test_of_two_who_take_over_at_once_one_does(bucket: Bucket, clock: StillClock) -> None:
    entered(bucket, clock)
    clock.sleep(LAPSE_S + 1)

    class Slow(Bucket):
        def create(self, key: str, data: bytes):  # type: ignore[no-untyped-def]
            if not quick:
                quick.append(entered(bucket, clock))
            return bucket.create(key, data)

    quick: list[Alone] = []
    slow = Slow(clock=clock)
    slow._held, slow._written = bucket._held, bucket._written
    with pytest.raises(Busy):
        entered(slow, clock)
    quick[0].still()


def test_who_looked_long_ago_does_not_take_a_number_that_was_tidied_away(bucket: Bucket, clock: StillClock) -> None:
    class Late(Bucket):
        def create(self, key: str, data: bytes):  # type: ignore[no-untyped-def]
            with alone(bucket, PREFIX, clock=clock):
                pass
            kept.append(entered(bucket, clock))
            return bucket.create(key, data)

    kept: list[Alone] = []
    late = Late(clock=clock)
    late._held, late._written = bucket._held, bucket._written
    with pytest.raises(Busy):
        entered(late, clock)
    assert kept


@pytest.mark.parametrize("damage", [b"", b"[]", b"not JSON"])
def test_a_damaged_lease_counts_as_held_until_it_lapses(bucket: Bucket, clock: StillClock, damage: bytes) -> None:
    bucket.create(f"leases/{PREFIX}0000000001.json", damage)
    with pytest.raises(Busy):
        entered(bucket, clock)
    clock.sleep(LAPSE_S + 1)
    entered(bucket, clock).still()
