"""What the service answers. A field that a newer service adds is ignored, and so is a new word in an old field."""

from typing import Any

import msgspec

from recsys.client.asking import RecommendRequest

__all__ = ["Accepted", "Answer", "BatchAnswer", "Explain", "Meta", "Notice", "Problem", "Ranked", "Validated"]


class Explain(msgspec.Struct, frozen=True, kw_only=True):
    """Why an item stands where it does: weighted contribution by signal, ids of the rules that touched it."""

    signals: dict[str, float] = {}
    rules: tuple[str, ...] = ()


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """One item of an answer; ``rank`` counts from 1."""

    item_id: str
    rank: int
    score: float = 0.0
    reasons: tuple[str, ...] | None = None
    explain: Explain | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A warning: what was bent."""

    code: str
    detail: str = ""


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says about itself.

    On the rung ``client`` this program answered, not the service: there is no ``request_id``, since nothing was
    recorded, and what is done with such a list is sent without one.
    """

    surface: str
    rung: str
    request_id: str | None = None
    tenant_id: str | None = None
    generation: int | None = None
    algo_version: str | None = None
    segment: str | None = None
    config_version: str | None = None
    rules_version: str | None = None
    manifest_version: str | None = None
    data_age_s: float | None = None
    variant: str | None = None
    client_request_id: str | None = None
    timings_ms: dict[str, float] = {}
    counts: dict[str, int] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Ranked items in their final order. ``name`` is that of the list, in the answer to a batch."""

    items: tuple[Ranked, ...]
    meta: Meta
    warnings: tuple[Notice, ...] = ()
    trace: tuple[dict[str, Any], ...] | None = None
    name: str | None = None

    @property
    def item_ids(self) -> tuple[str, ...]:
        """Return the ids in their order."""
        return tuple(item.item_id for item in self.items)


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answers in the order of the requests."""

    answers: tuple[Answer, ...]


class Validated(msgspec.Struct, frozen=True, kw_only=True):
    """A request with every default filled in, and its warnings."""

    request: RecommendRequest
    warnings: tuple[Notice, ...] = ()


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """How many events are on the service's disk."""

    accepted: int


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an error (RFC 9457)."""

    status: int = 0
    code: str = ""
    detail: str = ""
    next_step: str = ""
    request_id: str = ""
