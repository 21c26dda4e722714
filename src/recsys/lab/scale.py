"""``recsys bench scale``: what the design costs far above what one machine was measured with.

Each table is worked out from figures that were measured (:class:`Measured`) and from the formats themselves, or played
through in a small simulation with a fixed seed. Nothing in it is a measurement of such an installation.
"""

import math
from collections.abc import Iterable, Sequence
from typing import cast

import msgspec
import numpy as np

from recsys.serving.pacing import Pacing
from recsys.store import Log

__all__ = ["Measured", "ScaleTables", "fullest", "look_for_news", "tables"]

_GB = 1e9


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of ``docs/reference/benchmarks.md`` that the tables begin with."""

    event_bytes: float = 31.3
    """An event in a Parquet file of the benchmark."""
    canonical_bytes: float = 20.6
    """The same in its daily partition."""
    ingest_s: float = 4.6
    """Seconds of one core to ingest and judge a million events, of 10 million: the run's, by the time of its stages."""
    compute_s: float = 14.6
    """The same for all signals and the profiles."""
    load_bytes_s: float = 78e6
    """What one core copies, hashes, checks and lays out a second: 97 MB in 1.25 s."""
    head_requests_s: float = 50.0
    """Most looks at heads a second by one host, where each costs something."""


_ITEM_BYTES = {"popularity, tenant": 56, "popularity, surface": 56, "catalogue": 108}
"""An item in these artifacts, measured: ids of 12 bytes, one brand, category and title, two tags."""
_NEIGHBOUR_BYTES = {"cooc": 16, "content_sim": 12, "session_seq": 12}
"""A neighbour: which, how near, and in cooc how many users."""
_NEIGHBOURS, _ID_BYTES = 50, 28
_USER_BYTES, _PROFILE_EVENT_BYTES = 24, 9
"""Two halves of a pseudonym and an offset; item, type and day."""
_NIC_BYTES_S, _STORE_BYTES_S = 1.25e9, 5e9
"""Assumed, not measured: 10 Gbit/s a host, 40 Gbit/s the store."""


