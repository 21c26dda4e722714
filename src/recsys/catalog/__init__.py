"""The catalogue: what the items are. Read from a team's files, packed as one artifact, opened by mapping."""

from recsys.catalog.artifact import KIND, Catalog, check_catalog, open_catalog, pack_catalog
from recsys.catalog.item import Item

__all__ = ["KIND", "Catalog", "Item", "check_catalog", "open_catalog", "pack_catalog"]
