"""The catalogue: what the items are. Read from a team's files, packed as one artifact, opened by mapping."""

from recsys.catalog.artifact import KIND, Catalog, check_catalog, open_catalog, pack_catalog
from recsys.catalog.item import Item
from recsys.catalog.overlay import (
    MAX_OVERLAID,
    OVERLAID_FIELDS,
    ItemUpdate,
    OverlayRow,
    checked_update,
    merged,
    read_overlay,
    read_update,
    settled,
)
from recsys.catalog.reading import CatalogInvalid, read_catalog

__all__ = [
    "KIND",
    "MAX_OVERLAID",
    "OVERLAID_FIELDS",
    "Catalog",
    "CatalogInvalid",
    "Item",
    "ItemUpdate",
    "OverlayRow",
    "check_catalog",
    "checked_update",
    "merged",
    "open_catalog",
    "pack_catalog",
    "read_catalog",
    "read_overlay",
    "read_update",
    "settled",
]
