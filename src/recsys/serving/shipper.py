"""Shipping event files beside following: a backlog of hours must not hold up a release or a confirmation."""

import logging
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from recsys.events import Shipped, recover, ship
from recsys.store import Store

__all__ = ["Shipper"]

_log = logging.getLogger(__name__)


class Shipper:
    """Carries finished event files, and what dead workers left, into the store; one round at a time, in a thread of
    its own.

    Parameters
    ----------
    keep_s
        How long a shipped file stays on this host.
    """

    def __init__(self, spool: Path, *, keep_s: float) -> None:
        self._spool, self._keep_s = spool, keep_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shipper")
        self._round: Future[None] | None = None
        self._gone: frozenset[str] = frozenset()
        self.last = Shipped()
        """What the last round that ended did."""

    def start(self, store: Store | None, *, gone: Iterable[str] = ()) -> None:
        """Begin a round, unless one is under way. Without a store, only what dead workers left is taken in.

        ``gone``: tenants that were deleted. Their events are removed.
        """
        self._gone = frozenset(gone)
        if self._round is None or self._round.done():
            self._round = self._thread.submit(self._go, store)

    def close(self, store: Store | None) -> None:
        """Finish the round that is under way, and do a last one."""
        self._thread.shutdown(wait=True)
        self._go(store)

    def _go(self, store: Store | None) -> None:
        try:
            cut = recover(self._spool).cut_bytes
            if cut:
                _log.warning("cut %d bytes of torn lines from event files of a worker that died", cut)
            if store is not None:
                self.last = ship(self._spool, store.objects, keep_s=self._keep_s, gone=self._gone)
        except OSError as error:
            self.last = Shipped(waiting=self.last.waiting, problem=str(error))
        except Exception as error:  # nobody asks the future
            _log.exception("event files are not shipped")
            self.last = Shipped(waiting=self.last.waiting, problem=f"{type(error).__name__}: {error}")
