"""The catalogue: what the items are. Read from a team's files, packed as one artifact, opened by mapping."""

from recsys.catalog.artifact import KIND, Catalog, check_catalog, open_catalog, pack_catalog
from recsys.catalog.item import Item
from recsys.catalog.reading import CatalogInvalid, read_catalog

__all__ = [
    "KIND",
    "Catalog",
    "CatalogInvalid",
    "Item",
    "check_catalog",
    "open_catalog",
    "pack_catalog",
    "read_catalog",
]
