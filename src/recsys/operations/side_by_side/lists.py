"""What comes out when one request is ranked at two generations."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from recsys.operations.provenance import Made
from recsys.ranking import Warning as Notice
from recsys.snapshot.sampled import out_of_order

__all__ = ["Change", "Effect", "Part", "PartName", "Row", "Side", "SideBySide", "in_words", "overlap", "rows"]

Change = Literal["stayed", "moved", "came", "went"]
PartName = Literal["config", "rules", "artifacts", "overlay", "withdrawals"]
Effect = Literal["all", "some", "none", "unknown"]


class Side(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list of one generation. ``source``: ``ranked`` by this program, ``recorded`` when it was served, or ``none``.

    ``notes`` say what else is to know: why there is no list, that the surface is not served, what is gone. ``arm``:
    the candidate, by name, or the variant that answers. ``history``: how many events of the user were used.
    """

    generation: int
    source: Literal["ranked", "recorded", "none"]
    count: int = 0
    release: Made | None = None
    arm: str | None = None
    history: int = 0
    notes: tuple[str, ...] = ()
    next_step: str = ""
    warnings: tuple[Notice, ...] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item of either list with its ranks, from 1. ``moved`` is one that overtook others of both lists, or was
    overtaken; what only closes up or makes room ``stayed``.
    """

    item_id: str
    change: Change
    a: int | None = None
    b: int | None = None
    title: str | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the release that is not the same in both. ``effect`` on this list: it makes the whole difference
    (``all``), ``some`` of it, ``none``, or that cannot be told (``unknown``). ``changes`` says what it has in ``b``.
    """

    part: PartName
    effect: Effect
    changes: tuple[str, ...] = ()


class SideBySide(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request at generations ``a`` and ``b``, asked at the moment ``at``.

    ``same``: the items and their order; ``None`` where a side has no list. ``overlap``: the share (0..1) of the longer
    list that both have. ``explained_by``: the one part that makes the difference alone. ``because`` says it in words.
    """

    tenant: str
    surface: str
    at: str
    a: Side
    b: Side
    same: bool | None
    because: str
    rows: tuple[Row, ...]
    overlap: float | None = None
    explained_by: PartName | None = None
    parts: tuple[Part, ...] = ()
    request_id: str | None = None
    segment: str | None = None

    @property
    def compared(self) -> bool:
        """Tell whether there are two lists."""
        return self.same is not None


def overlap(old: Sequence[str], new: Sequence[str]) -> float:
    """Return the share (0..1) of the longer list that both have; 1 for two empty lists."""
    longer = max(len(old), len(new))
    return len({*old} & {*new}) / longer if longer else 1.0


def rows(old: Sequence[str] | None, new: Sequence[str] | None, titles: Mapping[str, str]) -> tuple[Row, ...]:
    """Return the items of both lists in the order of the new one, those that went where they stood. Beside no list
    (``None``) nothing has changed.
    """
    before, after = ({item: rank for rank, item in enumerate(ids or (), 1)} for ids in (old, new))
    alone = old is None or new is None
    moved = out_of_order(old or (), new or ())
    found = [
        Row(
            item_id=item,
            a=before.get(item),
            b=after.get(item),
            title=titles.get(item),
            change="stayed" if alone else _change(item, before, after, moved),
        )
        for item in dict.fromkeys([*after, *before])
    ]
    return tuple(sorted(found, key=lambda row: row.b if row.b is not None else (row.a or 0) - 0.5))


def _change(item: str, before: Mapping[str, int], after: Mapping[str, int], moved: frozenset[str]) -> Change:
    if item not in before:
        return "came"
    if item not in after:
        return "went"
    return "moved" if item in moved else "stayed"


def in_words(parts: tuple[Part, ...], alone: PartName | None) -> str:
    """Say which part makes the difference, or which do together."""
    if alone is not None:
        verb = "makes" if alone in ("config", "overlay") else "make"
        return f"{alone} alone {verb} the difference"
    some = [part.part for part in parts if part.effect != "none"] or [part.part for part in parts]
    return f"no part alone makes the difference there and back: {' and '.join(some)} have a part in it"
