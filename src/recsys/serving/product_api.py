"""What the OpenAPI says of the product's port: its routes, and the types that they decode and encode."""

from collections.abc import Mapping
from typing import Any

import msgspec

from recsys.events import Interaction, Outcome
from recsys.events.checks import MAX_ID_LENGTH, MAX_RANK, MAX_VALUE, NEEDED, TEXTS
from recsys.ranking import Ranked, RecommendRequest, SimilarRequest
from recsys.ranking import Warning as Notice
from recsys.serving.answering import Meta
from recsys.serving.batching import BatchRequest
from recsys.serving.openapi import Named, Operation, Schema, describe
from recsys.serving.requests import MAX_EVENTS

__all__ = ["OPERATIONS", "SECURITY", "WARNINGS", "describe_product"]

WARNINGS: Mapping[str, str] = {
    "SIGNAL_UNAVAILABLE": "a signal that has a weight is not in this release for this surface",
    "SIGNAL_PARTIAL": "a signal had nothing to start from, or knew a part of it",
    "CONSTRAINTS_FILTERED": "the constraints left fewer items than were asked for",
    "CANDIDATES_INCLUDE_EMPTY": "none of `candidates.include_ids` can be shown",
    "RULE_PIN_INJECTED": "rules put items in their places",
    "RULES_BLOCKED_ALL": "block rules kept out all that was left",
    "K_CLAMPED": "`k` was above what the tenant allows",
    "FALLBACK_LAST_GOOD": "the head of the log is not confirmed, or a newer release is not fit",
    "FALLBACK_DISK": "this host's own copy answers; the store was not reached since the start",
    "FALLBACK_FLOOR": "no release can be read on this host; its small file of items answers",
    "PINNED": "an operator keeps this host at a generation",
    "HISTORY_BEST_EFFORT": "what this visitor did lately is as far as this host has seen it",
    "DATA_STALE": "the data is older than the tenant's `freshness_slo_h`",
    "UNKNOWN_SURFACE": "the release does not serve this surface",
}
"""Every code an answer may warn with, and what it means."""

SECURITY: Mapping[str, Schema] = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "Made with `recsys keys create --role client`.",
    },
    "Token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Of the issuer that RECSYS_SERVE_JWT_ISSUER names, where it names one.",
    },
    "DevelopmentHeaders": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Org-Id",
        "description": "Names the tenant without a key, where RECSYS_SERVE_DEV_HEADERS=true was asked for. Never in "
        "production.",
    },
}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Ranked items in their final order, what the answer says of itself, and what was bent."""

    items: tuple[Ranked, ...]
    meta: Meta
    warnings: tuple[Notice, ...]
    trace: tuple[dict[str, Any], ...] | None = None


class NamedAnswer(Answer, frozen=True):
    """The answer of one list of a batch."""

    name: str | None = None


class BatchAnswer(msgspec.Struct, frozen=True):
    """Answers in the order of the requests."""

    answers: tuple[NamedAnswer, ...]


class Validated(msgspec.Struct, frozen=True):
    """The request with every default filled in, and its warnings."""

    request: RecommendRequest
    warnings: tuple[Notice, ...]


class Accepted(msgspec.Struct, frozen=True):
    """How many events are on the disk."""

    accepted: int


class Up(msgspec.Struct, frozen=True):
    """``GET /healthz``."""

    status: str


class Ready(msgspec.Struct, frozen=True):
    """``GET /readyz``."""

    ready: bool
    reasons: tuple[str, ...]


class Version(msgspec.Struct, frozen=True):
    """``GET /version``."""

    version: str


_ASKED: Mapping[int, tuple[str, ...]] = {
    400: ("BAD_JSON", "HEADER_TWICE"),
    401: ("BAD_KEY", "NO_CREDENTIALS"),
    403: ("FORBIDDEN", "TENANT_MISMATCH"),
    404: ("UNKNOWN_TENANT",),
    405: ("METHOD",),
    408: ("TOO_SLOW",),
    413: ("TOO_LARGE",),
    422: ("INVALID", "TOO_DEEP", "TOO_MANY_IDS"),
    429: ("RATE_LIMITED",),
    500: ("FAILED",),
    503: ("NOT_READY", "NO_RELEASE", "OVERLOADED"),
}
_SEEN: Mapping[int, tuple[str, ...]] = {405: ("METHOD",)}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="POST",
        path="/v1/recommend",
        name="recommend",
        text="Rank items for a user on a surface.",
        takes=RecommendRequest,
        gives=Answer,
        problems=_ASKED,
    ),
    Operation(
        method="POST",
        path="/v1/recommend/batch",
        name="recommend_batch",
        text="Rank several lists for one page, all from one release.\n\nWith `dedupe` a later list leaves out what an "
        "earlier one shows. Each list is recorded as an answer of its own. One bad list refuses the whole.",
        takes=BatchRequest,
        gives=BatchAnswer,
        problems=_ASKED,
    ),
    Operation(
        method="POST",
        path="/v1/recommend/validate",
        name="validate",
        text="Show the request with every default filled in, and its warnings; nothing is served or recorded.",
        takes=RecommendRequest,
        gives=Validated,
        problems=_ASKED,
    ),
    Operation(
        method="POST",
        path="/v1/similar",
        name="similar",
        text="List the neighbours of an item.",
        takes=SimilarRequest,
        gives=Answer,
        problems=_ASKED,
    ),
    Operation(
        method="POST",
        path="/v1/events",
        name="record_events",
        text=f"Take outcomes and interactions, one or a list of up to {MAX_EVENTS:,}; answered once they are on the "
        "disk.\n\nIdempotent on `event_id`: send the same one again whenever no 200 came back.",
        takes=Named("Events"),
        gives=Accepted,
        problems={**_ASKED, 503: ("NOT_DURABLE", "NOT_READY", "OVERLOADED")},
    ),
    Operation(
        method="GET",
        path="/healthz",
        name="healthz",
        text="Say that this process runs.",
        gives=Up,
        problems=_SEEN,
        secured=False,
    ),
    Operation(
        method="GET",
        path="/readyz",
        name="readyz",
        text="Say whether it knows its tenants and can answer for each.",
        gives=Ready,
        problems=_SEEN,
        also={503: Ready},
        secured=False,
    ),
    Operation(
        method="GET",
        path="/version",
        name="version",
        text="Say the version of the package.",
        gives=Version,
        problems=_SEEN,
        secured=False,
    ),
    Operation(
        method="GET",
        path="/openapi.json",
        name="openapi",
        text="Describe this port: OpenAPI 3.1.",
        gives=dict[str, Any],
        problems=_SEEN,
        secured=False,
    ),
    Operation(
        method="GET",
        path="/docs",
        name="docs",
        text="Show that description to people; the page needs nothing from elsewhere.",
        gives=str,
        media="text/html",
        problems=_SEEN,
        secured=False,
    ),
)
"""Every route of the product's port."""


