"""The goods as the shop describes them: titles, tags, makers, prices, ages."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from recsys.catalog.item import Item
from recsys.encoding import rfc3339
from recsys.lab.simulate.words import BRANDS, COLOURS, KINDS, STYLES
from recsys.lab.simulate.world import World

__all__ = ["catalogue", "end_of", "title"]


def end_of(day: date) -> float:
    """Return the moment a UTC day ends, in seconds since 1970."""
    return (datetime.combine(day, time(), UTC) + timedelta(days=1)).timestamp()


def catalogue(world: World, *, end: date) -> Iterator[Item]:
    """Describe every item, in order of its number, as of the end of a day."""
    items, until = world.items, end_of(end)
    columns = zip(
        items.ids.tolist(),
        items.kind.tolist(),
        items.style.tolist(),
        items.look.tolist(),
        items.brand.tolist(),
        items.price.tolist(),
        items.available.tolist(),
        items.age_days.tolist(),
        strict=True,
    )
    for item_id, kind, style, look, brand, price, available, age_days in columns:
        colour, material, _ = _look(kind, style, look)
        yield Item(
            item_id=item_id,
            title=title(kind, style, look),
            category=KINDS[kind].category,
            tags=(KINDS[kind].topic, STYLES[style], colour, material),
            brand=BRANDS[brand],
            price=round(price, 2),
            available=available,
            created_at=rfc3339(float(int(until - age_days * 86400))),
        )


def title(kind: int, style: int, look: int) -> str:
    """Word an item as a shop would: ``Blue ceramic mug, 350 ml``. Two items never share a title."""
    colour, material, size = _look(kind, style, look)
    words = f"{colour} {material} {KINDS[kind].noun}, {size}"
    edition = look // _looks(style)
    return words[0].upper() + words[1:] + (f", no. {edition + 1}" if edition else "")


def _looks(style: int) -> int:
    return len(COLOURS[STYLES[style]]) * 3 * 3


def _look(kind: int, style: int, look: int) -> tuple[str, str, str]:
    """Read colour, material and size out of an item's number; neighbouring numbers look different."""
    colours = COLOURS[STYLES[style]]
    # 7 shares no factor with 5 · 3 · 3 looks, so the steps meet every look once before the first returns.
    code = look * 7 % _looks(style)
    colour, rest = code % len(colours), code // len(colours)
    return colours[colour], KINDS[kind].materials[rest % 3], KINDS[kind].sizes[rest // 3]
