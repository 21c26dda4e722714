"""Profiles: what each user did last. No signal, and the only artifact that is personal.

Kept until ``retention_days`` after the end of its window; ``docs/reference/signals.md`` has the format. The definition:
``profiles.sql``.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import IO, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.signals.artifact import FORMAT, Heading
from recsys.signals.signal import Rows, SmallTable, steps_of
from recsys.store.columns import Columns, Strings, strings, write
from recsys.store.soundness import check_lengths, check_lists, check_owner, check_types, check_unique, require

__all__ = [
    "KIND",
    "Params",
    "Part",
    "Profiles",
    "check_profiles",
    "finish",
    "halves",
    "open_profiles",
    "steps",
    "tables",
]

KIND = "profiles"
MAX_LAST = 100
"""As many events as a history may hold."""
MAX_TYPES = 256
"""Types are counted in a byte; a shop has a dozen."""
_TYPES = {"high": "u8", "low": "u8", "offsets": "i8", "item": "i4", "type": "u1", "day": "i4"}


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of a user.

    ``last``: how many of the newest (item, type) each user keeps; 0 makes no profiles at all. ``event_types``: what
    counts; empty means every type. ``retention_days``: how long after the end of the window they may be kept and used.
    """

    last: int = 50
    event_types: tuple[str, ...] = ()
    retention_days: int = 30

    def __post_init__(self) -> None:
        if not 0 <= self.last <= MAX_LAST:
            raise ValueError(f"last must lie in 0..{MAX_LAST}")
        if not 1 <= self.retention_days <= 3660:
            raise ValueError("retention_days must lie in 1..3660")


class Profiles:
    """An opened profiles artifact of ``n`` users.

    A pseudonym's 32 hexadecimal digits are two numbers, ``high`` and ``low`` (uint64, shape (n,)), ascending as pairs,
    which is the order of their bytes. What user ``i`` did last are entries ``offsets[i]..offsets[i+1]``, newest first,
    of ``item`` (int32, into ``items``), ``type`` (uint8, into ``types``) and ``day`` (int32, from 1970-01-01).
    """

    __slots__ = ("_low", "_n", "day", "high", "item", "items", "key_id", "low", "meta", "offsets", "type", "types")

    def __init__(self, columns: Columns) -> None:
        self.high: npt.NDArray[np.uint64] = columns["high"]
        self.low: npt.NDArray[np.uint64] = columns["low"]
        self.offsets: npt.NDArray[np.int64] = columns["offsets"]
        self.item: npt.NDArray[np.int32] = columns["item"]
        self.type: npt.NDArray[np.uint8] = columns["type"]
        self.day: npt.NDArray[np.int32] = columns["day"]
        self.items: Strings = columns.strings("items")
        self.types: Strings = columns.strings("types")
        self.meta: Mapping[str, Any] = columns.meta
        self.key_id = str(columns.meta["key_id"])
        self._n = len(self.high)
        self._low = self.low.data  # scalar reads from a memoryview cost a third of numpy's

    def find(self, pseudonym: str) -> int | None:
        """Return a user's number; ``None`` for one who is not here."""
        try:
            high, low = int(pseudonym[:16], 16), int(pseudonym[16:], 16)
        except ValueError:
            return None
        at = int(self.high.searchsorted(np.uint64(high)))
        while at < self._n and int(self.high[at]) == high:
            if self._low[at] == low:
                return at
            at += 1
        return None


def open_profiles(columns: Columns, *, tenant: str) -> Profiles:
    """Open a profiles artifact of this tenant; raises ``Unfit`` for anything else."""
    check_owner(columns, KIND, tenant=tenant, format=FORMAT)
    key_id = columns.meta.get("key_id")
    require(isinstance(key_id, str) and bool(key_id), KIND, "it does not say under which key its pseudonyms are")
    return Profiles(columns)


