"""What is asked of the ranking and what it answers: the words of ``/v1/recommend`` and ``/v1/similar``."""

from typing import Any, Literal

import msgspec

__all__ = [
    "Anchors",
    "Answer",
    "Candidates",
    "Constraints",
    "Context",
    "Explain",
    "HistoryEvent",
    "Options",
    "Ranked",
    "RecommendRequest",
    "SimilarRequest",
    "User",
    "Warning",
]


class _Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class HistoryEvent(_Words, frozen=True):
    item_id: str
    event_type: str = "view"
    ts: str | None = None


class User(_Words, frozen=True):
    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    history: tuple[HistoryEvent, ...] = ()


class Context(_Words, frozen=True):
    locale: str | None = None
    device: str | None = None
    country: str | None = None
    now: str | None = None


class Anchors(_Words, frozen=True):
    item_ids: tuple[str, ...] = ()
    max_anchors: int = 10


class Candidates(_Words, frozen=True):
    include_ids: tuple[str, ...] = ()
    exclude_ids: tuple[str, ...] = ()


class Constraints(_Words, frozen=True):
    required_tags: tuple[str, ...] = ()
    forbidden_tags: tuple[str, ...] = ()
    max_per_tag: int | None = None
    min_price: float | None = None
    max_price: float | None = None
    created_after: str | None = None


class Options(_Words, frozen=True):
    include_reasons: bool = False
    explain: Literal["none", "summary", "full"] = "none"
    include_trace: bool = False
    seed: int | None = None


class RecommendRequest(_Words, frozen=True):
    """What ``POST /v1/recommend`` takes. ``k`` is clamped to the tenant's ``max_k``, with a warning."""

    surface: str
    segment: str | None = None
    k: int = 20
    user: User = User()
    context: Context = Context()
    anchors: Anchors = Anchors()
    candidates: Candidates = Candidates()
    constraints: Constraints = Constraints()
    weights: dict[str, float] = {}
    algorithm: str | None = None
    options: Options = Options()
    traffic: Literal["user", "bot", "internal"] = "user"


class SimilarRequest(_Words, frozen=True):
    """What ``POST /v1/similar`` takes: the neighbours of one item."""

    item_id: str
    surface: str
    segment: str | None = None
    k: int = 20
    context: Context = Context()
    candidates: Candidates = Candidates()
    constraints: Constraints = Constraints()
    options: Options = Options()
    traffic: Literal["user", "bot", "internal"] = "user"


class Explain(_Words, frozen=True):
    """Why an item stands where it does: weighted contribution by signal, ids of the rules that touched it."""

    signals: dict[str, float]
    rules: tuple[str, ...] = ()


class Ranked(msgspec.Struct, frozen=True, omit_defaults=True):
    """One item of an answer; ``rank`` counts from 1."""

    item_id: str
    rank: int
    score: float
    reasons: tuple[str, ...] | None = None
    explain: Explain | None = None


class Warning(msgspec.Struct, frozen=True):
    code: str
    detail: str


class Answer(msgspec.Struct, frozen=True):
    """What the ranking returns: items in their final order, warnings, and counts by step of the work."""

    items: tuple[Ranked, ...]
    warnings: tuple[Warning, ...] = ()
    counts: dict[str, int] = {}
    trace: tuple[dict[str, Any], ...] | None = None
