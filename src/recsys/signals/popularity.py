"""Popularity: what users did lately, one vote per user, item and day.

The formula and its sources: ``docs/reference/signals.md``. The definition: ``popularity.sql``.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.signals.artifact import FORMAT, Heading, Scope, check_scale, check_scaled, positive_scale, those_named
from recsys.signals.signal import Rows, Signal, SmallTable
from recsys.store.columns import Columns, Strings, pack, strings
from recsys.store.soundness import check_lengths, check_owner, check_types, check_unique, require

__all__ = ["POPULARITY", "Params", "Popularity"]

KIND = "popularity"
VOTE_UNIT = 100
"""Event weights and ``recommended_weight`` are counted in hundredths: finer would be noise."""
DECAY_UNIT = 1 << 20
"""A day's decay is counted in 2**-20, six decimal places: days over 20 half-lives back count nothing."""
EXAMINATION_UNIT = 1 << 16
_TYPES = {"score": "f8", "order": "i4", "rate": "f8", "votes": "i8", "shown": "i8"}
EVENT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"view": 1.0, "click": 2.0, "add_to_cart": 3.0, "cart": 3.0, "conversion": 5.0, "purchase": 5.0}
)
MAX_RANK = 200
"""The longest list the service serves; deeper ranks are examined as the last."""


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How popularity is computed.

    ``event_weights``: worth of a user-day by what was done, in steps of 0.01; of several deeds on one day the
    worthiest counts. Types that are not listed count nothing. ``recommended_weight``: factor for what
    followed our own answers (events with a request id). ``examination_power``: a rank ``r`` is looked at
    with probability ``r ** -examination_power``. ``min_scope_votes``: user-days a surface or segment needs
    before it gets an artifact of its own; below that the tenant's answers better.
    """

    half_life_days: float = 14.0
    event_weights: Mapping[str, float] = msgspec.field(default_factory=lambda: dict(EVENT_WEIGHTS))
    recommended_weight: float = 0.5
    examination_power: float = 1.0
    min_scope_votes: int = 1000

    def __post_init__(self) -> None:
        if not (math.isfinite(self.half_life_days) and self.half_life_days > 0):
            raise ValueError("half_life_days must be above 0")
        for event_type, weight in self.event_weights.items():
            if not 0 <= weight <= 100:
                raise ValueError(f"event_weights.{event_type} must lie in 0..100")
        if not any(round(VOTE_UNIT * weight) for weight in self.event_weights.values()):
            raise ValueError("event_weights gives no event type 0.01 or more, so nothing would count")
        if not 0 <= self.recommended_weight <= 1:
            raise ValueError("recommended_weight must lie in 0..1")
        if not 0 <= self.examination_power <= 4:
            raise ValueError("examination_power must lie in 0..4")
        if self.min_scope_votes < 1:
            raise ValueError("min_scope_votes must be at least 1")


class Popularity:
    """An opened popularity artifact.

    ``items`` sorted by bytes; per item ``score`` float64, ``order`` int32 (indices by score descending,
    ties by index), ``rate`` float64 (outcomes per examined exposure, shrunk; NaN where never shown),
    ``votes`` int64 (user-days, not decayed), ``shown`` int64 (exposures). ``scale``: the 90th percentile of
    the positive scores.
    """

    __slots__ = ("items", "meta", "order", "rate", "scale", "score", "shown", "votes")

    def __init__(self, columns: Columns) -> None:
        self.items: Strings = columns.strings("items")
        self.score: npt.NDArray[np.float64] = columns["score"]
        self.order: npt.NDArray[np.int32] = columns["order"]
        self.rate: npt.NDArray[np.float64] = columns["rate"]
        self.votes: npt.NDArray[np.int64] = columns["votes"]
        self.shown: npt.NDArray[np.int64] = columns["shown"]
        self.meta: Mapping[str, Any] = columns.meta
        self.scale = float(columns.meta["scale"])


def open_popularity(columns: Columns, *, tenant: str) -> Popularity:
    """Open a popularity artifact of this tenant; raises :class:`Unfit` for anything else."""
    check_owner(columns, KIND, tenant=tenant, format=FORMAT)
    check_scale(columns.meta.get("scale"), KIND)
    return Popularity(columns)


def check(columns: Columns, *, tenant: str) -> None:
    """Check every promise of the format; raises :class:`Unfit`."""
    opened = open_popularity(columns, tenant=tenant)
    n = check_unique(columns, "items", KIND)
    check_types(columns, _TYPES)
    check_lengths(columns, KIND, n, tuple(_TYPES))
    score, order, rate = opened.score, opened.order, opened.rate
    require(np.isfinite(score).all(), KIND, "a score is not finite")
    require((score > 0).all(), KIND, "a score is not positive")
    require(np.array_equal(np.sort(order), np.arange(n)), KIND, "order does not name every item once")
    ranked = score[order]
    falls = (ranked[:-1] > ranked[1:]) | ((ranked[:-1] == ranked[1:]) & (order[:-1] < order[1:]))
    require(falls.all(), KIND, "order does not follow the scores")
    require(not np.isinf(rate).any() and not (rate < 0).any(), KIND, "a rate is not a rate")
    require((opened.votes > 0).all() and (opened.shown >= 0).all(), KIND, "a count is below what is possible")
    require(opened.scale == positive_scale(score), KIND, "scale is not the 90th percentile of the scores")
    check_scaled(score, opened.scale, KIND)


def decay(day: int, last_day: int, half_life_days: float) -> int:
    """Return what a day counts, in units of 2**-20: halved every ``half_life_days`` before ``last_day``."""
    return round(DECAY_UNIT * math.pow(2.0, -(last_day - day) / half_life_days))


def tables(params: Params, *, last_day: int, days: int) -> dict[str, SmallTable]:
    """Lay the parameters out as the integer tables ``popularity.sql`` reads."""
    decays = [(day, decay(day, last_day, params.half_life_days)) for day in range(last_day - days + 1, last_day + 1)]
    weights = [(name, round(VOTE_UNIT * weight)) for name, weight in sorted(params.event_weights.items())]
    looks = [(rank, round(EXAMINATION_UNIT * rank**-params.examination_power)) for rank in range(1, MAX_RANK + 1)]
    recommended = round(VOTE_UNIT * params.recommended_weight)
    return {
        "decays": SmallTable((("day", "INTEGER"), ("decay", "BIGINT")), tuple(d for d in decays if d[1] > 0)),
        "event_weights": SmallTable((("event_type", "VARCHAR"), ("weight", "BIGINT")), tuple(weights)),
        "examinations": SmallTable((("rank", "INTEGER"), ("examination", "BIGINT")), tuple(looks)),
        "factors": SmallTable((("recommended", "BOOLEAN"), ("factor", "BIGINT")), ((0, VOTE_UNIT), (1, recommended))),
    }


def compute(rows: Rows, params: Params) -> Rows:  # noqa: ARG001 - as every signal's
    """Put a ``rate`` beside every item with a vote; the mean it is drawn to is that of all items shown.

    ``rows``: what ``popularity.sql`` returns, in any order, and ``items``.
    """
    voted = rows["votes"] > 0
    rate = shrunken_rate(
        rows["outcomes"].astype(np.float64), rows["examined"].astype(np.float64) / float(EXAMINATION_UNIT)
    )
    kept = {name: rows[name][voted] for name in ("item", "score", "votes", "shown")}
    return {**kept, "rate": rate[voted], "items": rows["items"]}


def finish(rows: Rows, heading: Heading) -> bytes:
    """Write the artifact.

    ``rows``: ``item`` (index into ``items``), ``score`` (whole number, as float64), ``votes``, ``shown``, ``rate``; one
    row per item, in any order. ``items``: ids, ascending by their bytes.
    """
    items, _ = those_named(rows["items"], rows["item"])
    take = np.argsort(rows["item"])
    score = rows["score"].astype(np.float64)[take] / float(DECAY_UNIT * VOTE_UNIT * VOTE_UNIT)
    arrays = strings("items", items) | {
        "score": score,
        "order": np.argsort(-score, kind="stable").astype(np.int32),
        "rate": rows["rate"][take],
        "votes": rows["votes"].astype(np.int64)[take],
        "shown": rows["shown"].astype(np.int64)[take],
    }
    return pack(KIND, heading.meta(KIND, scale=positive_scale(score)), arrays)


def shrunken_rate(outcomes: npt.NDArray[np.float64], examined: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return outcomes per examined exposure, shrunk towards the mean; NaN where nothing was examined.

    Marshall's (1991) global empirical-Bayes estimator for rates: with ``m`` the overall rate and ``A`` the
    variance between items beyond chance, item ``i`` keeps ``A / (A + m / examined_i)`` of its distance from
    ``m``. The sums are exact before they are rounded once (``fsum``), so they do not depend on order.
    """
    rate = np.full(len(outcomes), np.nan)
    seen = examined > 0
    if not seen.any():
        return rate
    total = math.fsum(examined[seen])
    mean = math.fsum(outcomes[seen]) / total
    if mean == 0:
        rate[seen] = 0.0
        return rate
    raw = outcomes[seen] / examined[seen]
    spread = math.fsum(examined[seen] * (raw - mean) ** 2) / total
    between = max(0.0, spread - mean * int(seen.sum()) / total)
    rate[seen] = mean + between / (between + mean / examined[seen]) * (raw - mean)
    return rate


SCOPES: tuple[Scope, ...] = ("tenant", "surface", "segment")
POPULARITY = Signal(
    name=KIND,
    Params=Params,
    scopes=SCOPES,
    daily="daily",
    tables=tables,
    compute=compute,
    finish=finish,
    open=open_popularity,
    check=check,
)
