"""What is asked of the ranking and what it answers: the words of ``/v1/recommend`` and ``/v1/similar``.

The bounds stand in the types: decoding checks them, and the OpenAPI is made from them.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from recsys.documents import ALIASES
from recsys.documents.config import MAX_ID_LENGTH, MAX_WEIGHT
from recsys.ranking.weights import ALGORITHMS
from recsys.signals import SIGNALS

__all__ = [
    "MAX_ANCHORS",
    "MAX_HISTORY",
    "MAX_IDS",
    "MAX_TAGS",
    "NAME_PATTERN",
    "Anchors",
    "Answer",
    "AskedExperiment",
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


MAX_HISTORY = 100
"""Most events of a request's own history; contract §3."""
MAX_IDS = 10_000
"""Most item ids in one list of a request, whatever a tenant's own limits say."""
MAX_TAGS = 50
"""Most tags a request can require, and most it can forbid: each is looked up on the loop that answers everybody."""
MAX_ANCHORS = 100
"""Most items a request can start from; as many as a history may hold."""
_MAX_WHOLE = 2**53 - 1
"""Past it JSON does not keep whole numbers apart, and nothing a request counts is near."""
NAME_PATTERN = "^[a-z0-9][a-z0-9_-]{0,63}$"
"""Of a surface or a segment. The schema says it; who reads requests checks it, with a message of their own."""

Name = Annotated[str, Meta(extra_json_schema={"pattern": NAME_PATTERN})]
Label = Annotated[str, Meta(max_length=MAX_ID_LENGTH)]
Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)]
Ids = Annotated[tuple[Label, ...], Meta(max_length=MAX_IDS)]
Tags = Annotated[tuple[Label, ...], Meta(max_length=MAX_TAGS)]
Whole = Annotated[int, Meta(ge=0, le=_MAX_WHOLE)]
Wanted = Annotated[int, Meta(ge=1, le=_MAX_WHOLE, description="Above the tenant's `max_k` it is clamped.")]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Weights = Annotated[
    dict[str, Annotated[float, Meta(ge=0, le=MAX_WEIGHT)]],
    Meta(extra_json_schema={"propertyNames": {"enum": sorted({*SIGNALS, *ALIASES})}}),
]


class _Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class HistoryEvent(_Words, frozen=True, gc=False):  # workers keep very many: the collector need not walk them
    item_id: Label
    event_type: Label = "view"
    ts: Moment | None = None


class User(_Words, frozen=True):
    user_id: Id | None = None
    anonymous_id: Id | None = None
    session_id: Id | None = None
    history: Annotated[tuple[HistoryEvent, ...], Meta(max_length=MAX_HISTORY)] = ()


class Context(_Words, frozen=True):
    locale: Label | None = None
    device: Label | None = None
    country: Label | None = None
    now: Annotated[Moment, Meta(description="Operators only.")] | None = None


class Anchors(_Words, frozen=True):
    item_ids: Annotated[tuple[Label, ...], Meta(max_length=MAX_ANCHORS)] = ()
    max_anchors: Whole = 50


class Candidates(_Words, frozen=True):
    include_ids: Ids = ()
    exclude_ids: Ids = ()


class Constraints(_Words, frozen=True):
    required_tags: Tags = ()
    forbidden_tags: Tags = ()
    max_per_tag: Whole | None = None
    min_price: float | None = None
    max_price: float | None = None
    created_after: Moment | None = None


class Options(_Words, frozen=True):
    include_reasons: bool = False
    explain: Literal["none", "summary", "full"] = "none"
    include_trace: bool = False
    seed: Annotated[int, Meta(ge=-_MAX_WHOLE, le=_MAX_WHOLE)] | None = None


class AskedExperiment(_Words, frozen=True):
    """The experiment a client believes in; ``variant`` to see one of it, for operators."""

    id: Id
    variant: Annotated[Id, Meta(description="Operators only.")] | None = None


class RecommendRequest(_Words, frozen=True):
    """What ``POST /v1/recommend`` takes. ``k`` is clamped to the tenant's ``max_k``, with a warning."""

    surface: Name
    segment: Name | None = None
    k: Wanted = 20
    user: User = User()
    context: Context = Context()
    anchors: Anchors = Anchors()
    candidates: Candidates = Candidates()
    constraints: Constraints = Constraints()
    weights: Weights = {}
    algorithm: Annotated[str, Meta(extra_json_schema={"enum": list(ALGORITHMS)})] | None = None
    options: Options = Options()
    experiment: AskedExperiment | None = None
    traffic: Literal["user", "bot", "internal"] = "user"


class SimilarRequest(_Words, frozen=True):
    """What ``POST /v1/similar`` takes: the neighbours of one item."""

    item_id: Id
    surface: Name
    segment: Name | None = None
    k: Wanted = 20
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
    """What the ranking returns: items in their final order, warnings, and counts by step of the work.

    ``propensities``: where places were drawn, the probability of each item at its place given the items above it; 1
    for pins and for what was not drawn. ``teams``: where two lists were interleaved, whose each item is.
    """

    items: tuple[Ranked, ...]
    warnings: tuple[Warning, ...] = ()
    counts: dict[str, int] = {}
    trace: tuple[dict[str, Any], ...] | None = None
    propensities: tuple[float, ...] | None = None
    teams: tuple[str | None, ...] | None = None
