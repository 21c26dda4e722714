"""What is recorded of an answer: its exposure with the decision record, and which unit was given which arm."""

from typing import Literal

import msgspec

from recsys import events
from recsys.events import ShownItem
from recsys.ranking import Answer, RecommendRequest, SimilarRequest
from recsys.serving.assigning import Assignment
from recsys.serving.history import Source
from recsys.serving.hosted import View
from recsys.serving.ladder import Rung

__all__ = ["DecisionLine", "ExposureLine", "assigned_line", "drawn_from", "shown_items"]

_encode = msgspec.json.Encoder().encode


class DecisionLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fields of :class:`recsys.events.Decision`, with the request as it is: it is encoded, not read."""

    kind: Literal["recommend", "similar"]
    request: RecommendRequest | SimilarRequest
    now: float
    generation: int
    algo_version: str
    answer: str
    rung: Rung = "live"
    arm: str | None = None
    history_from: tuple[Source, ...] = ()
    seed: str | None = None
    teams: tuple[str | None, ...] = ()


class ExposureLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fields of :class:`recsys.events.Exposure`, its context already encoded."""

    request_id: str
    ts: str
    items: list[ShownItem]
    context: msgspec.Raw
    latency_ms: float
    decision: DecisionLine
    user_id: str | None = None
    key_id: str | None = None
    client_request_id: str | None = None


def shown_items(ranked: Answer, *, drawn_by_us: bool) -> list[ShownItem]:
    """Return what is recorded as shown. Places drawn by a client's own seed have no probability we could name."""
    if ranked.propensities is None or not drawn_by_us:
        return [ShownItem(item_id=item.item_id, rank=item.rank) for item in ranked.items]
    return [
        ShownItem(item_id=item.item_id, rank=item.rank, propensity=propensity)
        for item, propensity in zip(ranked.items, ranked.propensities, strict=True)
    ]


def drawn_from(ranked: Answer, seed: str) -> tuple[str | None, tuple[str | None, ...]]:
    """Return the seed an answer was drawn from, ``None`` where nothing was drawn, and whose each item is."""
    drawn = ranked.propensities is not None or ranked.teams is not None
    return seed if drawn else None, ranked.teams or ()


def assigned_line(
    assignment: Assignment, view: View, *, request_id: str, ts: str, user_id: str | None, key_id: str
) -> bytes:
    """Return the line that records an answer's assignment: ``assignment.v1``, one for each answer that counts."""
    unit_type, unit_id = assignment.unit or (None, None)
    event = events.Assignment(
        experiment_id=assignment.experiment or "",
        variant=assignment.arm or "",
        request_id=request_id,
        ts=ts,
        user_id=user_id,
        key_id=key_id,
        unit_id=unit_id,
        unit_type=unit_type,
        context={"tenant_id": view.tenant, "generation": str(view.generation)},
    )
    return _encode(event) + b"\n"
