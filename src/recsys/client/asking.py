"""What can be asked of the service: the words of its product port.

They are the words of :mod:`recsys.ranking.request` and :mod:`recsys.events.schemas`, written again so that an
application does not load the ranking to speak of it; a test holds the two against each other. Values are checked by the
service.
"""

import os
import time
from typing import Literal

import msgspec

from recsys.encoding import rfc3339

__all__ = [
    "Anchors",
    "AskedExperiment",
    "BatchRequest",
    "Candidates",
    "Constraints",
    "Context",
    "Event",
    "EventsRequest",
    "HistoryEvent",
    "ListRequest",
    "Options",
    "RecommendRequest",
    "SimilarRequest",
    "User",
    "uuid7",
]


class _Words(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class HistoryEvent(_Words, frozen=True, kw_only=True):
    item_id: str
    event_type: str = "view"
    ts: str | None = None


class User(_Words, frozen=True, kw_only=True):
    """Who the answer is for. Ids are the shop's own; the service hashes them before it writes anything down."""

    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    history: tuple[HistoryEvent, ...] = ()


class Context(_Words, frozen=True, kw_only=True):
    locale: str | None = None
    device: str | None = None
    country: str | None = None
    now: str | None = None


class Anchors(_Words, frozen=True, kw_only=True):
    item_ids: tuple[str, ...] = ()
    max_anchors: int = 50


class Candidates(_Words, frozen=True, kw_only=True):
    include_ids: tuple[str, ...] = ()
    exclude_ids: tuple[str, ...] = ()


class Constraints(_Words, frozen=True, kw_only=True):
    required_tags: tuple[str, ...] = ()
    forbidden_tags: tuple[str, ...] = ()
    max_per_tag: int | None = None
    min_price: float | None = None
    max_price: float | None = None
    created_after: str | None = None


class Options(_Words, frozen=True, kw_only=True):
    include_reasons: bool = False
    explain: Literal["none", "summary", "full"] = "none"
    include_trace: bool = False
    seed: int | None = None


class AskedExperiment(_Words, frozen=True, kw_only=True):
    """The experiment an application believes in; where another runs, or none, the request is refused. ``variant`` is
    for operators.
    """

    id: str
    variant: str | None = None


class RecommendRequest(_Words, frozen=True, kw_only=True):
    """One list: its fields are the arguments of ``recommend`` and ``validate``."""

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
    experiment: AskedExperiment | None = None
    traffic: Literal["user", "bot", "internal"] = "user"


class ListRequest(RecommendRequest, frozen=True, kw_only=True):
    """One list of a page; its ``name`` comes back with its answer."""

    name: str | None = None


class BatchRequest(_Words, frozen=True, kw_only=True):
    """Several lists for one page: the arguments of ``recommend_batch``. With ``dedupe`` a later list leaves out what an
    earlier one shows.
    """

    requests: tuple[ListRequest, ...]
    dedupe: bool = False


class SimilarRequest(_Words, frozen=True, kw_only=True):
    """The neighbours of one item: its fields are the arguments of ``similar``."""

    item_id: str
    surface: str
    segment: str | None = None
    k: int = 20
    context: Context = Context()
    candidates: Candidates = Candidates()
    constraints: Constraints = Constraints()
    options: Options = Options()
    traffic: Literal["user", "bot", "internal"] = "user"


def uuid7() -> str:
    """Return a new UUIDv7 (RFC 9562): the wall clock's millisecond and 74 random bits."""
    chance = int.from_bytes(os.urandom(10))
    bits = time.time_ns() // 1_000_000 << 80 | 0x7 << 76 | (chance >> 68) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _now() -> str:
    return rfc3339(time.time())


class Event(_Words, frozen=True, kw_only=True):
    """What somebody did with an item. With the ``request_id`` of an answer and the type ``view``, ``click`` or
    ``conversion`` it is an outcome of that answer; else an interaction.

    ``event_id`` and ``ts`` are made with the event: the same object sent twice counts once.
    """

    item_id: str
    event_type: str
    ts: str = msgspec.field(default_factory=_now)
    event_id: str = msgspec.field(default_factory=uuid7)
    request_id: str | None = None
    surface: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    rank: int | None = None
    value: float | None = None
    quantity: float | None = None


class EventsRequest(_Words, frozen=True, kw_only=True):
    """The argument of ``record_events``: one event or several, at most 1,000."""

    events: tuple[Event, ...]