def check_profiles(columns: Columns, *, tenant: str) -> None:
    """Check every promise of the format; raises ``Unfit``."""
    opened = open_profiles(columns, tenant=tenant)
    check_types(columns, _TYPES)
    n, entries = len(opened.high), len(opened.item)
    require(n > 0, KIND, "it is empty")
    check_lengths(columns, KIND, n, ("high", "low"))
    high, low = opened.high, opened.low
    rises = (high[:-1] < high[1:]) | ((high[:-1] == high[1:]) & (low[:-1] < low[1:]))
    require(rises.all(), KIND, "a user stands twice or out of order")
    items = check_unique(columns, "items", KIND)
    types = check_unique(columns, "types", KIND)
    check_lists(columns, KIND, offsets="offsets", entries="item", rows=n, codes=items)
    check_lengths(columns, KIND, entries, ("item", "type", "day"))
    require(int(opened.type.max(initial=0)) < types, KIND, f"type points outside 0..{types - 1}")
    sizes = np.diff(opened.offsets)
    require((sizes > 0).all(), KIND, "a user has no event")
    require((sizes <= MAX_LAST).all(), KIND, f"limit exceeded: a user with {sizes.max()} events > {MAX_LAST}")
    falls = opened.day[1:] <= opened.day[:-1]
    falls[opened.offsets[1:-1] - 1] = True  # from one user to the next it may rise
    require(falls.all(), KIND, "a user's events are not newest first")


class Part(NamedTuple):
    """Some users, and what they did last.

    ``names``: their pseudonyms, sorted. ``rows``: ``owner``, ``item``, ``type``, ``day``, by owner and newest first;
    owners are whole numbers in the order of ``names``, without a gap, and may begin anywhere.
    """

    names: Sequence[str]
    rows: Rows


def tables(params: Params) -> dict[str, SmallTable]:
    """Lay the parameters out as the tables ``profiles.sql`` reads."""
    row = (params.last, int(not params.event_types))
    return {
        "settings": SmallTable((("last", "BIGINT"), ("all_types", "BIGINT")), (row,)),
        "taken_types": SmallTable((("event_type", "VARCHAR"),), tuple((t,) for t in sorted(set(params.event_types)))),
    }


def steps() -> dict[str, str]:
    """Return the definition as named queries, in the order an engine makes them; the last is ``result``."""
    return steps_of(files("recsys.signals").joinpath("profiles.sql").read_text(encoding="utf-8"))


def halves(names: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return pseudonyms as numbers of shape (n, 2)."""
    return np.frombuffer(bytes.fromhex("".join(names)), dtype=">u8").astype(np.uint64).reshape(-1, 2)


def finish(
    file: IO[bytes], parts: Iterable[Part], heading: Heading, *, types: Sequence[str], items: Sequence[str], key_id: str
) -> None:
    """Write the artifact. All of it is held once, as it will be read; each part is let go.

    Parameters
    ----------
    parts
        Users in the order of their pseudonyms; ``item`` and ``type`` are numbers into ``items`` (sorted by bytes) and
        ``types``.
    key_id
        Names the key the pseudonyms were made with.
    """
    require(len(types) <= MAX_TYPES, KIND, f"limit exceeded: event types {len(types)} > {MAX_TYPES}")
    held: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in ("names", "sizes", "item", "type", "day")}
    seen = np.zeros(len(items), dtype=np.bool_)
    for part in parts:
        held["names"].append(halves(part.names))
        held["sizes"].append(np.bincount(part.rows["owner"] - part.rows["owner"][0]))
        for name, kind in (("item", np.int32), ("type", np.uint8), ("day", np.int32)):
            held[name].append(part.rows[name].astype(kind))
        seen[held["item"][-1]] = True
    by_name = _joined(held.pop("names"))
    sizes = _joined(held.pop("sizes"))
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    used = np.flatnonzero(seen)
    place = np.zeros(len(items), dtype=np.int32)
    place[used] = np.arange(len(used))
    for part_of in held["item"]:
        part_of[:] = place[part_of]
    arrays = {"high": by_name[:, 0], "low": by_name[:, 1], "offsets": offsets}
    arrays |= {name: _joined(held.pop(name)) for name in ("item", "type", "day")}
    arrays |= strings("items", [items[number] for number in used.tolist()]) | strings("types", types)
    write(file, KIND, heading.meta(KIND, key_id=key_id), arrays)


def _joined(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Put arrays together, letting go of each as it is copied."""
    whole = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), dtype=parts[0].dtype)
    end = len(whole)
    while parts:
        part = parts.pop()
        whole[end - len(part) : end] = part
        end -= len(part)
    return whole
