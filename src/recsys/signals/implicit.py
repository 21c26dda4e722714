"""Implicit feedback: how far having one item predicts another, all others being known, and itself.

The formula and its sources: ``docs/reference/signals.md``. The definition: ``implicit.sql`` counts, :func:`model`
solves.
"""

import math
from functools import partial

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.signals.neighbours import check_kept, check_neighbours, nearest, open_neighbours, pack_neighbours
from recsys.signals.signal import Rows, Signal, SmallTable, settings

__all__ = ["IMPLICIT", "Params", "model"]

KIND = "implicit"
WEIGHT_UNIT = 1 << 20
"""Weights are rounded to 2**-20: what a solver's last digits say differs from machine to machine, and means nothing."""


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the item model is computed.

    ``event_types``: what counts as taking an item; empty means every type. ``items``: the model covers this many items,
    those of most users. ``max_history``: the newest items of a user that count. ``regularisation``: how strongly
    coefficients are drawn to 0, in units of the mean item's users. ``repeats``: what having had an item says for the
    same item, in units of the share of its users who came back for it; 0: nothing. ``repeat_types``: which events count
    as coming back. ``min_support``: distinct users a pair needs, and a repeat. ``neighbours``: how many are kept per
    item, besides itself.
    """

    event_types: tuple[str, ...] = ()
    items: int = 4000
    max_history: int = 100
    regularisation: float = 1.0
    repeats: float = 2.0
    repeat_types: tuple[str, ...] = ("conversion", "purchase")
    min_support: int = 2
    neighbours: int = 50

    def __post_init__(self) -> None:
        if not 2 <= self.items <= 10_000:
            raise ValueError(
                "items must lie in 2..10000: memory grows with its square (10000: 1.6 GB), time with its cube"
            )
        if not 2 <= self.max_history <= 1000:
            raise ValueError("max_history must lie in 2..1000: pairs grow with its square")
        if not (math.isfinite(self.regularisation) and 0.001 <= self.regularisation <= 1000):
            raise ValueError("regularisation must lie in 0.001..1000: with less there may be no solution")
        if not 0 <= self.repeats <= 100:
            raise ValueError("repeats must lie in 0..100")
        check_kept(self.neighbours, min_support=self.min_support)


def tables(params: Params, *, last_day: int, days: int) -> dict[str, SmallTable]:  # noqa: ARG001 - one signature for all
    """Lay the parameters out as the tables ``implicit.sql`` reads."""
    repeats = tuple((event_type,) for event_type in sorted(set(params.repeat_types)))
    return {
        "repeat_types": SmallTable((("event_type", "VARCHAR"),), repeats),
        **settings(params.event_types, items=params.items, max_history=params.max_history),
    }


def model(rows: Rows, params: Params) -> Rows:
    """Solve for the coefficients and keep the largest of each item.

    EASE (Steck, WWW 2019): with ``G`` the matrix of users who had both, ``P = (G + λI)⁻¹`` and
    ``B[i, j] = −P[i, j] / P[j, j]``. A visitor's score of ``j`` is the sum of ``B[i, j]`` over what they have. The
    model leaves out what ``j`` says for itself, which is the share of its users who came back for it.

    Parameters
    ----------
    rows
        What ``implicit.sql`` returns, in any order, and ``items``.
    """
    own = np.flatnonzero(rows["item"] == rows["neighbour"])
    own = own[np.argsort(rows["item"][own])]
    numbers = rows["item"][own]
    n = len(numbers)
    left, right = np.searchsorted(numbers, rows["item"]), np.searchsorted(numbers, rows["neighbour"])
    users = np.zeros((n, n), dtype=np.int32)
    users[left, right] = users[right, left] = rows["users"]
    inverse = _inverse(users, params.regularisation * float(np.trace(users, dtype=np.int64)) / n)
    itself = _repeats(rows["users"][own], rows["again"][own], params)
    returning = np.flatnonzero(itself)
    owner, neighbour, weight = [returning], [returning], [itself[returning]]
    for item in range(n):
        row = np.rint(-inverse[item] / inverse.diagonal() * WEIGHT_UNIT)
        row[(users[item] < params.min_support) | (np.arange(n) == item)] = 0.0
        kept = nearest(np.arange(n), row, item=item, items=n, keep=params.neighbours)
        owner.append(np.full(len(kept), item))
        neighbour.append(kept)
        weight.append(np.minimum(row[kept] / WEIGHT_UNIT, 1.0))
    return {
        "items": rows["items"],
        "item": numbers[np.concatenate(owner)],
        "neighbour": numbers[np.concatenate(neighbour)],
        "weight": np.concatenate(weight),
    }


def _repeats(users: npt.NDArray[np.int32], again: npt.NDArray[np.int32], params: Params) -> npt.NDArray[np.float64]:
    """Return each item's weight for itself."""
    share = np.where(again >= params.min_support, again / users, 0.0)
    found: npt.NDArray[np.float64] = np.minimum(params.repeats * share, 1.0)
    return found


def _inverse(users: npt.NDArray[np.int32], ridge: float) -> npt.NDArray[np.float64]:
    """Invert ``users + ridge·I``, which is symmetric and positive definite, in place of one copy."""
    from scipy.linalg import lapack

    matrix = np.asfortranarray(users, dtype=np.float64)
    matrix[np.diag_indices_from(matrix)] += ridge
    factor, failed = lapack.dpotrf(matrix, lower=0, overwrite_a=1)
    inverse, failed_too = lapack.dpotri(factor, lower=0, overwrite_c=1)
    if failed or failed_too:
        raise ArithmeticError("the counts of users who took two items make no positive definite matrix")
    for item in range(len(inverse)):  # row by row: one index of a whole triangle is larger than the matrix
        inverse[item + 1 :, item] = inverse[item, item + 1 :]
    found: npt.NDArray[np.float64] = inverse
    return found


IMPLICIT = Signal(
    name=KIND,
    Params=Params,
    near="sum",
    reason="liked_with",
    scopes=("tenant",),
    tables=tables,
    compute=model,
    finish=partial(pack_neighbours, KIND),
    open=partial(open_neighbours, kind=KIND),
    check=partial(check_neighbours, kind=KIND, itself=True),
)
