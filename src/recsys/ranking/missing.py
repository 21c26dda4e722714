"""Why an item is not in an answer: the first step that dropped it, in the order of work of `recsys.ranking.core`."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from recsys.ranking.conditions import Conditions
from recsys.ranking.diversity import Caps
from recsys.ranking.pool import Blend
from recsys.ranking.profile import overlap
from recsys.ranking.work import Work

__all__ = ["Missing", "Step", "first_drop"]

Step = Literal[
    "shown",
    "candidates",
    "exclusions",
    "conditions",
    "score",
    "personalization",
    "diversity",
    "exploration",
    "pins",
]


class Missing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one item in one answer.

    ``step`` is the first that dropped it, or ``shown``. ``score``: what it would be ranked by, where it came so far;
    ``place``: its place by that among all that may be shown, from 1; ``needed``: the score of the last that was shown
    by its score. ``variant``: of an interleaved answer, whose list this is about.
    """

    item_id: str
    step: Step
    because: str
    score: float | None = None
    place: int | None = None
    needed: float | None = None
    rules: tuple[str, ...] = ()
    variant: str | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as its steps left it. ``places``: items in the order shown. ``left_out``: what the request named to be
    left out. ``blocking``: rules that keep the item out; ``withdrawn``: whether it is.
    """

    blend: Blend
    caps: Caps
    conditions: Conditions | None
    work: Work
    places: Sequence[int]
    k: int
    left_out: frozenset[str]
    blocking: tuple[str, ...]
    withdrawn: bool


def first_drop(item_id: str, facts: Facts) -> Missing:
    """Return the first step that dropped an item."""
    item = facts.blend.shelf.find(item_id)
    if item is None:
        return Missing(
            item_id=item_id,
            step="candidates",
            because="this release knows no such item: no signal and no catalogue has it",
        )
    if item in facts.places:
        place = facts.places.index(item) + 1
        return Missing(item_id=item_id, step="shown", because=f"it was shown at place {place}")
    dropped = _excluded(item, item_id, facts) or _conditioned(item, item_id, facts)
    if dropped is not None:
        return dropped
    score = _score(item, facts)
    if score <= 0.0:
        because = "no signal says anything for it here: it is nobody's neighbour, and its popularity counts nothing"
        if facts.blend.standing.lift_of(item) == 0.0:
            because = "a rule boosts it to nothing"
        rules = tuple(facts.blend.standing.boosts_on(item))
        return Missing(item_id=item_id, step="score", because=because, score=score, rules=rules)
    return _outranked(item, item_id, score, facts)


def _excluded(item: int, item_id: str, facts: Facts) -> Missing | None:
    standing, work = facts.blend.standing, facts.work
    if standing.out[item]:
        if facts.withdrawn:
            because = "it is withdrawn: no release shows it"
        elif facts.blend.shelf.unavailable[item]:
            because = "the catalogue says that it is not available"
        else:
            because = f"blocked by {', '.join(facts.blocking)}"
            return Missing(item_id=item_id, step="exclusions", because=because, rules=facts.blocking)
        return Missing(item_id=item_id, step="exclusions", because=because)
    if item not in work.excluded:
        return None
    if item_id in facts.left_out:
        because = "the request left it out (candidates.exclude_ids)"
    elif item in work.anchored.items:
        because = "it is what the page is about, or the visitor has it (an anchor)"
    else:
        because = "the visitor has seen or had it (the config's exclude_seen)"
    return Missing(item_id=item_id, step="exclusions", because=because)


def _conditioned(item: int, item_id: str, facts: Facts) -> Missing | None:
    conditions = facts.conditions
    if conditions is None:
        return None
    failing = conditions.failing(item)
    if not failing:
        return None
    return Missing(item_id=item_id, step="conditions", because=f"the request asks for other: {', '.join(failing)}")


def _score(item: int, facts: Facts) -> float:
    work, blend = facts.work, facts.blend
    score = blend.of(item)
    if work.taste > 0.0:
        score *= 1.0 + work.taste * overlap(work.profile, blend.shelf.labels["tag"].of(item))
    return score


def _outranked(item: int, item_id: str, score: float, facts: Facts) -> Missing:
    work = facts.work
    wanted = facts.k - len(work.pinned)
    place = _place(item, facts)
    step, because = _beaten(item, place, wanted, facts)
    return Missing(
        item_id=item_id,
        step=step,
        because=because,
        score=score,
        place=place,
        needed=min((-minus for minus, _ in work.order[:wanted]), default=None),
        rules=tuple(sorted(set(work.pin_rules.values()))) if step == "pins" else (),
    )


def _beaten(item: int, place: int, wanted: int, facts: Facts) -> tuple[Step, str]:
    """Say what gave its place to others, of an item that may be shown."""
    work, chosen = facts.work, [known for _, known in facts.work.order]
    by_score = f"by its score it is in place {place}"
    if item not in chosen and any(known == item for _, known in work.considered):
        labels = facts.blend.shelf.labels
        full = [f"{kind} {labels[kind].names[code]} ({limit})" for kind, code, limit in facts.caps.full(item)]
        if full:
            return "diversity", f"{by_score}, and the list has as many as it may of {', '.join(full)}"
        if place <= wanted:
            return "diversity", f"{by_score}, and others were taken that are less like the ones before them"
    if work.draws is not None and item in chosen[:wanted]:
        return "exploration", f"{by_score}, and chance gave that to others"
    if work.pinned and place <= facts.k:
        return "pins", f"{by_score}, and {len(work.pinned)} of {facts.k} places went to pins"
    if work.taste > 0.0 and (plain := _plain_place(item, facts)) <= wanted:
        return "personalization", f"by what the signals say it is in place {plain}; others fit the visitor better"
    return "score", f"{by_score}, and {wanted} are shown"


def _place(item: int, facts: Facts) -> int:
    """Return an item's place by the score it is ranked by, among all that may be shown."""
    known = [each for _, each in facts.work.considered]
    if item in known:
        return known.index(item) + 1
    return _plain_place(item, facts)


def _plain_place(item: int, facts: Facts) -> int:
    """Return an item's place by its score before personalization, among all that may be shown; ties by item."""
    blend, work = facts.blend, facts.work
    everything = np.arange(blend.shelf.size, dtype=np.int32)
    scores = blend.of_strangers(everything)
    if blend.evidence is not None:
        near = np.unique(blend.evidence.items)
        scores[near] = [blend.of(known) for known in near.tolist()]
    may = ~blend.standing.out
    may[sorted(work.excluded)] = False
    if facts.conditions is not None:
        may &= facts.conditions.keep(everything)
    mine = blend.of(item)
    before = (scores > mine) | ((scores == mine) & (everything < item))
    return int(np.count_nonzero(may & before)) + 1
