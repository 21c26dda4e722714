"""How a write whose outcome may be lost is settled: committed, lost or unknown, never guessed."""

import time
from collections.abc import Callable

from recsys.store.port import Commit, CommitState, Creation, Denied, Missing, Unavailable

__all__ = ["Settling", "settle"]

_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.5


class Settling:
    """Time as settling needs it: ``clock`` in seconds that only go forward, and a pause in seconds."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.clock = clock
        self.sleep = sleep


def settle(
    number: int,
    data: bytes,
    *,
    create: Callable[[], Creation],
    read: Callable[[], bytes],
    confirm: Callable[[], None],
    patience_s: float,
    time: Settling,
) -> Commit:
    """Send until some record stands under a number, or the patience is over: the three outcomes of ``Log.append``.

    ``create`` sends ``data`` once, ``read`` reads back what stands there, ``confirm`` makes what stands there as
    durable as if the reply to our own send had come. Each raises as :class:`~recsys.store.port.Objects` does.

    Raises :class:`Unavailable` or :class:`Denied` only when nothing that was sent can have arrived.
    """
    deadline = time.clock() + patience_s
    may_have_arrived = False
    pause_s = _FIRST_PAUSE_S
    while True:
        failure: Unavailable | Denied | None = None
        try:
            if create() is Creation.CREATED:
                return Commit(CommitState.COMMITTED, number)
            may_have_arrived = True  # "exists" is also what a store says to one's own write, sent twice
        except Unavailable as error:
            failure = error
            may_have_arrived = may_have_arrived or not error.untouched
        except Denied as error:
            failure = error
        found = _look(read)
        if found == data:
            may_have_arrived = True
            if _confirmed(confirm):
                return Commit(CommitState.COMMITTED, number)
        elif found is not None:
            return Commit(CommitState.LOST, number, found)
        if failure is not None and not may_have_arrived:
            raise failure
        if time.clock() + pause_s > deadline:
            return Commit(CommitState.UNKNOWN, number)
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _look(read: Callable[[], bytes]) -> bytes | None:
    """Read back what stands there; ``None`` when that settles nothing: absence never means lost."""
    try:
        return read()
    except (Missing, Unavailable, Denied):
        return None


def _confirmed(confirm: Callable[[], None]) -> bool:
    try:
        confirm()
    except (Missing, Unavailable, Denied):
        return False
    return True
