"""The catalogue that rows of events tell: the title an item mostly had, the price it had last."""

from collections.abc import Mapping

from recsys.catalog import Item
from recsys.pipelines.engine import Engine, literal
from recsys.pipelines.mapped import CATALOG_PREFIX, catalog_columns
from recsys.pipelines.mapping import EventMapping

__all__ = ["derive_items", "describe"]

_ORDER = {
    "most_frequent": "sum(told) DESC, {value}",
    "newest": "max(ts) DESC, {value}",
    "min": "{value}",
    "max": "{value} DESC",
}
_ITEM = "item_id"
"""The field that every item has."""


def describe(engine: Engine, mapping: EventMapping | None, *, inside: str) -> str:
    """Write the query of what the good rows of some days tell of items, beside what is kept of them; its rows are the
    stream ``described``.
    """
    told = [engine.script("described", field=literal(_ITEM), value="item_id", usable="true", inside=inside)]
    for name in catalog_columns(mapping):
        column = f"{CATALOG_PREFIX}{name}"
        value, usable = f"trim({column})", f"trim({column}) <> ''"
        if name == "price":
            value, usable = column, f"isfinite({column}) AND {column} >= 0"
        told.append(engine.script("described", field=literal(name), value=value, usable=usable, inside=inside))
    told.append("SELECT CAST(ts AS DATE) AS dt, item_id, field, value, told, ts FROM kept_described")
    return "\nUNION ALL\n".join(told)


def derive_items(engine: Engine, mapping: EventMapping) -> list[Item]:
    """Make one item of each item id that the view ``canonical_described`` tells of."""
    separator = mapping.catalog.tag_separator if mapping.catalog else ","
    values = {}
    for name, column in catalog_columns(mapping).items():
        order = _ORDER[column.pick].format(value="CAST(value AS DOUBLE)" if name == "price" else "value")
        values[name] = _column(engine, name, order)
    return [
        _item(item_id, {name: found.get(item_id) for name, found in values.items()}, separator)
        for item_id in _column(engine, _ITEM, "value")
    ]


def _column(engine: Engine, field: str, order: str) -> dict[str, str]:
    """Return one value per item."""
    rows = engine.rows(engine.script("derived", field=literal(field), order=order))
    return {str(item_id): str(value) for item_id, value in rows}


def _item(item_id: str, values: Mapping[str, str | None], separator: str) -> Item:
    price = values.get("price")
    return Item(
        item_id=item_id,
        title=values.get("title"),
        category=values.get("category"),
        brand=values.get("brand"),
        price=None if price is None else float(price),
        tags=tuple(sorted({tag.strip() for tag in (values.get("tags") or "").split(separator)} - {""})),
    )
