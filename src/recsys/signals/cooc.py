"""Co-occurrence: what the same users took together, one vote per user and pair.

The formula and its sources: ``docs/reference/signals.md``. The definition: ``cooc.sql``.
"""

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.signals.artifact import Heading
from recsys.signals.neighbours import (
    Neighbours,
    check_kept,
    check_neighbours,
    check_shrinkage,
    open_neighbours,
    pack_neighbours,
)
from recsys.signals.signal import Rows, Signal, SmallTable, settings
from recsys.store.columns import Columns
from recsys.store.soundness import check_lengths, require

__all__ = ["COOC", "Cooc", "Params"]

KIND = "cooc"


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How co-occurrence is computed.

    ``event_types``: what counts as taking an item; empty means every type. ``max_basket``: of a longer
    basket a fixed pseudo-random choice of this many items is used, so that a crawler's visit or a
    wholesaler's order costs and weighs no more than a long real one. ``min_support``: distinct users a pair
    needs; one user's basket is that user's business. ``shrinkage``: how strongly pairs of rare items are
    held back, in units of the mean item's users. ``neighbours``: how many are kept per item.
    """

    event_types: tuple[str, ...] = ()
    max_basket: int = 25
    min_support: int = 2
    shrinkage: float = 0.1
    neighbours: int = 50

    def __post_init__(self) -> None:
        if not 2 <= self.max_basket <= 1000:
            raise ValueError("max_basket must lie in 2..1000: pairs grow with its square")
        check_shrinkage(self.shrinkage)
        check_kept(self.neighbours, min_support=self.min_support)


class Cooc(Neighbours):
    """An opened co-occurrence artifact: neighbours, and beside each weight its ``support`` (int32, distinct users)."""

    __slots__ = ("support",)

    def __init__(self, columns: Columns) -> None:
        super().__init__(columns)
        self.support: npt.NDArray[np.int32] = columns["support"]


def open_cooc(columns: Columns, *, tenant: str) -> Cooc:
    """Open a co-occurrence artifact of this tenant; raises :class:`Unfit` for anything else."""
    open_neighbours(columns, kind=KIND, tenant=tenant)
    return Cooc(columns)


def check(columns: Columns, *, tenant: str) -> None:
    """Check every promise of the format; raises :class:`Unfit`."""
    check_neighbours(columns, kind=KIND, tenant=tenant)
    support = columns.array("support", "i4")
    check_lengths(columns, KIND, len(columns["neighbours"]), ("support",))
    require((support > 0).all(), KIND, "a support is not positive")
    _check_symmetric(Neighbours(columns), support)


def _check_symmetric(opened: Neighbours, support: npt.NDArray[np.int32]) -> None:
    """Where both directions of a pair were kept they must name the same number of users."""
    owner, other = opened.owners(), opened.neighbours
    pair = np.minimum(owner, other) * len(opened.items) + np.maximum(owner, other)
    by_pair = np.argsort(pair)
    pair, support = pair[by_pair], support[by_pair]
    both = pair[:-1] == pair[1:]  # no direction stands twice
    require((support[:-1] == support[1:])[both].all(), KIND, "the two directions of a pair differ in support")


def tables(params: Params, *, last_day: int, days: int) -> dict[str, SmallTable]:  # noqa: ARG001 - one signature for all
    """Lay the parameters out as the tables ``cooc.sql`` reads. ``shrinkage`` is counted in thousandths."""
    return settings(
        params.event_types,
        max_basket=params.max_basket,
        min_support=params.min_support,
        shrinkage=round(1000 * params.shrinkage),
        neighbours=params.neighbours,
    )


def finish(rows: Rows, heading: Heading) -> bytes:
    """Write the artifact: rows as :func:`pack_neighbours` takes them, with their ``support``."""
    return pack_neighbours(KIND, rows, heading, counts=("support",))


COOC = Signal(
    name=KIND,
    Params=Params,
    near="scaled",
    reason="together_with",
    scopes=("tenant",),
    tables=tables,
    finish=finish,
    open=open_cooc,
    check=check,
)