def describe_product() -> dict[str, Any]:
    """Return the OpenAPI document of the product's port."""
    return describe(
        "RecSys",
        "Recommendations that stay up, can be reversed, and can be audited. Errors are problem details (RFC 9457) with "
        "`code` and `request_id`. A client's `X-Request-Id` (up to 128 printable characters) is echoed.",
        OPERATIONS,
        security=SECURITY,
        kinds=(Outcome, Interaction),
        mend=_mend,
    )


def _mend(schemas: dict[str, Schema]) -> None:
    schemas["Warning"]["properties"]["code"] = {"enum": list(WARNINGS)}
    for name in ("Outcome", "Interaction"):
        _mend_event(schemas[name])
    one = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Outcome", "Interaction")]}
    schemas["Events"] = {
        "description": "One event, or a list of them. With a `request_id` and the type of an outcome it is an outcome.",
        "anyOf": [*one["anyOf"], {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_EVENTS}],
    }


def _mend_event(schema: Schema) -> None:
    """Say the bounds of :func:`recsys.events.checks.check_event`: log readers decode the same types with less haste."""
    fields = schema["properties"]
    del fields["key_id"]  # ours to set
    for name in TEXTS:
        if name not in fields or "enum" in fields[name]:
            continue
        text: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH, "pattern": "^[^\\u0000]*$"}
        fields[name] = (
            text
            if name in NEEDED or name in schema["required"]
            else {"anyOf": [text, {"type": "null"}], "default": None}
        )
    fields["ts"] = {"type": "string", "format": "date-time", "description": "With a zone; from 1970 to 9999."}
    for name, least, most in (("value", -MAX_VALUE, MAX_VALUE), ("quantity", 0, MAX_VALUE)):
        bounds = {"type": "number", "minimum": least, "maximum": most}
        fields[name] = {"anyOf": [bounds, {"type": "null"}], "default": None}
    rank = {"type": "integer", "minimum": 1, "maximum": MAX_RANK}
    fields["rank"] = {"anyOf": [rank, {"type": "null"}], "default": None}
    schema["required"] = sorted({*schema["required"], *NEEDED})
