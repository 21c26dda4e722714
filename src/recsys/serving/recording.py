"""Events on their way to the disk, without ever making an answer wait for long.

A :class:`Recorder` owns one thread and one spool. The loop hands it what one tick of the loop brought; the
thread appends that with one write per file and wakes the loop. The thread is there because a write to a hung
disk cannot be given up: the loop's patience can.
"""

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Callable

from recsys.events import Spool, Stream

__all__ = ["Recorder"]

_IDLE_S = 0.5
"""How often an idle recorder looks whether a file is old enough to move on."""

_MAX_WAITING_BYTES = 64 << 20
"""Most bytes that may wait for a hung disk. What comes on top is refused at once: unrecorded, but
answered.
"""


class _Batch:
    """What one tick brought, and who waits for it."""

    __slots__ = ("late", "lines", "recorded", "size")

    def __init__(self, recorded: "asyncio.Future[bool]") -> None:
        self.lines: defaultdict[tuple[str, Stream], list[bytes]] = defaultdict(list)
        self.size = 0
        self.late = False
        self.recorded = recorded


class Recorder:
    """Appends lines in the order they came.

    Parameters
    ----------
    loop
        The loop of the callers; :meth:`append` is called from its thread only.
    spool
        Where to; used by the recorder's thread alone.
    sync
        Whether ``True`` means on the disk, or only safe from the death of this process. With it, all batches
        that waited while the disk worked are forced together.
    patience_s
        Longest time between :meth:`append` and its answer.
    recorded_late
        Told tenant, stream and number of lines that were written after their answer had been told they were not.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        spool: Spool,
        *,
        sync: bool,
        patience_s: float,
        recorded_late: Callable[[str, Stream, int], None] = lambda _tenant, _stream, _lines: None,
    ) -> None:
        self._loop = loop
        self._spool = spool
        self._sync = sync
        self._patience_s = patience_s
        self._recorded_late = recorded_late
        self._batch: _Batch | None = None
        self._waiting_bytes = 0
        self._late = False
        self._queue: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self.problem = ""
        """Why the last batch was not written; empty when it was."""
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def append(self, tenant: str, stream: Stream, line: bytes) -> "asyncio.Future[bool]":
        """Hand over whole lines, each with its newline; await the answer: recorded, or not within the
        patience.

        While the disk is known to hang nobody waits for it: the answer is an immediate ``False``, though the
        line is written if the disk comes back.
        """
        if self._waiting_bytes > _MAX_WAITING_BYTES:
            refused: asyncio.Future[bool] = self._loop.create_future()
            refused.set_result(False)
            return refused
        batch = self._batch
        if batch is None:
            batch = self._batch = _Batch(self._loop.create_future())
            self._loop.call_soon(self._hand_over)
        batch.lines[tenant, stream].append(line)
        batch.size += len(line)
        return batch.recorded

    def close(self) -> None:
        """Write what was handed over, move files on, and end the thread; wait as long as the patience."""
        if self._batch is not None:
            self._hand_over()
        self._queue.put(None)
        self._thread.join(max(self._patience_s, 1.0))

    def _hand_over(self) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return
        self._waiting_bytes += batch.size
        if self._late:
            batch.late = True
            batch.recorded.set_result(False)
        else:
            self._loop.call_later(self._patience_s, self._give_up, batch)
        self._queue.put(batch)

    def _give_up(self, batch: _Batch) -> None:
        if not batch.recorded.done():
            self._late = batch.late = True
            self.problem = f"the disk did not take events within {self._patience_s:g} s"
            batch.recorded.set_result(False)

    def _settle(self, batches: list[_Batch], problem: str) -> None:
        self._late = False
        self.problem = problem
        for batch in batches:
            self._waiting_bytes -= batch.size
            if not batch.recorded.done():
                batch.recorded.set_result(not problem)
            elif batch.late and not problem:
                for (tenant, stream), lines in batch.lines.items():
                    self._recorded_late(tenant, stream, len(lines))

    def _work(self) -> None:
        while True:
            try:
                first = self._queue.get(timeout=_IDLE_S)
            except queue.Empty:
                self._spool.rotate()
                continue
            batches, ends = self._together(first)
            if batches:
                problem = self._write(batches)
                try:
                    self._loop.call_soon_threadsafe(self._settle, batches, problem)
                except RuntimeError:
                    pass  # the loop has closed: nobody waits any more
            if ends:
                self._spool.close()
                return

    def _together(self, first: _Batch | None) -> tuple[list[_Batch], bool]:
        """Take everything that waits by now: one write and one force for all of it."""
        batches: list[_Batch] = []
        batch = first
        while batch is not None:
            batches.append(batch)
            try:
                batch = self._queue.get_nowait()
            except queue.Empty:
                return batches, False
        return batches, True

    def _write(self, batches: list[_Batch]) -> str:
        lines = batches[0].lines if len(batches) == 1 else defaultdict(list)
        for batch in batches if len(batches) > 1 else ():
            for key, some in batch.lines.items():
                lines[key] += some
        problem = ""
        for (tenant, stream), some in lines.items():
            try:
                self._spool.append(tenant, stream, b"".join(some), sync=self._sync)
            except OSError as error:
                problem = f"events of {tenant} were not written: {error.strerror or error}"
        return problem
