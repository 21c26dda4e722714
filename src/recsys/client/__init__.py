"""Ask a running service, from a web application: recommendations, similar items, events. Its product port (8000) only.

:class:`Client` waits, :class:`AsyncClient` is awaited; they have the same calls, named as the operations of the
service's OpenAPI. ``docs/how-to/call-the-service.md`` shows both.

The room knows nothing of the service but its words, so that an application loads it quickly; the HTTP library is loaded
when the first client is made.
"""

from recsys.client.answers import Accepted, Answer, Explain, Meta, Notice, Ranked, Validated
from recsys.client.asking import (
    Anchors,
    AskedExperiment,
    Candidates,
    Constraints,
    Context,
    Event,
    HistoryEvent,
    ListRequest,
    Options,
    RecommendRequest,
    SimilarRequest,
    User,
)
from recsys.client.errors import Refused, ServiceUnavailable
from recsys.client.transports import AsyncClient, Client

__all__ = [
    "Accepted",
    "Anchors",
    "Answer",
    "AskedExperiment",
    "AsyncClient",
    "Candidates",
    "Client",
    "Constraints",
    "Context",
    "Event",
    "Explain",
    "HistoryEvent",
    "ListRequest",
    "Meta",
    "Notice",
    "Options",
    "Ranked",
    "RecommendRequest",
    "Refused",
    "ServiceUnavailable",
    "SimilarRequest",
    "User",
    "Validated",
]
