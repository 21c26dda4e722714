"""Session sequence: what users go on to after an item, within one session.

The formula and its sources: ``docs/reference/signals.md``. The definition: ``session_seq.sql``.
"""

from functools import partial

import msgspec

from recsys.signals.neighbours import check_kept, check_neighbours, check_shrinkage, open_neighbours, pack_neighbours
from recsys.signals.signal import Signal, SmallTable, settings

__all__ = ["SESSION_SEQ", "Params"]

KIND = "session_seq"
VOTE_UNIT = 1 << 20
"""A vote is counted in 2**-20; ``session_seq.sql`` divides by it."""


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sequences are counted.

    ``event_types``: what counts as taking an item; empty means every type. ``max_gap``: how many steps apart two
    items may be. ``max_session``: of a longer session only the first this many items are used. ``min_support``:
    distinct users who went that way. ``shrinkage``: how strongly items of few users are held back, in units of the
    mean item's users. ``neighbours``: how many are kept per item.
    """

    event_types: tuple[str, ...] = ()
    max_gap: int = 10
    max_session: int = 50
    min_support: int = 2
    shrinkage: float = 0.1
    neighbours: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.max_gap <= 100:
            raise ValueError("max_gap must lie in 1..100: what is further apart did not follow")
        if not 2 <= self.max_session <= 1000:
            raise ValueError("max_session must lie in 2..1000: pairs may grow with its square")
        check_shrinkage(self.shrinkage)
        check_kept(self.neighbours, min_support=self.min_support)


def tables(params: Params, *, last_day: int, days: int) -> dict[str, SmallTable]:  # noqa: ARG001 - one signature for all
    """Lay the parameters out as the tables ``session_seq.sql`` reads. ``shrinkage`` is counted in thousandths."""
    votes = tuple((gap, round(VOTE_UNIT / gap)) for gap in range(1, params.max_gap + 1))
    return {
        "gaps": SmallTable((("gap", "BIGINT"), ("vote", "BIGINT")), votes),
        **settings(
            params.event_types,
            max_session=params.max_session,
            min_support=params.min_support,
            shrinkage=round(1000 * params.shrinkage),
            neighbours=params.neighbours,
        ),
    }


SESSION_SEQ = Signal(
    name=KIND,
    Params=Params,
    near="recent",
    reason="next_after",
    scopes=("tenant",),
    tables=tables,
    finish=partial(pack_neighbours, KIND),
    open=partial(open_neighbours, kind=KIND),
    check=partial(check_neighbours, kind=KIND),
)
