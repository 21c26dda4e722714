"""What was shown and what was done: the event schemas, version 1. Strict: an unknown field is an error."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

__all__ = [
    "Assignment",
    "Decision",
    "Exposure",
    "Interaction",
    "Outcome",
    "RankList",
    "RankedItem",
    "ShownItem",
]


class ShownItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An item at its place in a shown list; ``rank`` counts from 1.

    ``propensity`` is the probability of this item at this rank given the items above it.
    """

    item_id: str
    rank: int
    propensity: float | None = None
    logging_propensity: float | None = None
    target_propensity: float | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """decision.v1: all that is needed to compute the answer again from the release it names."""

    request: Mapping[str, Any]
    now: float
    generation: int
    algo_version: str
    answer: str
    """Digest of the canonical items of the answer (``item_id``, ``rank``, ``score``)."""
    rung: str = "live"
    history_from: tuple[Literal["request", "tail", "profile"], ...] = ()
    """Where the history that stands in the request comes from; empty where there is none. Records from before it was
    written have the request's own.
    """
    arm: str | None = None
    seed: str | None = None
    """What chance was drawn from, where any was: the request's id, or the seed that came with it."""
    teams: tuple[str | None, ...] = ()
    """Of an interleaved answer: which variant placed each item; nobody where it is pinned or fills up."""
    kind: Literal["recommend", "similar"] | None = None
    """Which route was asked. Records from before it was written have none: there, a request with an ``item_id``
    asked for similar items.
    """


class Exposure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """exposure.v1: one answer as it was shown."""

    request_id: str
    ts: str
    items: tuple[ShownItem, ...]
    user_id: str | None = None
    key_id: str | None = None
    """Which pseudonym key hashed the ids of this event, the ``unit_id`` of its context among them; absent when they
    are raw.
    """
    context: Mapping[str, str] = {}
    latency_ms: float | None = None
    error: str | None = None
    client_request_id: str | None = None
    decision: Decision | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """outcome.v1: what a user did with an item of an answer. An outcome is also an interaction."""

    request_id: str
    item_id: str
    event_type: Literal["view", "click", "conversion"]
    ts: str
    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    key_id: str | None = None
    surface: str | None = None
    value: float | None = None
    quantity: float | None = None
    rank: int | None = None
    event_id: str | None = None


class Interaction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """interaction.v1: what a user did with an item anywhere in the shop."""

    ts: str
    item_id: str
    event_type: str
    surface: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    key_id: str | None = None
    request_id: str | None = None
    rank: int | None = None
    value: float | None = None
    quantity: float | None = None
    event_id: str | None = None


class Assignment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """assignment.v1: which arm a unit was given."""

    experiment_id: str
    variant: str
    request_id: str
    ts: str
    user_id: str | None = None
    key_id: str | None = None
    unit_id: str | None = None
    unit_type: str | None = None
    context: Mapping[str, str] = {}


class RankedItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    item_id: str
    rank: int
    propensity: float | None = None


class RankList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """ranklist.v1: what a named ranker would show for a request, made offline."""

    request_id: str
    ranker: str
    items: tuple[RankedItem, ...]
