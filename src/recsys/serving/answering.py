"""From a request and a view to the bytes of an answer and the line that records it. No input, no output, no
waiting.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from recsys.access import Pseudonyms
from recsys.encoding import canonical, parse_rfc3339, rfc3339
from recsys.errors import UsageError
from recsys.events import ShownItem
from recsys.ranking import ALGO_VERSION, Answer, Ranked, RecommendRequest, SimilarRequest
from recsys.ranking import Warning as Notice
from recsys.ranking.request import User
from recsys.serving.hosted import View
from recsys.serving.ladder import NOTICES, Rung, data_stale
from recsys.snapshot import recommend, similar

__all__ = ["Answered", "Meta", "PseudonymCache", "Response", "answer", "answer_digest", "pseudonymous_user"]

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class _Moments:
    """Writes moments as :func:`recsys.encoding.rfc3339` does, most of each second from memory: 3 µs become one half."""

    __slots__ = ("_prefix", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""

    def text(self, seconds: float) -> str:
        """Return RFC 3339 with milliseconds, cut off, not rounded."""
        second = int(seconds)
        if second != self._second:
            self._prefix, self._second = rfc3339(second)[:-4], second
        return f"{self._prefix}{int((seconds - second) * 1000):03d}Z"


_moments = _Moments()


class Meta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an answer says about itself; contract §3."""

    tenant_id: str
    surface: str
    request_id: str
    generation: int
    rung: Rung
    algo_version: str
    segment: str | None = None
    config_version: str | None = None
    rules_version: str | None = None
    manifest_version: str | None = None
    data_age_s: float | None = None
    client_request_id: str | None = None
    timings_ms: Mapping[str, float] = {}
    counts: Mapping[str, int] = {}


