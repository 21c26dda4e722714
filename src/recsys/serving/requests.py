"""Bodies in: from bytes to a request that means something, or a refusal that says what is wrong."""

import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from recsys.documents import ALIASES
from recsys.encoding import Invalid, decode, did_you_mean, parse_rfc3339
from recsys.events import Interaction, Outcome
from recsys.events.checks import check_event
from recsys.ranking import RecommendRequest, SimilarRequest
from recsys.ranking.request import NAME_PATTERN, HistoryEvent
from recsys.ranking.weights import ALGORITHMS
from recsys.serving.depth import check_depth
from recsys.serving.problems import Refusal
from recsys.signals import SIGNALS

__all__ = ["MAX_EVENTS", "checked", "read", "read_events_body", "read_recommend", "read_similar", "written_out"]

MAX_EVENTS = 1000
"""Most events in one post; contract §3."""
_MAX_SAID = 80
"""Characters of a wrong name that a refusal repeats."""

_NAME = re.compile(NAME_PATTERN.strip("^$"), re.ASCII)
_RECOMMEND = msgspec.json.Decoder(RecommendRequest)
_SIMILAR = msgspec.json.Decoder(SimilarRequest)
R = TypeVar("R", RecommendRequest, SimilarRequest)
T = TypeVar("T")


def read_recommend(body: bytes) -> RecommendRequest:
    """Read the body of ``/v1/recommend``. ``k`` above the tenant's limit is for the ranking to clamp.

    Raises
    ------
    Refusal
        400 for what is not JSON, 422 for JSON that means nothing.
    """
    return checked(read(body, _RECOMMEND))


def checked(request: RecommendRequest) -> RecommendRequest:
    """Check what the types cannot say, and return the request with each label of a list once."""
    _check(request)
    if request.user.history:
        _check_history(request.user.history)
    if request.weights:
        _check_weights(request.weights)
    algorithm = request.algorithm
    if algorithm is not None and algorithm not in ALGORITHMS:
        raise _unknown("algorithm", algorithm, ALGORITHMS)
    return _saying_once(request)


def read_similar(body: bytes) -> SimilarRequest:
    """Read the body of ``/v1/similar``; raises as :func:`read_recommend`."""
    request = read(body, _SIMILAR)
    _check(request)
    return _saying_once(request)


def read(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode a body; raises as :func:`read_recommend`."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _why(body, decoder.type) from None


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
    events = [_event(bytes(one), place) for place, one in enumerate(several)]
    if any(event.key_id is not None for event in events):
        raise Refusal(422, "INVALID", "key_id is ours to set: post raw ids", next_step="leave key_id out")
    return events


def written_out(request: RecommendRequest | SimilarRequest) -> object:
    """Show a request with every default filled in."""
    return {name: _plain(getattr(request, name)) for name in request.__struct_fields__}


def _plain(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value


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
        check_depth(raw)
        raise Refusal(422, "INVALID", error.message, next_step=error.next_step) from None
    return event


def _check(request: RecommendRequest | SimilarRequest) -> None:
    """Check what the types cannot say."""
    if not _NAME.fullmatch(request.surface):
        raise _means_nothing(f"surface {request.surface[:80]!r} is not a name: use a-z, 0-9, _ and -")
    if request.segment is not None and not _NAME.fullmatch(request.segment):
        raise _means_nothing(f"segment {request.segment[:80]!r} is not a name: use a-z, 0-9, _ and -")
    if request.constraints.created_after is not None:
        _moment(request.constraints.created_after, "constraints.created_after")
    if request.context.now is not None:
        _moment(request.context.now, "context.now")


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
    for place, event in enumerate(history):
        if event.ts is not None:
            try:
                parse_rfc3339(event.ts)
            except Invalid as error:  # its name is put together only for a refusal: a hundred may come with a request
                detail = f"user.history[{place}].ts: {error.problem}"
                raise Refusal(422, "INVALID", detail, next_step=error.next_step) from None


def _check_weights(weights: dict[str, float]) -> None:
    for name in weights:
        if name not in SIGNALS and name not in ALIASES:
            raise _unknown("weights", name, {*SIGNALS, *ALIASES})


def _unknown(what: str, name: str, known: Iterable[str]) -> Refusal:
    name = name[:_MAX_SAID]
    return Refusal(422, "INVALID", f"{what}: `{name}` is not known", next_step=did_you_mean(name, known))


def _moment(text: str, what: str) -> None:
    try:
        parse_rfc3339(text, what=what)
    except Invalid as error:
        raise Refusal(422, "INVALID", error.message, next_step=error.next_step) from None


def _why(body: bytes, kind: type[T]) -> Refusal:
    """Say what is wrong with a body that was not read: it may be too deep for any type of ours."""
    check_depth(body)
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
