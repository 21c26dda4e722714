"""One catalogue item, as a product team describes it."""

import msgspec

__all__ = ["Item"]


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One row of a catalogue. Without ``countries`` or ``locales`` it is shown in all of them. None can hold itself, so
    the collector of cycles need not look at them.
    """

    item_id: str
    tags: tuple[str, ...] = ()
    category: str | None = None
    brand: str | None = None
    price: float | None = None
    title: str | None = None
    available: bool = True
    countries: tuple[str, ...] = ()
    locales: tuple[str, ...] = ()
    created_at: str | None = None
    surface: str | None = None
