"""From a request and a view to the bytes of an answer and the line that records it. No input, no output, no
waiting.
"""

import hashlib
import logging
import time
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from recsys.encoding import canonical, parse_rfc3339
from recsys.errors import UsageError
from recsys.events import is_erased
from recsys.ranking import ALGO_VERSION, Answer, Ranked, RecommendRequest, SimilarRequest
from recsys.ranking import Warning as Notice
from recsys.ranking.request import HistoryEvent, User
from recsys.serving.assigning import Assignment, assign
from recsys.serving.history import NO_HISTORY, History, resolve
from recsys.serving.hosted import SurfaceFacts, View
from recsys.serving.ladder import HISTORY_BEST_EFFORT, NOTICES, Rung, data_stale
from recsys.serving.lines import DecisionLine, ExposureLine, assigned_line, drawn_from, shown_items
from recsys.serving.log_lines import about
from recsys.serving.moments import Moments
from recsys.serving.pseudonym_cache import PseudonymCache, pseudonymous_user
from recsys.serving.tail import Tail
from recsys.snapshot import Snapshot, recommend, similar

__all__ = ["Answered", "Meta", "PseudonymCache", "Response", "answer", "answer_digest", "pseudonymous_user"]

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


_moments = Moments()


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
    variant: str | None = None
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
    """One answer: the body to send, the line to record first, what is counted, and what is shown. ``assigned`` is the
    line that says which unit was given which arm, where one was. It was ranked from ``began`` to ``ended``, by
    ``time.perf_counter()``.
    """

    body: bytes
    line: bytes
    rung: Rung
    failed: bool
    items: tuple[Ranked, ...]
    assigned: bytes | None
    request_id: str
    surface: str
    generation: int
    began: float
    ended: float


_NOBODY = RecommendRequest(surface="").user
"""What an erased user is: without ids, and without the history that came with the request. The default itself, so that
it is left out of what is recorded.
"""


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
    tail: Tail | None = None,
) -> Answered:
    """Rank, and write down what was decided.

    Parameters
    ----------
    view
        The one release everything in this answer comes from.
    request
        As it came, ids raw. From an erased user it is answered, and recorded, as nobody's.
    started
        ``time.perf_counter()`` when the request came in.
    now
        Seconds since 1970; ``context.now`` of the request stands above it.
    unrecorded
        How many answers of this tenant were not recorded since the last one that was: written into this one's
        exposure, so that evaluation knows what its logs lack.
    tail
        What visitors did on this host lately.
    """
    surface, segment = request.surface, request.segment
    if type(request) is RecommendRequest:
        user = pseudonymous_user(request.user, pseudonyms.of)
        if view.erased and is_erased(user, view.erased):
            user = _NOBODY
        if user is not request.user:
            request = msgspec.structs.replace(request, user=user)
    at = now
    if request.context.now is not None:
        now = parse_rfc3339(request.context.now)
    rung = view.rung(confirm_s=confirm_s)
    assignment = assign(view.snapshot, request, rung=rung, request_id=request_id)
    seed = request_id if request.options.seed is None else str(request.options.seed)
    history = NO_HISTORY
    if type(request) is RecommendRequest:
        history = _history(view, request, tail, arm=assignment.arm, now=now)
        if history.events is not request.user.history:
            user = msgspec.structs.replace(request.user, history=history.events)
            request = msgspec.structs.replace(request, user=user)
    began = time.perf_counter()
    ranked, rung, failed = _rank(
        view, request, rung=rung, now=now, arm=assignment.arm, seed=seed, request_id=request_id
    )
    ended = time.perf_counter()

    items = _encode(ranked.items)
    plain = not ranked.items or (ranked.items[0].reasons is None and ranked.items[0].explain is None)
    digest = _digest_of(items) if plain else answer_digest(ranked.items)
    snapshot, facts = _source(view, surface, rung, assignment.arm)
    generation = _generation(view, rung)
    data_age_s = None if facts.data_until is None else round(now - facts.data_until, 1)
    notices = ranked.warnings + NOTICES[rung] if rung != "floor" else _floor_notices(ranked)
    if view.notices:
        notices += view.notices
    if "tail" in history.sources:
        notices += (HISTORY_BEST_EFFORT,)
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
                variant=assignment.arm,
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
        kind, user_id, unit = "recommend", request.user.user_id, assignment.unit or _unit(request.user)
    line = _encode(
        ExposureLine(
            request_id,
            _moments.text(at),
            shown_items(ranked, drawn_by_us=request.options.seed is None),
            _context(view, request, rung, unrecorded, unit=unit, assignment=assignment),
            round(total_ms, 3),
            DecisionLine(
                kind,
                request,
                now,
                generation,
                ALGO_VERSION,
                digest,
                rung,
                assignment.arm,
                history.sources,
                *drawn_from(ranked, seed),
            ),
            user_id,
            pseudonyms.key_id if unit is not None else None,
            client_request_id,
        )
    )
    assigned = None
    if assignment.counted is not None:
        key_id, ts = pseudonyms.key_id, _moments.text(at)
        assigned = assigned_line(assignment, view, request_id=request_id, ts=ts, user_id=user_id, key_id=key_id)
    return Answered(
        body, line + b"\n", rung, failed, ranked.items, assigned, request_id, surface, generation, began, ended
    )