class Response(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of ``/v1/recommend`` and ``/v1/similar``. ``items`` may come encoded."""

    items: msgspec.Raw | tuple[Ranked, ...]
    meta: Meta
    warnings: tuple[Notice, ...]
    trace: tuple[dict[str, Any], ...] | None = None


class Answered(msgspec.Struct, frozen=True):
    """One answer: the body to send, the line to record first, and what is counted."""

    body: bytes
    line: bytes
    rung: Rung
    empty: bool
    failed: bool


class _Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fields of :class:`recsys.events.Decision`, with the request as it is: it is encoded, not read."""

    kind: Literal["recommend", "similar"]
    request: RecommendRequest | SimilarRequest
    now: float
    generation: int
    algo_version: str
    answer: str
    rung: Rung = "live"


class _Exposure(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fields of :class:`recsys.events.Exposure`, its context already encoded."""

    request_id: str
    ts: str
    items: list[ShownItem]
    context: msgspec.Raw
    latency_ms: float
    decision: _Decision
    user_id: str | None = None
    key_id: str | None = None
    client_request_id: str | None = None


class PseudonymCache:
    """Pseudonyms made lately: a look-up is a tenth of an HMAC. Forgets everything when it is full."""

    __slots__ = ("_known", "_most", "key_id", "pseudonyms")

    def __init__(self, pseudonyms: Pseudonyms, *, most: int = 50_000) -> None:
        self.pseudonyms = pseudonyms
        self.key_id = pseudonyms.key_id
        self._most = most
        self._known: dict[str, str] = {}

    def of(self, raw_id: str) -> str:
        """Return the pseudonym of a raw id."""
        known = self._known.get(raw_id)
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            known = self._known[raw_id] = self.pseudonyms.of(raw_id)
        return known


def pseudonymous_user(user: User, of: Callable[[str], str]) -> User:
    """Return the user under pseudonyms: the ranking, like everything after it, sees no raw id."""
    if user.user_id is None and user.anonymous_id is None and user.session_id is None:
        return user
    return User(
        user_id=None if user.user_id is None else of(user.user_id),
        anonymous_id=None if user.anonymous_id is None else of(user.anonymous_id),
        session_id=None if user.session_id is None else of(user.session_id),
        history=user.history,
    )


def answer(
    view: View,
    request: RecommendRequest | SimilarRequest,
    *,
    request_id: str,
    client_request_id: str | None,
    pseudonyms: PseudonymCache,
    confirm_s: float,
    started: float,
    now: float,
    unrecorded: int = 0,
) -> Answered:
    """Rank, and write down what was decided.

    Parameters
    ----------
    view
        The one release everything in this answer comes from.
    request
        As it came, ids raw.
    started
        ``time.perf_counter()`` when the request came in.
    now
        Seconds since 1970; ``context.now`` of the request stands above it.
    unrecorded
        How many answers of this tenant were not recorded since the last one that was: written into this one's
        exposure, so that evaluation knows what its logs lack.
    """
    surface, segment = request.surface, request.segment
    if type(request) is RecommendRequest:
        user = pseudonymous_user(request.user, pseudonyms.of)
        if user is not request.user:
            request = msgspec.structs.replace(request, user=user)
    at = now
    if request.context.now is not None:
        now = parse_rfc3339(request.context.now)
    rung = view.rung(confirm_s=confirm_s)
    began = time.perf_counter()
    ranked, rung, failed = _rank(view, request, rung=rung, now=now)
    ended = time.perf_counter()

    items = _encode(ranked.items)
    plain = not ranked.items or (ranked.items[0].reasons is None and ranked.items[0].explain is None)
    digest = _digest_of(items) if plain else answer_digest(ranked.items)
    snapshot = view.snapshot if rung != "floor" else None
    generation = _generation(view, rung)
    facts = view.facts(surface)
    data_age_s = None if facts.data_until is None else round(now - facts.data_until, 1)
    notices = ranked.warnings + NOTICES[rung] if rung != "floor" else _floor_notices(ranked)
    if data_age_s is not None and data_age_s > 3600 * facts.freshness_slo_h:
        notices += (data_stale(data_age_s, facts.freshness_slo_h),)
    total_ms = (ended - started) * 1000
    body = _encode(
        Response(
            msgspec.Raw(items),
            Meta(
                tenant_id=view.tenant,
                surface=surface,
                segment=segment,
                request_id=request_id,
                client_request_id=client_request_id,
                generation=generation,
                rung=rung,
                algo_version=ALGO_VERSION,
                config_version=snapshot.config_version if snapshot else None,
                rules_version=snapshot.rules_version if snapshot else None,
                manifest_version=facts.manifest_version if snapshot else None,
                data_age_s=data_age_s,
                timings_ms={"rank": round((ended - began) * 1000, 3), "total": round(total_ms, 3)},
                counts=ranked.counts,
            ),
            notices,
            ranked.trace,
        )
    )
    kind: Literal["recommend", "similar"] = "similar"
    user_id = unit = None
    if type(request) is RecommendRequest:
        kind, user_id, unit = "recommend", request.user.user_id, _unit(request.user)
    line = _encode(
        _Exposure(
            request_id,
            _moments.text(at),
            [ShownItem(item_id=item.item_id, rank=item.rank) for item in ranked.items],
            _context(view, request, rung, unrecorded, unit),
            round(total_ms, 3),
            _Decision(kind, request, now, generation, ALGO_VERSION, digest, rung),
            user_id,
            pseudonyms.key_id if unit is not None else None,
            client_request_id,
        )
    )
    return Answered(body, line + b"\n", rung, not ranked.items, failed)


def answer_digest(items: tuple[Ranked, ...]) -> str:
    """Return the digest a decision record names an answer by: over ``item_id``, ``rank`` and ``score``
    alone.
    """
    return _digest_of(canonical([{"item_id": i.item_id, "rank": i.rank, "score": i.score} for i in items]))


def _digest_of(items: bytes) -> str:
    return "sha256:" + hashlib.sha256(items).hexdigest()


def _rank(
    view: View, request: RecommendRequest | SimilarRequest, *, rung: Rung, now: float
) -> tuple[Answer, Rung, bool]:
    """Rank on the snapshot, or below it: whatever is wrong with a release or with us, there is an answer.

    Raises
    ------
    UsageError
        What is wrong is the request: the floor would hide it from who can mend it.
    """
    failed = False
    if view.snapshot is not None:
        try:
            if type(request) is RecommendRequest:
                return recommend(view.snapshot, request, now=now), rung, False
            return similar(view.snapshot, request, now=now), rung, False  # type: ignore[arg-type]
        except UsageError:
            raise
        except Exception:
            _log.exception("generation %d of %s could not answer", view.generation, view.tenant)
            failed = True
    floor = view.lowest()
    if floor is not None:
        return floor.answer(request, now=now), "floor", failed
    return Answer(items=()), "floor", failed


def _generation(view: View, rung: Rung) -> int:
    """Return the generation an answer comes from: a floor may have been written from another than the view's."""
    return view.floor.generation if rung == "floor" and view.floor is not None else view.generation


def _floor_notices(ranked: Answer) -> tuple[Notice, ...]:
    if any(notice.code == "FALLBACK_FLOOR" for notice in ranked.warnings):
        return ranked.warnings
    return ranked.warnings + NOTICES["floor"]


def _unit(user: User) -> tuple[str, str] | None:
    """Return who statistics count as one, as (type, pseudonym): a browser, which stays the same at a login, before
    an account, before one visit.
    """
    if user.anonymous_id is not None:
        return "anonymous_id", user.anonymous_id
    if user.user_id is not None:
        return "user_id", user.user_id
    return None if user.session_id is None else ("session_id", user.session_id)


def _context(
    view: View,
    request: RecommendRequest | SimilarRequest,
    rung: Rung,
    unrecorded: int,
    unit: tuple[str, str] | None,
) -> msgspec.Raw:
    context = _context_of_many(view, request, rung, unrecorded)
    if unit is None:
        return context
    # put in as text: the rest is encoded once for many answers
    more = _encode({"unit_type": unit[0], "unit_id": unit[1]})
    return msgspec.Raw(bytes(context)[:-1] + b"," + more[1:])


def _context_of_many(
    view: View, request: RecommendRequest | SimilarRequest, rung: Rung, unrecorded: int
) -> msgspec.Raw:
    if unrecorded:
        return msgspec.Raw(_encode(_context_map(view, request, rung) | {"unrecorded": str(unrecorded)}))
    key = (request.surface, request.segment, rung, request.traffic, _generation(view, rung))
    known = view.contexts.get(key)
    if known is None:
        known = msgspec.Raw(_encode(_context_map(view, request, rung)))
        if len(view.contexts) < 1000:  # clients choose the names
            view.contexts[key] = known
    return known


def _context_map(view: View, request: RecommendRequest | SimilarRequest, rung: Rung) -> dict[str, str]:
    snapshot = view.snapshot if rung != "floor" else None
    context: dict[str, str | None] = {
        "tenant_id": view.tenant,
        "surface": request.surface,
        "segment": request.segment,
        "generation": str(_generation(view, rung)),
        "config_version": snapshot.config_version if snapshot else None,
        "rules_version": snapshot.rules_version if snapshot else None,
        "manifest_version": view.facts(request.surface).manifest_version if snapshot else None,
        "algo_version": ALGO_VERSION,
        "rung": rung,
        "traffic": request.traffic,
        "unrecorded": "0",
    }
    return {name: value for name, value in context.items() if value is not None}
