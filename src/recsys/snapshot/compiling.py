"""Bring the items of a catalogue and of signals into one numbering, and lay out what a request needs.

Whole columns at a time: a million items take seconds. The big neighbour lists are not rewritten: a shelf maps the
artifact as it is and carries two small tables, its items as rows of the artifact and back.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from recsys.catalog import Catalog
from recsys.ranking.shelf import F8, I4, I8, norm_pos, plain_label
from recsys.store.columns import Columns, pack, strings

__all__ = ["KIND", "LAYOUT", "compile_shelf"]

KIND = "shelf"
LAYOUT = 2
"""Raised when the columns change their meaning, so that shelves of older versions are made anew."""

Arrays = dict[str, npt.NDArray[Any]]


def compile_shelf(catalog: Columns | None, popularity: Sequence[Columns], near: Mapping[str, Columns]) -> bytes:
    """Return one shelf as a columnar blob.

    Parameters
    ----------
    catalog
        A checked artifact; ``None`` where there is none.
    popularity
        Checked artifacts, the nearest scope first. The nearest gives the score; the wider ones order what it does
        not know.
    near
        Checked artifacts of signals that know neighbours, by signal.
    """
    sources = [columns for columns in (catalog, *popularity, *near.values()) if columns is not None]
    tables = _texts(sources)
    ids = _union(tables)
    rows = {id(columns): numbers for columns, numbers in zip(sources, _numbers(tables, ids), strict=True)}
    n = len(ids)

    arrays: Arrays = strings("items", ()) | {
        "items.offsets": np.cumsum([0, *map(len, ids)], dtype=np.int64),
        "items.bytes": np.frombuffer(b"".join(ids), dtype=np.uint8),
    }
    arrays |= _buckets(ids)
    place = _popularity(popularity, rows, n, arrays)
    opened = None if catalog is None else Catalog(catalog)
    at = np.empty(0, dtype=np.int32) if catalog is None else rows[id(catalog)]
    arrays["price"] = _spread(n, at, np.nan, None if opened is None else opened.price)
    arrays["created_at"] = _spread(n, at, np.nan, None if opened is None else opened.created_at)
    # where there is a catalogue, what it does not know is not sold any more
    unavailable = np.full(n, fill_value=opened is not None, dtype=np.bool_)
    if opened is not None:
        unavailable[at] = ~opened.available.astype(np.bool_)
    arrays["unavailable"] = unavailable
    for kind, (names, counts, codes) in _labels_in(opened).items():
        arrays |= _labels(f"label.{kind}", names, _spread_counts(n, at, counts), codes, place)
    for signal, columns in near.items():
        arrays |= _renumbering(signal, rows[id(columns)], n)
    signals = [*(["popularity"] if popularity else []), *near]
    return pack(KIND, {"layout": LAYOUT, "items": n, "signals": signals}, arrays)


def _renumbering(signal: str, rows: I4, n: int) -> Arrays:
    """Lay out a signal's items as numbers of the shelf, and back; nothing where they are the same."""
    if len(rows) == n:  # both are sorted and without repeats
        return {}
    back = np.full(n, -1, dtype=np.int32)
    back[rows] = np.arange(len(rows), dtype=np.int32)
    return {f"{signal}.items": rows, f"{signal}.rows": back}


def _texts(sources: Sequence[Columns]) -> list[list[bytes]]:
    """Return the ids of each source: one and the same list where two have the same, as most often."""
    found: list[tuple[I8, npt.NDArray[np.uint8], list[bytes]]] = []
    tables: list[list[bytes]] = []
    for columns in sources:
        offsets, data = columns["items.offsets"], columns["items.bytes"]
        table = next((t for o, d, t in found if np.array_equal(o, offsets) and np.array_equal(d, data)), None)
        if table is None:
            blob = data.tobytes()
            table = [blob[start:end] for start, end in pairwise(offsets.tolist())]
            found.append((offsets, data, table))
        tables.append(table)
    return tables


def _union(tables: list[list[bytes]]) -> list[bytes]:
    """Return all ids sorted by bytes; often one table, the catalogue's, has them all already."""
    longest = max(tables, key=len)
    others = [table for table in tables if table is not longest]
    known = set(longest) if others else set()
    if all(known.issuperset(table) for table in others):
        return longest
    return sorted(known.union(*others))


