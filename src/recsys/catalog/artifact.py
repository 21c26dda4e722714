"""The catalogue artifact: one row per item, everything a request can ask about in columns."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.catalog.item import Item
from recsys.encoding import parse_rfc3339
from recsys.store.columns import Columns, Strings, pack, strings
from recsys.store.soundness import (
    ascending,
    check_lengths,
    check_lists,
    check_owner,
    check_rows_ascend,
    check_texts,
    check_types,
    check_unique,
    require,
)

__all__ = ["KIND", "Catalog", "check_catalog", "open_catalog", "pack_catalog"]

KIND = "catalog"
FORMAT = 1
NONE = -1
"""Code of an item without a brand or a category."""
_LISTS = {"tags": "tag_names", "countries": "country_names", "locales": "locale_names"}
_NAMES = {"brand": "brand_names", "category": "category_names"}
_TYPES = {"price": "f8", "created_at": "f8", "available": "?", "brand": "i4", "category": "i4"}
_TYPES |= {f"{field}.offsets": "i8" for field in _LISTS} | {f"{field}.codes": "i4" for field in _LISTS}
_CALENDAR_S = (-62_135_596_800, 253_402_300_799)
"""The years 1 to 9999, in seconds since 1970: what can be written as a date."""


class Catalog:
    """An opened catalogue.

    ``items`` sorted by bytes. Per item: ``titles`` (empty: none), ``price`` float64 (NaN: none),
    ``available`` bool, ``created_at`` float64 seconds since 1970 (NaN: unknown), ``brand`` and ``category``
    int32 codes into ``brand_names`` and ``category_names`` (-1: none), and lists by row: the tags of item
    ``i`` are ``tag_codes[tag_offsets[i]:tag_offsets[i+1]]``, codes into ``tag_names``; ``country_…`` and
    ``locale_…`` alike. An item without countries (locales) is for all of them. All dictionaries are sorted
    by bytes.
    """

    __slots__ = (
        "available",
        "brand",
        "brand_names",
        "category",
        "category_names",
        "country_codes",
        "country_names",
        "country_offsets",
        "created_at",
        "items",
        "locale_codes",
        "locale_names",
        "locale_offsets",
        "meta",
        "price",
        "tag_codes",
        "tag_names",
        "tag_offsets",
        "titles",
    )

    def __init__(self, columns: Columns) -> None:
        self.items: Strings = columns.strings("items")
        self.titles: Strings = columns.strings("titles")
        self.price: npt.NDArray[np.float64] = columns["price"]
        self.available: npt.NDArray[np.bool_] = columns["available"]
        self.created_at: npt.NDArray[np.float64] = columns["created_at"]
        self.brand: npt.NDArray[np.int32] = columns["brand"]
        self.brand_names: Strings = columns.strings("brand_names")
        self.category: npt.NDArray[np.int32] = columns["category"]
        self.category_names: Strings = columns.strings("category_names")
        self.tag_offsets: npt.NDArray[np.int64] = columns["tags.offsets"]
        self.tag_codes: npt.NDArray[np.int32] = columns["tags.codes"]
        self.tag_names: Strings = columns.strings("tag_names")
        self.country_offsets: npt.NDArray[np.int64] = columns["countries.offsets"]
        self.country_codes: npt.NDArray[np.int32] = columns["countries.codes"]
        self.country_names: Strings = columns.strings("country_names")
        self.locale_offsets: npt.NDArray[np.int64] = columns["locales.offsets"]
        self.locale_codes: npt.NDArray[np.int32] = columns["locales.codes"]
        self.locale_names: Strings = columns.strings("locale_names")
        self.meta: Mapping[str, Any] = columns.meta


def pack_catalog(rows: Iterable[Item], *, tenant: str) -> bytes:
    """Write the artifact; the same items in any order give the same bytes.

    Raises
    ------
    Unfit
        When an item stands twice, or there is none.
    """
    items = sorted(rows, key=lambda item: item.item_id.encode())
    require(len(items) > 0, KIND, "it is empty")
    for before, after in pairwise(items):
        require(before.item_id != after.item_id, KIND, f"item {after.item_id} stands twice")
    arrays = strings("items", (item.item_id for item in items)) | strings(
        "titles", (item.title or "" for item in items)
    )
    arrays["price"] = np.array([np.nan if item.price is None else item.price for item in items], dtype=np.float64)
    arrays["available"] = np.array([item.available for item in items], dtype=np.bool_)
    arrays["created_at"] = np.array([_seconds(item.created_at) for item in items], dtype=np.float64)
    for field, dictionary in _NAMES.items():
        arrays |= _coded(field, dictionary, [getattr(item, field) for item in items])
    for field, dictionary in _LISTS.items():
        arrays |= _coded_lists(field, dictionary, [getattr(item, field) for item in items])
    return pack(KIND, {"format": FORMAT, "kind": KIND, "tenant": tenant, "items": len(items)}, arrays)


def open_catalog(columns: Columns, *, tenant: str) -> Catalog:
    """Open a catalogue of this tenant; raises :class:`Unfit` for anything else."""
    check_owner(columns, KIND, tenant=tenant, format=FORMAT)
    return Catalog(columns)


def check_catalog(columns: Columns, *, tenant: str) -> None:
    """Check every promise of the format; raises :class:`Unfit`."""
    opened = open_catalog(columns, tenant=tenant)
    check_types(columns, _TYPES)
    n = check_unique(columns, "items", KIND)
    require(len(check_texts(columns, "titles", KIND)) == n, KIND, "there is not one title per item")
    check_lengths(columns, KIND, n, ("price", "available", "created_at", *_NAMES))
    price = opened.price[~np.isnan(opened.price)]
    require(np.isfinite(price).all() and (price >= 0).all(), KIND, "a price is negative or not finite")
    created = opened.created_at[~np.isnan(opened.created_at)]
    inside = (created >= _CALENDAR_S[0]) & (created <= _CALENDAR_S[1])
    require(inside.all(), KIND, "a created_at is not a time")
    require(opened.available.any(), KIND, "no item is available, so nothing could be shown")
    for field, dictionary in _NAMES.items():
        names, codes = _check_dictionary(columns, dictionary), columns[field]
        known = int(codes.min()) >= NONE and int(codes.max()) < names
        require(known, KIND, f"{field} points outside {dictionary}")
    for field, dictionary in _LISTS.items():
        names = _check_dictionary(columns, dictionary)
        entries, offsets = f"{field}.codes", f"{field}.offsets"
        check_lists(columns, KIND, offsets=offsets, entries=entries, rows=n, codes=names)
        check_rows_ascend(columns, KIND, offsets=offsets, entries=entries)


def _check_dictionary(columns: Columns, name: str) -> int:
    names = check_texts(columns, name, KIND)
    require(ascending(names), KIND, f"{name} is out of order")
    return len(names)


def _coded(field: str, dictionary: str, values: list[str | None]) -> dict[str, npt.NDArray[Any]]:
    names = sorted({value for value in values if value is not None}, key=str.encode)
    code = {name: i for i, name in enumerate(names)}
    codes = np.array([NONE if value is None else code[value] for value in values], dtype=np.int32)
    return strings(dictionary, names) | {field: codes}


def _coded_lists(field: str, dictionary: str, values: list[tuple[str, ...]]) -> dict[str, npt.NDArray[Any]]:
    names = sorted({name for value in values for name in value}, key=str.encode)
    code = {name: i for i, name in enumerate(names)}
    codes = {value: sorted({code[name] for name in value}) for value in set(values)}
    rows = [codes[value] for value in values]
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    flat = np.array([c for row in rows for c in row], dtype=np.int32)
    return strings(dictionary, names) | {f"{field}.offsets": offsets, f"{field}.codes": flat}


def _seconds(moment: str | None) -> float:
    return float("nan") if moment is None else parse_rfc3339(moment, what="created_at")
