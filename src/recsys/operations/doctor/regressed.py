"""Symptom: answers are fresh and full, and users like them less since a change."""

import math
from collections.abc import Sequence
from itertools import groupby

import msgspec

from recsys.documents import read_rules
from recsys.encoding import canonical, digest
from recsys.events.observed import Clicks, GenerationStats, Sample
from recsys.operations.doctor import levers
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.doctor.whatif import Imagined, again, overlap, with_lever
from recsys.operations.thresholds import THRESHOLDS
from recsys.releases import Release

__all__ = ["Epoch", "check_regressed", "difference"]

_SAMPLE = 25
_ENOUGH_ANSWERS = 200  # per side: below it a fall of a third in a click rate of 0.2 is missed more often than seen


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive generations that served a surface the same content."""

    content: tuple[str, ...]
    generations: tuple[int, ...]
    answers: int
    clicked: int


def check_regressed(case: Case, surface: str) -> Finding | None:
    """Compare the click rate of what is served now with what was served before it, and name the lever between them."""
    epochs = _epochs(case, surface)
    if len(epochs) < 2:
        return None
    newest, older = epochs[-1], _before(epochs)
    first = newest.generations[0]
    if older is None or newest.answers < _ENOUGH_ANSWERS:
        case.unseen.append(
            f"{surface}: {newest.answers} answers since generation {first}; {_ENOUGH_ANSWERS} are needed there and "
            "before to compare click rates"
        )
        return None
    now = case.observed.clicks(surface, newest.generations)
    before = case.observed.clicks(surface, older.generations)
    p_value = difference(before, now)
    fell = 1 - now.rate / before.rate if before.rate else 0.0
    if p_value >= THRESHOLDS.ctr_drop_p_value or fell < THRESHOLDS.ctr_drop_relative:
        return None
    last = older.generations[-1]
    good, bad = case.releases.read(last), case.releases.read(first)
    evidence: dict[str, object] = {
        "ctr_before": round(before.rate, 4),
        "ctr_now": round(now.rate, 4),
        "fell": round(fell, 3),
        "p_value": float(f"{p_value:.2g}"),
        "answers_before": before.answers,
        "answers_now": now.answers,
        "people_before": before.people,
        "people_now": now.people,
        "generation_before": last,
        "generation_now": first,
        "changed_by": bad.actor,
        "changed_at": bad.at,
        "reason_given": bad.reason,
    }
    moved = [
        lever
        for lever in ("rules", "config", "artifacts")
        if with_lever(bad, good, lever=lever, surface=surface) != bad
    ]
    samples = case.observed.sample(surface=surface, generation=newest.generations[-1], limit=_SAMPLE)
    lever, lists = _lever(case, surface, good, moved, samples)
    evidence |= lists
    still = tuple(f"{name}: as in generation {last}" for name in ("rules", "config", "artifacts") if name not in moved)
    return Finding(
        tenant=case.tenant,
        symptom="regressed",
        surface=surface,
        cause=f"users click {fell:.0%} less on {surface} since generation {first} changed its {lever}",
        evidence=evidence,
        ruled_out=("empty answers: the rate is normal", *still),
        lever=lever,
        command=levers.rollback(
            case.tenant, lever, surface=surface, to=last, reason=f"{fell:.0%} fewer clicks since {first}"
        ),
        runbook="docs/runbooks/relevance-regressed.md",
    )


def difference(a: Clicks, b: Clicks) -> float:
    """Return the two-sided p-value of the difference of two click rates, by the normal approximation.

    People seen on both sides make the true variance smaller than the sum of the two: the test is then the stricter.
    """
    spread = math.sqrt(a.variance + b.variance)
    return math.erfc(abs(a.rate - b.rate) / spread / math.sqrt(2)) if spread else 1.0


def _epochs(case: Case, surface: str) -> list[Epoch]:
    epochs = []
    for content, rows in groupby(case.observed.generations(surface), key=lambda row: _content_of(case, surface, row)):
        members = list(rows)
        epochs.append(
            Epoch(
                content=content,
                generations=tuple(row.generation for row in members),
                answers=sum(row.answers for row in members),
                clicked=sum(row.clicked for row in members),
            )
        )
    return epochs


def _before(epochs: Sequence[Epoch]) -> Epoch | None:
    """Return the newest other content with enough answers, with the generations of every epoch that served it."""
    now = epochs[-1]
    for last in reversed(epochs[:-1]):
        same = [epoch for epoch in epochs if epoch.content == last.content]
        answers = sum(epoch.answers for epoch in same)
        if last.content != now.content and last.clicked and answers >= _ENOUGH_ANSWERS:
            generations = tuple(generation for epoch in same for generation in epoch.generations)
            return msgspec.structs.replace(last, generations=generations, answers=answers)
    return None


def _content_of(case: Case, surface: str, row: GenerationStats) -> tuple[str, ...]:
    """Name what can change an answer; a rule that is switched off cannot."""
    release = case.releases.read(row.generation)
    rules = read_rules(case.store.blobs.read(case.tenant, release.rules))
    served = release.surfaces.get(surface)
    enabled = digest(canonical([rule for rule in rules if rule.enabled]))
    return release.config, enabled, (served.manifest if served else None) or ""


def _lever(
    case: Case, surface: str, good: Release, moved: Sequence[str], samples: Sequence[Sample]
) -> tuple[str, dict[str, object]]:
    """Say which lever moved the lists, with evidence: putting it back alone brings the old lists back most nearly."""
    blobs = Imagined(case.store.blobs)
    old_lists = again(samples, good, blobs=blobs, cache=case.cache)
    served = [sample.item_ids for sample in samples]
    restored = {
        lever: overlap(
            again(samples, with_lever(case.head, good, lever=lever, surface=surface), blobs=blobs, cache=case.cache),
            old_lists,
        )
        for lever in moved
    }
    evidence: dict[str, object] = {
        "requests_ranked_again": len(samples),
        "overlap_with_before": round(overlap(served, old_lists), 3),
        "overlap_with_it_put_back": {lever: round(share, 3) for lever, share in restored.items()},
    }
    return max(moved, key=lambda lever: restored[lever]), evidence
