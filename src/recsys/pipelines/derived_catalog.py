"""The catalogue that rows of events tell: the title an item mostly had, the price it had last."""

from recsys.catalog import Item
from recsys.pipelines.canonical import Days
from recsys.pipelines.engine import Engine
from recsys.pipelines.mapped import CATALOG_PREFIX, catalog_columns
from recsys.pipelines.mapping import CatalogColumn, EventMapping

__all__ = ["derive_items"]

_ORDER = {
    "most_frequent": "count(*) DESC, value",
    "newest": "max(ts) DESC, value",
    "min": "value",
    "max": "value DESC",
}


def derive_items(engine: Engine, mapping: EventMapping, days: Days) -> list[Item]:
    """Make one item of each item id among the good rows of the window."""
    values = {name: _pick(engine, name, column, days) for name, column in catalog_columns(mapping).items()}
    separator = mapping.catalog.tag_separator if mapping.catalog else ","
    good = f"SELECT DISTINCT item_id FROM staged WHERE verdict = 0 AND {days.inside()}"  # noqa: S608 - our table
    ids = [str(row[0]) for row in engine.rows(good)]
    return [_item(item_id, {name: found.get(item_id) for name, found in values.items()}, separator) for item_id in ids]


def _item(item_id: str, values: dict[str, object], separator: str) -> Item:
    tags = str(values.get("tags") or "").split(separator)
    price = values.get("price")
    return Item(
        item_id=item_id,
        title=_text(values.get("title")),
        category=_text(values.get("category")),
        brand=_text(values.get("brand")),
        price=None if price is None else float(str(price)),
        tags=tuple(sorted({tag.strip() for tag in tags} - {""})),
    )


def _text(value: object) -> str | None:
    return str(value) if value else None


def _pick(engine: Engine, name: str, column: CatalogColumn, days: Days) -> dict[str, object]:
    """Return one value per item."""
    field = f"{CATALOG_PREFIX}{name}"
    value, usable = f"trim({field})", f"trim({field}) <> ''"
    if name == "price":
        value, usable = field, f"isfinite({field}) AND {field} >= 0"
    order = _ORDER[column.pick].replace("value", value)
    rows = engine.rows(engine.script("derived", value=value, usable=usable, order=order, inside=days.inside()))
    return {str(item_id): found for item_id, found in rows}