class ScaleTables(msgspec.Struct, frozen=True, kw_only=True):
    """The tables, by what grows; each a heading and rows of text."""

    tables: dict[str, tuple[tuple[str, ...], ...]]

    def markdown(self, name: str) -> str:
        """Write one table as it stands in the documents."""
        head, *rows = self.tables[name]
        lines = [head, tuple("---" for _ in head), *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def table(self) -> str:
        """Write all of them for people."""
        return "\n\n".join(f"{name}\n\n{self.markdown(name)}" for name in self.tables)


def tables(measured: Measured | None = None) -> ScaleTables:
    """Work everything out; the same on every machine."""
    seen = measured or Measured()
    return ScaleTables(
        tables={
            "events": _table(
                ("events in the window", "files", "canonical", "core-hours a whole run", "core-hours a day's part"),
                (_events(count, seen) for count in (10**8, 10**9, 10**10, 10**11)),
            ),
            "users": _table(
                ("users", "events each", "profiles", "shards of 1 GB", "fullest shard, over the mean"),
                (_users(count, each) for count in (10**6, 10**7, 10**8) for each in (10, 50)),
            ),
            "items": _table(
                ("items", "artifacts of one surface", "the largest", "to copy and check, one core"),
                (_items(count, seen) for count in (10**5, 10**6, 10**7)),
            ),
            "heads": _table(
                ("tenants", "hosts", "looks a second, each every second", "with the budget", "seen after", "at worst"),
                (_heads(tenants, hosts, seen) for tenants, hosts in ((100, 10), (1_000, 100), (10_000, 100))),
            ),
            "blobs": _table(
                ("hosts", "new bytes", "all from the store", "in a tree of hosts", "to check, one core"),
                (_blobs(hosts, items, seen) for hosts in (10, 100, 1_000) for items in (10**5, 10**7)),
            ),
        }
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return (tuple(head), *map(tuple, rows))


def _events(count: int, seen: Measured) -> Sequence[str]:
    each_s = (seen.ingest_s + seen.compute_s) / 1e6
    whole, day = count * each_s / 3600, count / 30 * each_s / 3600
    return (
        f"{count:,}",
        _size(count * seen.event_bytes),
        _size(count * seen.canonical_bytes),
        f"{whole:,.1f}",
        f"{day:,.2f}",
    )


def _users(count: int, each: int) -> Sequence[str]:
    size = count * (_USER_BYTES + each * _PROFILE_EVENT_BYTES)
    shards = max(1, math.ceil(size / _GB))
    return f"{count:,}", str(each), _size(size), str(shards), f"{fullest(count, each, shards):.4f}"


def fullest(users: int, each: int, shards: int, *, seed: int = 1) -> float:
    """Deal users out by a hash of their pseudonym; return the largest shard's events over the mean.

    Histories are uneven: geometric with mean ``each``. Of a shard's events only the mean and the spread matter at these
    numbers, so shards are drawn as sums, not user by user.
    """
    chance = np.random.Generator(np.random.PCG64(seed))
    dealt = chance.multinomial(users, np.full(shards, 1 / shards))
    events = dealt * each + chance.normal(size=shards) * np.sqrt(dealt * each * (each - 1))
    return float(events.max() / events.mean())


def _items(count: int, seen: Measured) -> Sequence[str]:
    each = _item_bytes()
    size = count * sum(each.values())
    largest = max(each, key=lambda name: each[name])
    took = size / seen.load_bytes_s
    return f"{count:,}", _size(size), f"{largest} {_size(count * each[largest])}", _time(took)


def _heads(tenants: int, hosts: int, seen: Measured) -> Sequence[str]:
    mean, worst = look_for_news(tenants, budget_per_s=seen.head_requests_s)
    return (
        f"{tenants:,}",
        f"{hosts:,}",
        f"{hosts * tenants:,}",
        f"{hosts * min(seen.head_requests_s, tenants):,.0f}",
        _time(mean),
        _time(worst),
    )


class _QuietLog:
    """A log in which each look costs something, and which gives no hint: a bucket."""

    pace_s = 1.0

    def changed(self) -> frozenset[str]:
        """Know of nothing."""
        return frozenset()


def look_for_news(tenants: int, *, budget_per_s: float, seed: int = 1) -> tuple[float, float]:
    """Play a follower that asks for the heads of many tenants with the pace it has; return how long after a release it
    asked: the mean and the longest, in seconds, of one release of every tenant.
    """
    log = cast("Log", _QuietLog())
    names = [f"tenant-{number:05d}" for number in range(tenants)]
    round_s = max(1.0, tenants / budget_per_s)
    chance = np.random.Generator(np.random.PCG64(seed))
    released = dict(zip(names, (round_s * chance.random(tenants)).tolist(), strict=True))
    step_s = min(1.0, max(0.1, round_s / 100))  # a second at most: no more of the budget can be saved up
    pacing, waited, now = Pacing(budget_per_s=budget_per_s), dict[str, float](), 0.0
    while len(waited) < tenants:
        for name in pacing.due(log, names, now=now, hurry=False):
            if released[name] <= now:
                waited.setdefault(name, now - released[name])
        now += step_s
    return sum(waited.values()) / tenants, max(waited.values())


def _blobs(hosts: int, items: int, seen: Measured) -> Sequence[str]:
    size = items * sum(_item_bytes().values())
    star_s = max(size / _NIC_BYTES_S, hosts * size / _STORE_BYTES_S)
    tree_s = math.ceil(math.log2(hosts + 1)) * size / _NIC_BYTES_S
    return f"{hosts:,}", _size(size), _time(star_s), _time(tree_s), _time(size / seen.load_bytes_s)


def _item_bytes() -> dict[str, int]:
    """Return what an item takes in each artifact when it has all the neighbours that are kept."""
    return _ITEM_BYTES | {name: _ID_BYTES + _NEIGHBOURS * each for name, each in _NEIGHBOUR_BYTES.items()}


def _size(size: float) -> str:
    for unit, least in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= least:
            return f"{size / least:,.1f} {unit}"
    return f"{size:,.0f} B"


def _time(seconds: float) -> str:
    if seconds >= 120:
        return f"{seconds / 60:,.0f} min"
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
