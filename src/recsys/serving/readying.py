"""What this host may be sent back to is got ready before anybody asks: a rollback takes no longer than a switch."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, zip_longest
from pathlib import Path

from recsys.errors import RecsysError
from recsys.releases.history import History
from recsys.releases.manifest import read_manifest
from recsys.releases.record import Release, artifacts_of
from recsys.serving.host_state import TenantState
from recsys.snapshot import narrowed, prepare
from recsys.store import Store

__all__ = ["Readying", "contents_before"]

_log = logging.getLogger(__name__)
_NICE = 5
"""Nobody waits for it: everything else on the host goes first."""


class Readying:
    """Prepares older artifacts of every tenant, newest first, one tenant at a time, in a thread that yields to others.

    ``budget_bytes``: so many bytes of older artifacts of a tenant are kept ready; 0: none.
    """

    def __init__(self, root: Path, *, budget_bytes: int) -> None:
        self._root, self._budget = root, budget_bytes
        self._looked: dict[str, int] = {}
        self._ready: dict[str, tuple[Path, ...]] = {}
        self._running: tuple[str, Future[tuple[Path, ...]]] | None = None
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="readying", initializer=_yield_to_all)

    def step(self, store: Store, tenants: Mapping[str, TenantState]) -> None:
        """Take over what is ready, and begin with a tenant that switched since it was looked at."""
        if self._running is not None:
            of, begun = self._running
            if not begun.done():
                return
            self._ready[of] = begun.result()
            self._running = None
        switched = (name for name, known in tenants.items() if self._looked.get(name, 0) != known.generation)
        tenant = next(switched, None) if self._budget else None
        if tenant is not None:
            self._looked[tenant] = tenants[tenant].generation
            begun = self._aside.submit(self._prepared, store, tenant, tenants[tenant].generation)
            self._running = tenant, begun

    def kept(self, tenant: str) -> tuple[Path, ...]:
        """Return the snapshots that are ready, which must not be removed with what nobody needs."""
        return self._ready.get(tenant, ())

    def close(self) -> None:
        """Begin nothing more."""
        self._aside.shutdown(wait=False, cancel_futures=True)

    def _prepared(self, store: Store, tenant: str, generation: int) -> tuple[Path, ...]:
        history, left, made = History(store.releases, store.blobs, tenant), self._budget, []
        try:
            head = history.record(generation)
            by_surface = (contents_before(history, head, surface) for surface in sorted(head.surfaces))
            for surface, release in filter(None, chain.from_iterable(zip_longest(*by_surface))):
                left -= _size(history, release, surface)
                if left < 0:
                    break
                older = narrowed(release, surface, candidate=False)
                made.append(prepare(older, blobs=store.blobs, root=self._root))
        except (RecsysError, OSError) as error:
            _log.debug("older artifacts of %s are not ready: %s", tenant, error)
        return tuple(made)


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


def manifest_of(release: Release, surface: str) -> str | None:
    """Return the manifest that a surface serves by a release."""
    served = release.surfaces.get(surface)
    return None if served is None else served.manifest


def _size(history: History, release: Release, surface: str) -> int:
    named = manifest_of(release, surface)
    assert named is not None, "contents_before yields what has one"
    return sum(ref.size_bytes for ref in read_manifest(history.document(named)).artifacts())


def _yield_to_all() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
