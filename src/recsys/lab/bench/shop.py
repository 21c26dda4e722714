"""A synthetic release of any size, published straight from arrays: benchmarks of serving need no pipeline."""

import datetime
import io

import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from recsys.access import load_directory
from recsys.catalog import Item, pack_catalog
from recsys.encoding import canonical, digest
from recsys.releases import ArtifactRef, Manifest, Releases, Window
from recsys.signals import SIGNALS, Heading, profiles
from recsys.store import Store

__all__ = ["ASKING", "item_ids", "publish_shop"]

ASKING = 10_000
"""How many users ask: ``u0``, ``u1``, and so on; the first of those with a profile."""
_NEIGHBOURS = 20
_TOPICS = 40
_LAST = 5
_KEPT = datetime.timedelta(days=30)


def item_ids(count: int) -> list[str]:
    """Name the items of a synthetic shop."""
    return [f"item-{number:07d}" for number in range(count)]


def publish_shop(
    store: Store, tenant: str, *, items: int, surface: str, day: str, seed: int = 1, users: int = 0
) -> str:
    """Publish every signal and a catalogue, and ship them; returns the manifest's digest.

    Popularity is Zipf-like; in every other signal each item has 20 neighbours of its own. ``day`` is the last day of
    the data, ``2026-11-22``. ``users``: how many have a profile, five items each.
    """
    chance = np.random.Generator(np.random.PCG64(seed))
    names = np.array(item_ids(items), dtype=object)
    heading = Heading(tenant=tenant, start=day, end=day)
    popularity = SIGNALS["popularity"].finish(
        {
            "items": names,
            "item": np.arange(items),
            "score": np.round(1e12 / (1 + chance.permutation(items))),
            "votes": np.full(items, 10),
            "shown": np.zeros(items),
            "rate": np.full(items, np.nan),
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
        profiles=_profiles(store, heading, items=items, users=users, chance=chance) if users else UNSET,
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
        "items": names,
        "item": np.concatenate([pairs[:, 0], pairs[:, 1]]),
        "neighbour": np.concatenate([pairs[:, 1], pairs[:, 0]]),
        "weight": np.concatenate([weight, weight]),
        "support": np.full(2 * len(pairs), 3),
    }
    return SIGNALS[signal].finish(rows, heading), 2 * len(pairs)


def _profiles(store: Store, heading: Heading, *, items: int, users: int, chance: np.random.Generator) -> ArtifactRef:
    """Publish what each user did last. Who does not ask has a pseudonym of chance."""
    pseudonyms = load_directory(store).tenant(heading.tenant).pseudonyms
    names = [pseudonyms.of(f"u{number}") for number in range(min(users, ASKING))]
    others = chance.bytes(16 * (users - len(names))).hex()
    names += [others[at : at + 32] for at in range(0, len(others), 32)]
    names.sort()
    last = datetime.date.fromisoformat(heading.end)
    day = (last - datetime.date(1970, 1, 1)).days
    rows = {
        "owner": np.repeat(np.arange(users), _LAST),
        "item": chance.integers(0, items, users * _LAST),
        "type": np.zeros(users * _LAST),
        "day": np.full(users * _LAST, day),
    }
    file, parts = io.BytesIO(), [profiles.Part(names, rows)]
    profiles.finish(file, parts, heading, types=["view"], items=item_ids(items), key_id=pseudonyms.key_id)
    data = file.getvalue()
    named = store.blobs.put(heading.tenant, data)
    return ArtifactRef(artifact=named, rows=users, size_bytes=len(data), retain_until=last + _KEPT)