def _history(view: View, request: RecommendRequest, tail: Tail | None, *, arm: str | None, now: float) -> History:
    """Resolve what is used as the visitor's history; an erased user comes without ids, and has none."""
    tenant, erased, profiles = view.tenant, view.erased, None
    if view.snapshot is not None:
        profiles = view.snapshot.arm(request.surface, arm).profiles(request.surface)
    return resolve(
        request.user,
        recent=_nothing if tail is None else lambda name: tail.of(tenant, name, erased=erased),
        profile=_nothing if profiles is None else lambda name: profiles.of(name, now=now),
    )


def _nothing(_name: str) -> tuple[HistoryEvent, ...]:
    return ()


def answer_digest(items: tuple[Ranked, ...]) -> str:
    """Return the digest a decision record names an answer by: over ``item_id``, ``rank`` and ``score``
    alone.
    """
    return _digest_of(canonical([{"item_id": i.item_id, "rank": i.rank, "score": i.score} for i in items]))


def _digest_of(items: bytes) -> str:
    return "sha256:" + hashlib.sha256(items).hexdigest()


def _source(view: View, surface: str, rung: Rung, arm: str | None) -> tuple[Snapshot | None, SurfaceFacts]:
    """Return the release whose versions an answer names, and what is known of its surface."""
    facts = view.facts_of_arm(surface) if arm == "candidate" else view.facts(surface)
    if rung == "floor" or view.snapshot is None:
        return None, facts
    return view.snapshot.arm(surface, arm), facts


def _rank(
    view: View,
    request: RecommendRequest | SimilarRequest,
    *,
    rung: Rung,
    now: float,
    arm: str | None,
    seed: str,
    request_id: str,
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
                return recommend(view.snapshot, request, now=now, arm=arm, seed=seed), rung, False
            return similar(view.snapshot, request, now=now, arm=arm), rung, False  # type: ignore[arg-type]
        except UsageError:
            raise
        except Exception:
            more = about(request_id=request_id, tenant=view.tenant, surface=view.named(request.surface))
            _log.exception("generation %d of %s could not answer", view.generation, view.tenant, extra=more)
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
    *,
    unit: tuple[str, str] | None,
    assignment: Assignment,
) -> msgspec.Raw:
    context = _context_of_many(view, request, rung, unrecorded, assignment)
    if unit is None:
        return context
    # put in as text: the rest is encoded once for many answers
    more = _encode({"unit_type": unit[0], "unit_id": unit[1]})
    return msgspec.Raw(bytes(context)[:-1] + b"," + more[1:])


def _context_of_many(
    view: View, request: RecommendRequest | SimilarRequest, rung: Rung, unrecorded: int, assignment: Assignment
) -> msgspec.Raw:
    if unrecorded:
        return msgspec.Raw(_encode(_context_map(view, request, rung, assignment) | {"unrecorded": str(unrecorded)}))
    key = (
        request.surface,
        request.segment,
        rung,
        request.traffic,
        _generation(view, rung),
        assignment.experiment,
        assignment.counted,
    )
    known = view.contexts.get(key)
    if known is None:
        known = msgspec.Raw(_encode(_context_map(view, request, rung, assignment)))
        if len(view.contexts) < 1000:  # clients choose the names
            view.contexts[key] = known
    return known


def _context_map(
    view: View, request: RecommendRequest | SimilarRequest, rung: Rung, assignment: Assignment
) -> dict[str, str]:
    snapshot, facts = _source(view, request.surface, rung, assignment.arm)
    context: dict[str, str | None] = {
        "tenant_id": view.tenant,
        "surface": request.surface,
        "segment": request.segment,
        "generation": str(_generation(view, rung)),
        "config_version": snapshot.config_version if snapshot else None,
        "rules_version": snapshot.rules_version if snapshot else None,
        "manifest_version": facts.manifest_version if snapshot else None,
        "algo_version": ALGO_VERSION,
        "rung": rung,
        "traffic": request.traffic,
        "unrecorded": "0",
        "experiment_id": assignment.experiment,
        "experiment_variant": assignment.counted,
    }
    return {name: value for name, value in context.items() if value is not None}