def _numbers(tables: list[list[bytes]], ids: list[bytes]) -> list[I4]:
    """Return the place of each id of each table among all."""
    number = {} if all(table is ids for table in tables) else dict(zip(ids, range(len(ids)), strict=True))
    return [
        np.arange(len(ids), dtype=np.int32)
        if table is ids
        else np.fromiter(map(number.__getitem__, table), dtype=np.int32, count=len(table))
        for table in tables
    ]


def _buckets(ids: list[bytes]) -> Arrays:
    """Lay out a hash table: the items of slot ``s`` are ``bucket.items[bucket.starts[s]:bucket.starts[s+1]]``."""
    slots = 1 << max(len(ids) - 1, 0).bit_length()
    slot = np.fromiter(map(crc32, ids), dtype=np.int64, count=len(ids)) & (slots - 1)
    starts = np.zeros(slots + 1, dtype=np.int32)
    np.cumsum(np.bincount(slot, minlength=slots), out=starts[1:])
    return {"bucket.starts": starts, "bucket.items": np.argsort(slot, kind="stable").astype(np.int32)}


def _popularity(scopes: Sequence[Columns], rows: dict[int, I4], n: int, arrays: Arrays) -> I4:
    """Add score, order and place; return the place of each item."""
    nearest = np.zeros(n)
    known = np.zeros(n, dtype=np.bool_)
    keys: list[F8] = []
    for position, columns in enumerate(scopes):
        raw = np.zeros(n)
        raw[rows[id(columns)]] = columns["score"]
        if position == 0:
            nearest = norm_pos(raw, float(columns.meta["scale"]))
            raw = nearest
        keys.append(np.where(known, 0.0, -raw))
        known |= raw > 0.0
    order: I4 = np.lexsort([np.arange(n), *reversed(keys)]).astype(np.int32)
    place = np.empty(n, dtype=np.int32)
    place[order] = np.arange(n, dtype=np.int32)
    arrays |= {"popularity": nearest, "order": order, "place": place}
    return place


def _labels_in(catalog: Catalog | None) -> dict[str, tuple[list[str], I8, I4]]:
    """Return each kind's vocabulary, how many labels each row of the catalogue has, and their codes by row."""
    if catalog is None:
        none = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
        return {kind: ([], *none) for kind in ("tag", "brand", "category", "country", "locale")}
    found: dict[str, tuple[list[str], I8, I4]] = {}
    for kind, single in (("brand", catalog.brand), ("category", catalog.category)):
        has = single >= 0
        names = catalog.brand_names if kind == "brand" else catalog.category_names
        found[kind] = (names.to_list(), has.astype(np.int64), single[has])
    found["tag"] = (catalog.tag_names.to_list(), np.diff(catalog.tag_offsets), catalog.tag_codes)
    for kind, vocabulary, offsets, codes in (
        ("country", catalog.country_names, catalog.country_offsets, catalog.country_codes),
        ("locale", catalog.locale_names, catalog.locale_offsets, catalog.locale_codes),
    ):
        plain = [plain_label(kind, name) for name in vocabulary.to_list()]
        written = sorted(set(plain), key=str.encode)
        recode = np.array([written.index(name) for name in plain], dtype=np.int32)
        found[kind] = (written, np.diff(offsets), recode[codes] if len(recode) else codes)
    return found


def _labels(prefix: str, names: list[str], counts: I8, codes: I4, place: I4) -> Arrays:
    n = len(counts)
    offsets = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    by_place = codes.astype(np.int64) * max(n, 1) + np.repeat(place, counts)
    by_place.sort()
    place_offsets = np.zeros(len(names) + 1, dtype=np.int64)
    np.cumsum(np.bincount(codes, minlength=len(names)), out=place_offsets[1:])
    return strings(f"{prefix}.names", names) | {
        f"{prefix}.offsets": offsets,
        f"{prefix}.codes": codes.astype(np.int32),
        f"{prefix}.place_offsets": place_offsets,
        f"{prefix}.places": (by_place % max(n, 1)).astype(np.int32),
    }


def _spread(n: int, at: I4, otherwise: float, values: F8 | None) -> F8:
    out = np.full(n, otherwise)
    if values is not None:
        out[at] = values
    return out


def _spread_counts(n: int, at: I4, counts: I8) -> I8:
    out = np.zeros(n, dtype=np.int64)
    out[at] = counts  # rows and items are in the same order, so the labels end to end need no moving
    return out
