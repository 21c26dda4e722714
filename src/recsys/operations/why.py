"""Why an answer was what it was: its record found, replayed, and told with who shipped what it was made of.

The way of a replay is the way of the answer: the release that its record names, the request that stands in it, the
ranking. ``docs/how-to/explain-a-recommendation.md`` says it for people.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec.structs import replace

from recsys.encoding import parse_rfc3339
from recsys.events import Decision, Exposure, Outcome
from recsys.operations.provenance import Made, Version, made_at, versions_of
from recsys.operations.recorded import Found, Records
from recsys.operations.replaying import Replayed, Replays, Result
from recsys.ranking import Answer, Missing, Ranked
from recsys.ranking import Warning as Notice
from recsys.releases.erase import erased_in
from recsys.releases.errors import NoReleases
from recsys.releases.history import History
from recsys.serving.ladder import HISTORY_BEST_EFFORT, NOTICES, Rung
from recsys.snapshot import Snapshot, missing, replay
from recsys.store import Store

__all__ = ["Act", "Item", "LeftOut", "Why", "erased_now", "explained", "people_in", "why"]


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of the answer. ``signals``, with what rules and personalization added or took, sum to ``score``.

    ``by_score``: the place it would have among those shown by its score alone; where that is not its ``rank``, a pin,
    diversity, a cap, chance or the other team has moved it, or it filled up. All but ``item_id``, ``rank`` and
    ``propensity`` come from the replay.
    """

    item_id: str
    rank: int
    title: str | None = None
    score: float | None = None
    by_score: int | None = None
    signals: Mapping[str, float] | None = None
    rules: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    propensity: float | None = None
    team: str | None = None


class LeftOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What could not be shown, in numbers of items. ``of`` all that the release knows, ``out`` were withdrawn,
    unavailable or blocked, ``blocked`` of them by rules; ``excluded`` were anchors, seen, or left out by the request.
    Interleaved answers have one for each ``variant``.
    """

    of: int
    out: int
    blocked: int
    excluded: int
    variant: str | None = None


class Act(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody did with an item of the answer."""

    event_type: str
    item_id: str
    ts: str
    value: float | None = None


