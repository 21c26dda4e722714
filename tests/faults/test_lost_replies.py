"""F5: the store does what it was asked, and the caller is not told: no answer, a late one, an error, or "exists"."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.faulty import Fault, FaultyObjects, StillClock
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.trials import Trials, Trouble

from recsys.store import Blobs, Creation, Store, open_store
from recsys.store.log import ObjectLog

KINDS = {
    "reply lost": Fault.LOST_AFTER,
    "timed out": Fault.LATE,
    "5xx after apply, sent again by the client": Fault.EXISTS_FOR_OWN,
}
STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: open_store("memory:"),
    "directory": lambda path: open_store(path / "store"),
}
"""The faults are injected above these; see test_cut_connections.py for backends that are reached over a network."""


class Later(FaultyObjects):
    """As :class:`FaultyObjects`, for the records of the log, and for blobs where ``blobs`` says so.

    A write that timed out arrives only after ``delay`` more calls, or at :meth:`flush`. Reads fail only once a record
    was sent: what happens before is no doubt of anybody's.
    """

    delay = 0
    blobs = False
    sent = False

    def create(self, key: str, data: bytes) -> Creation:
        if not self.blobs and not key.startswith("releases/"):
            return self._inner.create(key, data)
        self.sent = True
        return super().create(key, data)

    def read(self, key: str) -> bytes:
        return super().read(key) if self.sent else self._inner.read(key)

    def _note(self, call: str) -> None:
        if self._late and self.delay > 0:
            self.delay -= 1
            self.calls.append(call)
        else:
            super()._note(call)

    def flush(self) -> None:
        """Let arrive whatever is still on its way."""
        self.delay = 0
        self._note("flush")


class Above:
    """:class:`~tests.faults.trials.Line` above the objects of a store, in a time that passes in no time."""

    def __init__(self, store: Store, fault: Fault) -> None:
        self._store, self._fault = store, fault
        self._objects = Later(store.objects)

    def client(self, trouble: Trouble) -> Store:
        creates, reads = [self._fault] * trouble.writes, [Fault.LOST_AFTER] * trouble.reads
        objects = Later(self._store.objects, creates=creates, reads=reads, before_create=trouble.meanwhile)
        objects.delay, objects.blobs = trouble.delay, trouble.blobs
        self._objects, clock = objects, StillClock()
        log = ObjectLog(objects, "releases", clock=clock, sleep=clock.sleep)
        return replace(self._store, objects=objects, blobs=Blobs(objects), releases=log)

    def flush(self) -> None:
        self._objects.flush()


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_caller_is_told_is_true_whatever_became_of_the_reply(tmp_path: Path, counting: Counting, kind: str):
    with counting("F5", f"{kind}: no false report, no duplicate, no referenced blob missing") as count:
        for name, make in STORES.items():
            folder = tmp_path / name
            folder.mkdir()
            store = make(folder)
            dice = random.Random(f"{count.seed} {kind} {name}")
            trials = Trials(store, Above(store, KINDS[kind]), dice, count)
            for trial in range(500 if FULL else 60):
                trials.one(trial)
            count.bad += [f"{name}: {problem}" for problem in trials.judge(folder / "found")]
            count.notes |= {end: times + int(count.notes.get(end, 0)) for end, times in trials.ends.items()}
