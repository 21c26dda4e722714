"""People who come all the time while a drill goes on, so that what it does to users is counted."""

import threading
import time
from types import TracebackType
from typing import Self

import msgspec

from recsys.errors import Failed
from recsys.lab.visitors import Visitors

__all__ = ["Crowd", "Served"]

_BATCH = 10
_PAUSE_S = 0.02
"""Between batches: the drill's own commands want the processor too."""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What users got so far. ``failed`` were not answered, ``empty`` got no item."""

    visits: int = 0
    empty: int = 0
    failed: int = 0
    rungs: tuple[str, ...] = ()


class Crowd:
    """A thread of visitors, one after another; a context manager."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._come, name="crowd", daemon=True)
        self._served = Served()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._visitors.close()

    @property
    def served(self) -> Served:
        """What was served since the crowd came."""
        return self._served

    def wait(self, visits: int, *, patience_s: float = 60.0) -> None:
        """Wait until so many more visits were answered; raises ``Failed`` when patience runs out."""
        until = self._served.visits + visits
        deadline = time.monotonic() + patience_s
        while self._served.visits < until:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise Failed(f"{visits} people were not served within {patience_s:.0f} s")
            time.sleep(0.02)

    def _come(self) -> None:
        while not self._ended.wait(_PAUSE_S):
            try:
                came = self._visitors.come(_BATCH)
            except Failed:  # their clicks were not taken, which is on the service's own record
                continue
            seen = self._served
            self._served = Served(
                visits=seen.visits + came.visits,
                empty=seen.empty + came.empty,
                failed=seen.failed + came.failed,
                rungs=tuple(sorted({*seen.rungs, *came.rungs})),
            )