class Why(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer, explained. Ids of people are pseudonyms.

    ``result``: ``exact``, the replay gave the same answer; ``differs``, it gave another one; ``unreplayable``, what it
    needs is not there. ``because`` says what differs or is missing, ``next_step`` what to do. ``request`` is what was
    ranked, with the history that was used. ``replayed`` are the item ids of a replay that differs. ``missing``: what
    became of the item that was asked about, of an exact replay.
    """

    tenant: str
    request_id: str
    result: Result
    because: str
    next_step: str
    at: str
    found_in: str
    surface: str
    generation: int | None
    rung: str
    items: tuple[Item, ...]
    client_request_id: str | None = None
    other_request_ids: tuple[str, ...] = ()
    segment: str | None = None
    arm: str | None = None
    experiment: str | None = None
    traffic: str | None = None
    algo_version: str | None = None
    latency_ms: float | None = None
    user_id: str | None = None
    unit: str | None = None
    release: Made | None = None
    versions: tuple[Version, ...] = ()
    bound_by: int | None = None
    request: Mapping[str, Any] | None = None
    history_from: tuple[str, ...] = ()
    replayed: tuple[str, ...] | None = None
    counts: Mapping[str, int] = {}
    left_out: tuple[LeftOut, ...] = ()
    weights: Mapping[str, float] = {}
    warnings: tuple[Notice, ...] = ()
    outcomes: tuple[Act, ...] = ()
    missing: tuple[Missing, ...] = ()


def why(
    store: Store,
    tenant: str,
    request_id: str,
    *,
    cache: Path,
    spool: Path | None = None,
    kept: Path | None = None,
    since_s: float | None = None,
    now_s: float | None = None,
    not_item: str | None = None,
) -> Why:
    """Find the record of an answer, replay it, and say all that is known of it.

    Parameters
    ----------
    cache
        Where releases are prepared for the replay.
    spool
        This host's spool, where there is one: what is not in the store yet.
    kept
        A folder of event files to look into instead of the spool and the store.
    since_s
        Look at all records written since this moment, in seconds since 1970; by default at the time the id tells.
    not_item
        Say why this item is not among those shown.

    Raises
    ------
    NotRecorded
        There is no record of it.
    Unavailable, Denied
        The store does not answer.
    """
    records = Records(store, tenant, spool=spool, kept=kept)
    found = records.answer(request_id, since_s=since_s, now_s=now_s)
    replays = Replays(store, tenant, cache=cache)
    plain = _recorded(found, tenant, replays.history)
    erased = erased_now(replays.history)
    if people_in(found.exposure) & erased:
        return _of_nobody(plain)
    replayed = replays.of(found.exposure)
    acts = records.outcomes(plain.request_id, since_s=parse_rfc3339(plain.at, what="record"))
    told = _replayed(_with_people(plain, found.exposure), found.exposure, replayed)
    if not_item is not None and told.result == "exact":
        assert replayed.computed is not None
        assert found.exposure.decision is not None
        told = replace(told, missing=missing(replayed.computed.snapshot, found.exposure.decision, not_item))
    return replace(told, outcomes=tuple(_act(one) for one in acts if not {*_ids_of(one)} & erased))


def erased_now(history: History) -> frozenset[str]:
    """Return the pseudonyms of those erased by now, whatever generation is asked about."""
    try:
        return erased_in(history.head().release, history)
    except NoReleases:
        return frozenset()


def people_in(exposure: Exposure) -> set[str]:
    """Return every pseudonym a record bears."""
    user = exposure.decision.request.get("user", {}) if exposure.decision is not None else {}
    named = (user.get(name) for name in ("user_id", "anonymous_id", "session_id"))
    return {one for one in (exposure.user_id, exposure.context.get("unit_id"), *named) if one is not None}


def _ids_of(outcome: Outcome) -> Iterator[str | None]:
    yield from (outcome.user_id, outcome.anonymous_id, outcome.session_id)


def _act(outcome: Outcome) -> Act:
    return Act(event_type=outcome.event_type, item_id=outcome.item_id, ts=outcome.ts, value=outcome.value)


def _recorded(found: Found, tenant: str, history: History) -> Why:
    """Say what the record says of an answer, without whom it was for, and who made what it came from."""
    exposure, context = found.exposure, found.exposure.context
    decision = exposure.decision
    generation = decision.generation if decision else _number(context.get("generation"))
    return Why(
        tenant=tenant,
        request_id=exposure.request_id,
        client_request_id=exposure.client_request_id,
        other_request_ids=found.others,
        result="unreplayable",
        because="",
        next_step="",
        at=exposure.ts,
        found_in=found.where,
        surface=context.get("surface", ""),
        segment=context.get("segment"),
        generation=generation,
        rung=decision.rung if decision else context.get("rung", ""),
        arm=decision.arm if decision else None,
        experiment=context.get("experiment_id"),
        traffic=context.get("traffic"),
        algo_version=decision.algo_version if decision else context.get("algo_version"),
        latency_ms=exposure.latency_ms,
        release=made_at(history, generation),
        versions=versions_of(exposure, history, generation=generation),
        items=tuple(Item(item_id=item.item_id, rank=item.rank, propensity=item.propensity) for item in exposure.items),
    )


def _of_nobody(plain: Why) -> Why:
    return replace(
        plain,
        because="it was for a user who was erased since: their history is shown to nobody, and used for nothing",
        next_step="nothing is to be done; what was shown stands here without whom it was shown to",
    )


def _with_people(plain: Why, exposure: Exposure) -> Why:
    decision, context = exposure.decision, exposure.context
    unit = f"{context.get('unit_type', 'unit')} {context['unit_id']}" if "unit_id" in context else None
    return replace(
        plain,
        user_id=exposure.user_id,
        unit=unit,
        request=None if decision is None else decision.request,
        history_from=_sources(decision),
    )


def _sources(decision: Decision | None) -> tuple[str, ...]:
    if decision is None or decision.history_from:
        return () if decision is None else decision.history_from
    return ("request",) if decision.request.get("user", {}).get("history") else ()


def _replayed(plain: Why, exposure: Exposure, replayed: Replayed) -> Why:
    """Add what a replay tells. A replay that differs explains no item: its scores are not those of the answer."""
    told = replace(plain, result=replayed.result, because=replayed.because, next_step=replayed.next_step)
    computed, decision = replayed.computed, exposure.decision
    if computed is None or decision is None:
        return told
    snapshot = computed.snapshot.arm(plain.surface, plain.arm)
    titles = snapshot.titles(item.item_id for item in plain.items)
    items = tuple(replace(item, title=titles.get(item.item_id)) for item in plain.items)
    if replayed.result != "exact":
        return replace(told, items=items, replayed=tuple(item.item_id for item in computed.answer.items))
    answer = explained(computed.snapshot, decision)
    return replace(
        told,
        because="the replay gave the same items in the same order with the same scores",
        next_step=f"what generation {plain.generation} is: recsys releases show {plain.generation} "
        f"--tenant {plain.tenant}",
        bound_by=computed.bound_by,
        items=tuple(_items(items, answer, decision)),
        counts=answer.counts,
        left_out=tuple(_left_out(answer)),
        weights=_weights(answer),
        warnings=(*answer.warnings, *_notices(decision)),
    )


def explained(snapshot: Snapshot, decision: Decision) -> Answer:
    """Replay with every part of every score. Explanations never change the order."""
    options = {**decision.request.get("options", {}), "explain": "full", "include_reasons": True, "include_trace": True}
    return replay(snapshot, replace(decision, request={**decision.request, "options": options}))


def _items(recorded: tuple[Item, ...], answer: Answer, decision: Decision) -> Iterator[Item]:
    by_score = sorted(answer.items, key=lambda item: (-item.score, item.rank))
    places = {item.item_id: place for place, item in enumerate(by_score, 1)}
    teams = decision.teams or (None,) * len(recorded)
    for item, ranked, team in zip(recorded, answer.items, teams, strict=True):
        yield _explained_item(item, ranked, place=places[item.item_id], team=team)


def _explained_item(item: Item, ranked: Ranked, *, place: int, team: str | None) -> Item:
    parts = ranked.explain
    return replace(
        item,
        score=ranked.score,
        by_score=place,
        signals={name: value for name, value in parts.signals.items() if value} if parts else None,
        rules=parts.rules if parts else (),
        reasons=ranked.reasons or (),
        team=team,
    )


def _left_out(answer: Answer) -> Iterator[LeftOut]:
    of = {step.get("variant"): step["items"] for step in answer.trace or () if step["step"] == "candidates"}
    for step in answer.trace or ():
        if step["step"] == "exclusions":
            variant = step.get("variant")
            yield LeftOut(
                of=of[variant],
                out=step["out"],
                blocked=step["blocked"],
                excluded=len(step["excluded"]),
                variant=variant,
            )


def _weights(answer: Answer) -> Mapping[str, float]:
    """Return the weights of the signals; of an interleaved answer there are two, and its config says them."""
    found = [step["weights"] for step in answer.trace or () if step["step"] == "score" and "variant" not in step]
    return found[0] if found else {}


def _notices(decision: Decision) -> tuple[Notice, ...]:
    """Return what the answer said beside the ranking's own warnings, as far as its record tells."""
    of_rung: tuple[Notice, ...] = next((NOTICES[rung] for rung in get_args(Rung) if rung == decision.rung), ())
    return (*of_rung, HISTORY_BEST_EFFORT) if "tail" in decision.history_from else of_rung


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
