"""What this host may be sent back to is got ready before anybody asks: a rollback takes no longer than a switch."""

import logging
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

from recsys.releases.history import History
from recsys.releases.manifest import read_manifest
from recsys.releases.record import Release, artifacts_of
from recsys.releases.ship import manifest_of
from recsys.serving.host_state import TenantState
from recsys.snapshot import narrowed, prepare
from recsys.store import Store

__all__ = ["Readying", "contents_before"]

_log = logging.getLogger(__name__)
_NICE = 5
"""Nobody waits for it: everything else on the host goes first."""
_ROOM = 4
"""It needs so many times its size free on the disk: the newest release must never be short of room for its sake."""


class _Made(NamedTuple):
    """What is ready of one tenant: its snapshots, and the bytes of their artifacts."""

    paths: tuple[Path, ...] = ()
    size: int = 0


class Readying:
    """Prepares older artifacts of every tenant, newest first, one tenant at a time, in a thread that yields to others.

    ``budget_bytes``: so many bytes of older artifacts are kept ready on this host; 0: none. What is not ready is no
    trouble: a rollback to it takes longer.
    """

    def __init__(self, root: Path, *, budget_bytes: int) -> None:
        self._root, self._budget = root, budget_bytes
        self._looked: dict[str, int] = {}
        self._ready: dict[str, _Made] = {}
        self._running: tuple[str, Future[_Made]] | None = None
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="readying")
        self._ended = threading.Event()

    @property
    def busy(self) -> frozenset[str]:
        """The tenant whose files are being written, if any."""
        return frozenset() if self._running is None else frozenset((self._running[0],))

    def step(self, store: Store, tenants: Mapping[str, TenantState]) -> None:
        """Take over what is ready, and begin with a tenant that switched since it was looked at."""
        if self._running is not None:
            of, begun = self._running
            if not begun.done():
                return
            self._running = None
            self._ready[of] = begun.result()
        switched = (name for name, known in tenants.items() if self._looked.get(name, 0) != known.generation)
        tenant = next(switched, None) if self._budget else None
        if tenant is not None:
            self._looked[tenant] = tenants[tenant].generation
            left = self._budget - sum(made.size for name, made in self._ready.items() if name != tenant)
            self._running = tenant, self._aside.submit(self._prepared, store, tenant, self._looked[tenant], left)

    def kept(self, tenant: str) -> tuple[Path, ...]:
        """Return the snapshots that are ready, which must not be removed with what nobody needs."""
        return self._ready.get(tenant, _Made()).paths

    def forget(self, tenant: str) -> None:
        """Let go of a tenant that is gone; not one that is :attr:`busy`."""
        self._ready.pop(tenant, None)
        self._looked.pop(tenant, None)

    def close(self) -> None:
        """Begin nothing more; what is being prepared is finished."""
        self._ended.set()
        self._aside.shutdown(wait=False, cancel_futures=True)

    def _prepared(self, store: Store, tenant: str, generation: int, left: int) -> _Made:
        made = _Made()
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
            history = History(store.releases, store.blobs, tenant)
            head = history.record(generation)
            by_surface = (contents_before(history, head, surface) for surface in sorted(head.surfaces))
            for surface, release in filter(None, chain.from_iterable(zip_longest(*by_surface))):
                size = _size(history, release, surface)
                if self._ended.is_set() or made.size + size > left or _ROOM * size > shutil.disk_usage(self._root).free:
                    break
                path = prepare(narrowed(release, surface, candidate=False), blobs=store.blobs, root=self._root)
                made = _Made((*made.paths, path), made.size + size)
        except Exception as error:  # nobody waits for it, and the follower goes on whatever it was
            _log.warning("older artifacts of %s are not ready for a rollback: %s", tenant, error)
        return made


def contents_before(history: History, head: Release, surface: str) -> Iterator[tuple[str, Release]]:
    """Yield ``(surface, release)`` for each other manifest that a surface had, newest first, each once."""
    part, release = artifacts_of(surface), head
    seen = {manifest_of(head, surface)}
    while (came := release.changed.get(part, 0)) > 1:
        release = history.record(came - 1)
        named = manifest_of(release, surface)
        if named is not None and named not in seen:
            yield surface, release
        seen.add(named)


def _size(history: History, release: Release, surface: str) -> int:
    named = manifest_of(release, surface)
    assert named is not None, "contents_before yields what has one"
    return sum(ref.size_bytes for ref in read_manifest(history.document(named)).artifacts())
