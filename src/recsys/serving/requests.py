"""Bodies in: from bytes to a request that means something, or a refusal that says what is wrong."""

import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from recsys.documents import ALIASES
from recsys.documents.config import MAX_WEIGHT
from recsys.encoding import Invalid, decode, did_you_mean, parse_rfc3339
from recsys.events import Interaction, Outcome
from recsys.events.checks import MAX_ID_LENGTH, check_event
from recsys.ranking import RecommendRequest, SimilarRequest
from recsys.ranking.request import HistoryEvent
from recsys.ranking.weights import ALGORITHMS
from recsys.serving.problems import Refusal
from recsys.signals import SIGNALS

__all__ = [
    "MAX_ANCHORS",
    "MAX_EVENTS",
    "MAX_HISTORY",
    "MAX_IDS",
    "MAX_TAGS",
    "read_events_body",
    "read_recommend",
    "read_similar",
]

MAX_EVENTS = 1000
"""Most events in one post; contract §3."""
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
_MAX_SAID = 80
"""Characters of a wrong name that a refusal repeats."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_RECOMMEND = msgspec.json.Decoder(RecommendRequest)
_SIMILAR = msgspec.json.Decoder(SimilarRequest)
R = TypeVar("R", RecommendRequest, SimilarRequest)


def read_recommend(body: bytes) -> RecommendRequest:
    """Read the body of ``/v1/recommend``. ``k`` above the tenant's limit is for the ranking to clamp.

    Raises
    ------
    Refusal
        400 for what is not JSON, 422 for JSON that means nothing.
    """
    try:
        request = _RECOMMEND.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _why(body, RecommendRequest) from None
    _check(request)
    if request.user.history:
        _check_history(request.user.history)
    if request.weights:
        _check_weights(request.weights)
    algorithm = request.algorithm
    if algorithm is not None and algorithm not in ALGORITHMS:
        raise _unknown("algorithm", algorithm, ALGORITHMS)
    _check_labels("anchors.item_ids", request.anchors.item_ids, most=MAX_ANCHORS)
    _check_whole("anchors.max_anchors", request.anchors.max_anchors)
    return _saying_once(request)


def read_similar(body: bytes) -> SimilarRequest:
    """Read the body of ``/v1/similar``; raises as :func:`read_recommend`."""
    try:
        request = _SIMILAR.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _why(body, SimilarRequest) from None
    _check(request)
    if not request.item_id:
        raise _means_nothing("item_id is empty")
    _check_length("item_id", request.item_id)
    return _saying_once(request)


def read_events_body(body: bytes) -> list[Outcome | Interaction]:
    """Read the body of ``/v1/events``: one event, or a list of at most ``MAX_EVENTS``.

    An event with a ``request_id`` and a type of outcome is an outcome; any other is an interaction. Each
    needs an ``event_id``: with it, sending again after a lost answer is safe.
    """
    try:
        raw = msgspec.json.decode(body, type=list[msgspec.Raw] | msgspec.Raw if body[:1] == b"[" else msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, "BAD_JSON", f"the body is not JSON: {error}") from None
    several = raw if isinstance(raw, list) else [raw]
    if not several:
        raise _means_nothing("there is no event in the list")
    if len(several) > MAX_EVENTS:
        raise _means_nothing(f"{len(several)} events, at most {MAX_EVENTS} are taken at once")
    return [_event(bytes(one), place) for place, one in enumerate(several)]


class _Kind(msgspec.Struct, frozen=True):
    event_type: str = ""
    request_id: str | None = None


_OUTCOMES = frozenset(("view", "click", "conversion"))


def _event(raw: bytes, place: int) -> Outcome | Interaction:
    what = f"event {place}"
    try:
        kind = decode(raw, _Kind, what=what)
        event: Outcome | Interaction
        outcome = kind.request_id is not None and kind.event_type in _OUTCOMES
        event = decode(raw, Outcome, what=what) if outcome else decode(raw, Interaction, what=what)
        check_event(event, what=what)
    except Invalid as error:
        raise Refusal(422, "INVALID", error.message, next_step=error.next_step) from None
    return event


def _check(request: RecommendRequest | SimilarRequest) -> None:
    """Check what the types cannot say, cheapest first: every request passes here."""
    if not _NAME.fullmatch(request.surface):
        raise _means_nothing(f"surface {request.surface[:80]!r} is not a name: use a-z, 0-9, _ and -")
    if request.segment is not None and not _NAME.fullmatch(request.segment):
        raise _means_nothing(f"segment {request.segment[:80]!r} is not a name: use a-z, 0-9, _ and -")
    if request.k < 1:
        raise _means_nothing(f"k is {request.k}, and must be at least 1")
    _check_whole("k", request.k)
    candidates, constraints, context = request.candidates, request.constraints, request.context
    _check_labels("candidates.include_ids", candidates.include_ids, most=MAX_IDS)
    _check_labels("candidates.exclude_ids", candidates.exclude_ids, most=MAX_IDS)
    _check_labels("constraints.required_tags", constraints.required_tags, most=MAX_TAGS)
    _check_labels("constraints.forbidden_tags", constraints.forbidden_tags, most=MAX_TAGS)
    if constraints.max_per_tag is not None:
        _check_whole("constraints.max_per_tag", constraints.max_per_tag)
    if request.options.seed is not None:
        _check_whole("options.seed", request.options.seed, least=-_MAX_WHOLE)
    for name, label in (("locale", context.locale), ("device", context.device), ("country", context.country)):
        if label is not None:
            _check_length(f"context.{name}", label)
    created_after = constraints.created_after
    if created_after is not None:
        _moment(created_after, "constraints.created_after")
    if context.now is not None:
        _moment(context.now, "context.now")
    if isinstance(request, RecommendRequest):
        user = request.user
        for name, value in (
            ("user_id", user.user_id),
            ("anonymous_id", user.anonymous_id),
            ("session_id", user.session_id),
        ):
            if value is not None and not 0 < len(value) <= MAX_ID_LENGTH:
                raise _means_nothing(f"user.{name} must have 1 to {MAX_ID_LENGTH} characters, or be left out")


def _check_labels(what: str, labels: tuple[str, ...], *, most: int) -> None:
    if not labels:
        return
    if len(labels) > most:
        raise _means_nothing(f"{what} has {len(labels)} entries, at most {most} are taken")
    if max(map(len, labels)) > MAX_ID_LENGTH:
        raise _means_nothing(f"{what} has an entry of more than {MAX_ID_LENGTH} characters")


def _check_length(what: str, label: str) -> None:
    if len(label) > MAX_ID_LENGTH:
        raise _means_nothing(f"{what} has {len(label)} characters, at most {MAX_ID_LENGTH} are taken")


def _check_whole(what: str, number: int, *, least: int = 0) -> None:
    if not least <= number <= _MAX_WHOLE:
        raise _means_nothing(f"{what} must be from {least} to {_MAX_WHOLE}")


def _saying_once(request: R) -> R:
    """Return the request with each label of a list once, in the order of their first: each is looked up."""
    candidates, constraints = request.candidates, request.constraints
    if candidates.include_ids or candidates.exclude_ids:
        candidates = msgspec.structs.replace(
            candidates, include_ids=_once(candidates.include_ids), exclude_ids=_once(candidates.exclude_ids)
        )
        request = msgspec.structs.replace(request, candidates=candidates)
    if constraints.required_tags or constraints.forbidden_tags:
        constraints = msgspec.structs.replace(
            constraints,
            required_tags=_once(constraints.required_tags),
            forbidden_tags=_once(constraints.forbidden_tags),
        )
        request = msgspec.structs.replace(request, constraints=constraints)
    return request


def _once(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels))


def _check_history(history: tuple[HistoryEvent, ...]) -> None:
    if len(history) > MAX_HISTORY:
        raise _means_nothing(f"user.history has {len(history)} events, at most {MAX_HISTORY} are taken")
    for place, event in enumerate(history):
        # names are put together only for a refusal: a hundred of these may come with every request
        if len(event.item_id) > MAX_ID_LENGTH or len(event.event_type) > MAX_ID_LENGTH:
            _check_length(f"user.history[{place}].item_id", event.item_id)
            _check_length(f"user.history[{place}].event_type", event.event_type)
        if event.ts is not None:
            try:
                parse_rfc3339(event.ts)
            except Invalid as error:
                detail = f"user.history[{place}].ts: {error.problem}"
                raise Refusal(422, "INVALID", detail, next_step=error.next_step) from None


def _check_weights(weights: dict[str, float]) -> None:
    for name, weight in weights.items():
        if name not in SIGNALS and name not in ALIASES:
            raise _unknown("weights", name, {*SIGNALS, *ALIASES})
        if not 0 <= weight <= MAX_WEIGHT:
            raise _means_nothing(f"weights.{name} is {weight}, and must be from 0 to {MAX_WEIGHT:g}")


def _unknown(what: str, name: str, known: Iterable[str]) -> Refusal:
    name = name[:_MAX_SAID]
    return Refusal(422, "INVALID", f"{what}: `{name}` is not known", next_step=did_you_mean(name, known))


def _moment(text: str, what: str) -> None:
    try:
        parse_rfc3339(text, what=what)
    except Invalid as error:
        raise Refusal(422, "INVALID", error.message, next_step=error.next_step) from None


def _why(body: bytes, kind: type[R]) -> Refusal:
    """Say what is wrong with a body that was not read."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Refusal(400, "BAD_JSON", f"the body is not JSON: {error}")
    try:
        decode(body, kind, what="request")
    except Invalid as error:
        return Refusal(422, "INVALID", error.message, next_step=error.next_step)
    except UnicodeDecodeError as error:
        return Refusal(400, "BAD_JSON", f"the body is not JSON: {error}")
    return Refusal(422, "INVALID", "the body means nothing here")


def _means_nothing(detail: str) -> Refusal:
    return Refusal(422, "INVALID", detail)
