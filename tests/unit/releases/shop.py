"""A small shop to release: real artifacts, and a log in which others can be faster."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from recsys.catalog import Item, pack_catalog
from recsys.encoding import canonical
from recsys.releases import ArtifactRef, Manifest, Releases, Window
from recsys.signals import SIGNALS, Heading
from recsys.store import Commit, Log, Store, open_store
from recsys.store.over import LogOver

TENANT = "demo"
WINDOW = Window(start="2026-11-01", end="2026-11-22")


def popularity(*, tenant: str = TENANT, likes: int = 1, **heading: Any) -> bytes:
    rows = {
        "items": np.array(["cup", "jug", "mug"], dtype=object),
        "item": np.array([2, 0, 1]),
        "score": np.array([3e9 * likes, 2e9, 1e9]),
        "votes": np.array([3, 2, 1]),
        "shown": np.zeros(3, dtype=np.int64),
        "rate": np.full(3, np.nan),
    }
    about = Heading(tenant=tenant, start=WINDOW.start, end=WINDOW.end, **heading)
    return SIGNALS["popularity"].finish(rows, about)


def catalogue(*, tenant: str = TENANT) -> bytes:
    return pack_catalog([Item(item_id=i, title=i.title()) for i in ("mug", "cup", "jug")], tenant=tenant)


def publish(
    store: Store, surface: str = "home", *, likes: int = 1, tenant: str = TENANT, data: bytes | None = None, **more: Any
) -> str:
    """Write artifacts and a manifest as the pipelines do; ``likes`` makes one manifest differ from another."""
    artifact = popularity(likes=likes, tenant=tenant) if data is None else data
    items = catalogue(tenant=tenant)
    manifest = Manifest(
        tenant=tenant,
        surface=surface,
        window=WINDOW,
        inputs=f"likes {likes}",
        signals={
            "popularity": (ArtifactRef(artifact=store.blobs.put(tenant, artifact), rows=3, size_bytes=len(artifact)),)
        },
        catalog=ArtifactRef(artifact=store.blobs.put(tenant, items), rows=3, size_bytes=len(items)),
    )
    return store.blobs.put(tenant, canonical(msgspec.structs.replace(manifest, **more)))


class Interposed(LogOver):
    """A log in which, just before an append of ours, others are faster: ``meanwhile`` is run once."""

    def __init__(self, inner: Log) -> None:
        super().__init__(inner)
        self.meanwhile: Callable[[], object] | None = None
        self.appends = 0

    def append(self, stream: str, number: int, data: bytes, *, patience_s: float = 10.0) -> Commit:
        first, self.meanwhile = self.meanwhile, None
        if first is not None:
            first()
        self.appends += 1
        return self.inner.append(stream, number, data, patience_s=patience_s)


class Shop:
    """One tenant on a store in memory, seen by two people: ``ours`` meets whatever ``meanwhile`` does."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or open_store("memory:")
        self.log = Interposed(self.store.releases)
        ticks = itertools.count(1_700_000_000)
        clock = lambda: float(next(ticks))  # noqa: E731
        self.ours = Releases(replace(self.store, releases=self.log), TENANT, actor="us", clock=clock)
        self.theirs = Releases(self.store, TENANT, actor="them", clock=clock)

    def copy(self) -> "Shop":
        """Return a shop of its own with the same past."""
        store = open_store("memory:")
        for key in self.store.objects.keys(""):
            store.objects.replace(key, self.store.objects.read(key))
        return Shop(store)

    def meanwhile(self, change: Callable[[Releases], object]) -> None:
        """Let them commit a change between our plan and our commit."""
        self.log.meanwhile = lambda: change(self.theirs)

    def m(self, likes: int, surface: str = "home") -> str:
        """Return a published manifest."""
        return publish(self.store, surface, likes=likes)


def opened() -> Shop:
    """A tenant with its generation 1."""
    shop = Shop()
    shop.theirs.create(reason="begin")
    return shop


def config(**settings: Any) -> bytes:
    return canonical(settings)


def rules(*ids: str, **more: Any) -> bytes:
    return canonical([{"id": i, "action": "block", "item_ids": ["mug"], **more} for i in ids])
