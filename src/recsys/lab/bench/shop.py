"""A synthetic release of any size, published straight from arrays: benchmarks of serving need no pipeline."""

import numpy as np
import numpy.typing as npt

from recsys.catalog import Item, pack_catalog
from recsys.encoding import canonical, digest
from recsys.releases import ArtifactRef, Manifest, Releases, Window
from recsys.signals import SIGNALS, Heading
from recsys.store import Store

__all__ = ["item_ids", "publish_shop"]

_NEIGHBOURS = 20
_TOPICS = 40


def item_ids(count: int) -> list[str]:
    """Name the items of a synthetic shop."""
    return [f"item-{number:07d}" for number in range(count)]


def publish_shop(store: Store, tenant: str, *, items: int, surface: str, day: str, seed: int = 1) -> str:
    """Publish every signal and a catalogue, and ship them; returns the manifest's digest.

    Popularity is Zipf-like; in every other signal each item has 20 neighbours of its own. ``day`` is the last day of
    the data, ``2026-11-22``.
    """
    chance = np.random.Generator(np.random.PCG64(seed))
    names = np.array(item_ids(items), dtype=object)
    heading = Heading(tenant=tenant, start=day, end=day)
    popularity = SIGNALS["popularity"].finish(
        {
            "item_id": names,
            "score": np.round(1e12 / (1 + chance.permutation(items))),
            "votes": np.full(items, 10),
            "shown": np.zeros(items),
            "examined": np.zeros(items),
            "outcomes": np.zeros(items),
        },
        heading,
    )
    neighbours = {name: _neighbours(name, names, heading, chance) for name in sorted(SIGNALS) if name != "popularity"}
    price = np.round(chance.random(items) * 100 + 1, 2)
    topic = chance.integers(0, _TOPICS, items)
    catalog = pack_catalog(
        (
            Item(
                item_id=str(names[number]),
                title=f"Thing {number}",
                tags=(f"topic-{topic[number]}",),
                category=f"category-{number % 25}",
                brand=f"brand-{number % 60}",
                price=float(price[number]),
            )
            for number in range(items)
        ),
        tenant=tenant,
    )

    def ref(data: bytes, rows: int) -> ArtifactRef:
        return ArtifactRef(artifact=store.blobs.put(tenant, data), rows=rows, size_bytes=len(data))

    manifest = Manifest(
        tenant=tenant,
        surface=surface,
        window=Window(start=day, end=day),
        inputs=digest(f"synthetic {items} {seed}".encode()),
        signals={
            "popularity": (ref(popularity, items),),
            **{name: (ref(data, rows),) for name, (data, rows) in neighbours.items()},
        },
        catalog=ref(catalog, items),
    )
    named = store.blobs.put(tenant, canonical(manifest))
    Releases(store, tenant, actor="bench").ship(surface, named, reason="synthetic shop")
    return named


def _neighbours(
    signal: str, names: npt.NDArray[np.object_], heading: Heading, chance: np.random.Generator
) -> tuple[bytes, int]:
    """Return an artifact of chance neighbours, each pair both ways, and its number of rows."""
    items = len(names)
    left = np.repeat(np.arange(items), _NEIGHBOURS // 2)
    right = (left + 1 + chance.integers(0, items - 1, len(left))) % items
    pairs = np.unique(np.sort(np.stack([left, right], axis=1), axis=1), axis=0)
    weight = chance.random(len(pairs)) * 0.9 + 0.05
    rows = {
        "item_id": names[np.concatenate([pairs[:, 0], pairs[:, 1]])],
        "neighbour_id": names[np.concatenate([pairs[:, 1], pairs[:, 0]])],
        "weight": np.concatenate([weight, weight]),
        "support": np.full(2 * len(pairs), 3),
    }
    return SIGNALS[signal].finish(rows, heading), 2 * len(pairs)
