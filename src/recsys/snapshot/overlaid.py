"""Lay the overlay of a release over a compiled shelf.

The shelf of the catalogue itself stays as it is and is used again by every later update: only the columns that an
overlay speaks of are made anew. What comes out has the bytes that compiling would give had the catalogue said it all
along.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from recsys.catalog import OverlayRow
from recsys.ranking.shelf import I4, I8, plain_label
from recsys.snapshot.compiling import _labels as labels_by_place
from recsys.store.columns import Columns, pack

__all__ = ["OVERLAID", "overlay_shelf"]

OVERLAID = 1
"""Raised when the same rows come to other columns, so that shelves of older versions are made anew."""

_LABELS = {"tag": "tags", "brand": "brand", "category": "category", "country": "countries", "locale": "locales"}
"""By kind of label, the field that says all labels of an item."""


def overlay_shelf(shelf: Columns, overlay: Iterable[OverlayRow]) -> bytes | None:
    """Return the shelf as the overlay has it, as a columnar blob; ``None`` when it knows none of these items.

    A row makes no item: one that neither the catalogue nor a signal has stays unknown.
    """
    ids = shelf.strings("items")  # sorted by bytes, as the rows are: so the numbers ascend
    rows = [(number, row) for row in overlay if (number := ids.find(row.item_id)) is not None]
    if not rows:
        return None
    price = _given(rows, "price")
    sold = {number: not available for number, available in _given(rows, "available").items()}
    arrays = {name: shelf[name] for name in shelf.names()}
    arrays |= {"price": _with(arrays["price"], price), "unavailable": _with(arrays["unavailable"], sold)}
    for kind, field in _LABELS.items():
        given = _given(rows, field)
        if given:
            arrays |= _relabelled(shelf, kind, given)
    return pack(shelf.kind, shelf.meta, arrays)


def _given(rows: list[tuple[int, OverlayRow]], field: str) -> dict[int, Any]:
    """Return what the rows say of a field, by item number, ascending."""
    return {number: value for number, row in rows if (value := getattr(row, field)) is not UNSET}


def _with(column: npt.NDArray[Any], given: dict[int, Any]) -> npt.NDArray[Any]:
    changed = column.copy()
    changed[list(given)] = list(given.values())
    return changed


def _relabelled(shelf: Columns, kind: str, given: dict[int, Any]) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of one kind with other labels on some items, by item number, ascending."""
    prefix = f"label.{kind}"
    before, old = shelf.strings(f"{prefix}.names").to_list(), shelf[f"{prefix}.codes"]
    labels = {value: _labels_of(kind, value) for value in set(given.values())}  # items often share theirs
    names = sorted({*before, *(name for some in labels.values() for name in some)}, key=str.encode)
    code = {name: at for at, name in enumerate(names)}
    coded = {value: sorted(code[name] for name in some) for value, some in labels.items()}
    fresh = [coded[value] for value in given.values()]

    counts: I8 = np.diff(shelf[f"{prefix}.offsets"])
    changed = np.zeros(len(counts), dtype=np.bool_)
    changed[list(given)] = True
    kept = old[~np.repeat(changed, counts)]
    counts[changed] = [len(some) for some in fresh]
    theirs = np.repeat(changed, counts)
    codes: I4 = np.empty(len(theirs), dtype=np.int32)
    codes[~theirs] = np.array([code[name] for name in before], dtype=np.int32)[kept]
    codes[theirs] = np.array(list(chain.from_iterable(fresh)), dtype=np.int32)
    used = np.bincount(codes, minlength=len(names)) > 0
    codes = (np.cumsum(used) - 1).astype(np.int32)[codes]
    return labels_by_place(prefix, [name for name, at in code.items() if used[at]], counts, codes, shelf["place"])


def _labels_of(kind: str, value: str | tuple[str, ...]) -> set[str]:
    """Return the labels of one item, as shelves write them; an empty brand or category is none."""
    if isinstance(value, str):
        return {value} if value else set()
    return {plain_label(kind, name) for name in value}
