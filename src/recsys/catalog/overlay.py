"""The overlay: what changed about single items since the catalogue was made, laid over it until it is taken away.

A row says of one item what differs; a field it does not name is the catalogue's. Rows of an *update* may also name a
field with ``null``: from then on the catalogue speaks for that field again. What is in force holds no ``null``.

Updates put together in any grouping come to the same (:func:`merged` is associative), and the same update twice is
the update once.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from recsys.catalog.reading import CatalogInvalid, check_values, read_rows
from recsys.encoding import Invalid, decode
from recsys.errors import UsageError

__all__ = [
    "MAX_OVERLAID",
    "OVERLAID_FIELDS",
    "ItemUpdate",
    "OverlayRow",
    "checked_update",
    "merged",
    "read_overlay",
    "read_update",
    "settled",
]

MAX_OVERLAID: Final = 10_000
"""Every host lays them over its catalogue at each change, within moments; more is a catalogue, and is shipped."""


class OverlayRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in place of an item's catalogue row, field by field; what is unset is the catalogue's.

    ``""`` as ``brand`` or ``category`` says that it has none, as an empty list does for lists.
    """

    item_id: str
    available: bool | UnsetType | None = UNSET
    price: float | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType | None = UNSET
    category: str | UnsetType | None = UNSET
    brand: str | UnsetType | None = UNSET
    countries: tuple[str, ...] | UnsetType | None = UNSET
    locales: tuple[str, ...] | UnsetType | None = UNSET

    def said(self) -> dict[str, Any]:
        """Return the fields it names, by name."""
        named = {name: getattr(self, name) for name in OVERLAID_FIELDS}
        return {name: value for name, value in named.items() if value is not UNSET}


class ItemUpdate(OverlayRow, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row as it comes from outside; ``remove`` gives the whole item back to the catalogue."""

    remove: bool = False


OVERLAID_FIELDS: Final = tuple(name for name in OverlayRow.__struct_fields__ if name != "item_id")
"""Not ``title`` and ``created_at``, which no update between two runs is about."""
_LISTS: Final = ("tags", "countries", "locales")
_VALUES: Final = attrgetter(*OVERLAID_FIELDS)
_ALL_NULL: Final = dict.fromkeys(OVERLAID_FIELDS)

Rows = tuple[OverlayRow, ...]
"""Sorted by the bytes of ``item_id``, each once."""


def merged(before: Iterable[OverlayRow], after: Iterable[OverlayRow]) -> Rows:
    """Put a newer update on an older one, or on what is in force: each field it names replaces the older."""
    rows = {row.item_id: row for row in before}
    for row in after:
        known = rows.get(row.item_id)
        rows[row.item_id] = row if known is None else msgspec.structs.replace(known, **row.said())
    return _sorted(rows)


def settled(rows: Iterable[OverlayRow]) -> Rows:
    """Return what an update comes to when nothing was in force: no ``null``, and no row that says nothing."""
    return _sorted({row.item_id: kept for row in rows if (kept := _settled(row)) is not None})


def checked_update(rows: Iterable[ItemUpdate], *, where: Sequence[str] = ()) -> Rows:
    """Return an update as it is merged: lists sorted, each value once.

    ``where`` says for each row where it stands, for errors; by default its number.

    Raises
    ------
    CatalogInvalid
        For a value that no item can have, a row that says nothing, an item given twice.
    UsageError
        For more rows than an overlay may have.
    """
    found: dict[str, OverlayRow] = {}
    stood: dict[str, str] = {}
    for number, row in enumerate(rows):
        here = where[number] if where else f"row {number + 1}"
        if row.item_id in stood:
            raise CatalogInvalid(f"{here}: item {row.item_id} stands twice; first at {stood[row.item_id]}")
        stood[row.item_id] = here
        found[row.item_id] = _checked(row, here)
    check_count(len(found))
    return _sorted(found)


def read_update(path: Path) -> Rows:
    """Read an update from a file: CSV, JSONL, Parquet, or one JSON list; raises as :func:`checked_update`.

    An empty cell of CSV says nothing of its field, and a column ``remove`` says ``true`` for items to give back. A
    ``null`` of Parquet is an empty cell too.
    """
    if path.suffix.lower() == ".json":
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CatalogInvalid(f"{path} cannot be read: {error}") from None
        if data.lstrip()[:1] == b"[":
            return checked_update(decode(data, list[ItemUpdate], what=str(path)))
    found = list(read_rows(path, ItemUpdate))
    return checked_update((row for _, row in found), where=[where for where, _ in found])


def read_overlay(data: bytes) -> Rows:
    """Read what is in force from its canonical bytes; raises :class:`~recsys.encoding.Invalid` for anything else."""
    rows = decode(data, tuple[OverlayRow, ...], what="overlay")
    names = [row.item_id.encode() for row in rows]
    if any(one >= other for one, other in pairwise(names)):
        raise Invalid("overlay", "its items are out of order, or one stands twice")
    check_count(len(rows))
    for row in rows:
        if _settled(row) is not row:
            raise Invalid("overlay", f"the row of item {row.item_id} says nothing, or holds null")
        _check(row, "overlay")
    return rows


def check_count(rows: int) -> None:
    """Refuse an overlay that is too large."""
    if rows > MAX_OVERLAID:
        raise UsageError(
            f"limit exceeded: overlaid items {rows} > {MAX_OVERLAID}",
            next_step="ship a catalogue that says it, and clear the overlay: recsys items update --clear",
        )


def _checked(row: ItemUpdate, where: str) -> OverlayRow:
    said = row.said()
    if row.remove and said:
        raise CatalogInvalid(f"{where}: it removes item {row.item_id} and says {next(iter(said))} of it")
    if not row.remove and not said:
        raise CatalogInvalid(
            f"{where}: nothing is said of item {row.item_id}", next_step=f"fields: {', '.join(OVERLAID_FIELDS)}, remove"
        )
    lists: Mapping[str, Any] = {name: tuple(sorted(set(said[name]))) for name in _LISTS if said.get(name)}
    made = OverlayRow(item_id=row.item_id, **(_ALL_NULL if row.remove else {**said, **lists}))
    _check(made, where)
    return made


def _check(row: OverlayRow, where: str) -> None:
    price = row.price if isinstance(row.price, float) else None
    lists = {name: value for name in _LISTS if isinstance(value := getattr(row, name), tuple)}
    check_values(where, item_id=row.item_id, price=price, lists=lists)


def _settled(row: OverlayRow) -> OverlayRow | None:
    """Return a row without its ``null``; itself where it has none, ``None`` where nothing is left."""
    values = _VALUES(row)
    if None not in values:
        return None if values.count(UNSET) == len(values) else row
    said = {name: value for name, value in row.said().items() if value is not None}
    return OverlayRow(item_id=row.item_id, **said) if said else None


def _sorted(rows: Mapping[str, OverlayRow]) -> Rows:
    return tuple(rows[item_id] for item_id in sorted(rows, key=str.encode))
