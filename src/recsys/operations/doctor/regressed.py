"""Symptom: answers are fresh and full, and users like them less since a change."""

import math
from collections.abc import Sequence
from itertools import groupby

import msgspec

from recsys.documents import read_rules
from recsys.encoding import canonical, digest
from recsys.operations.doctor import levers
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.doctor.whatif import Imagined, again, overlap, with_lever
from recsys.operations.observed import GenerationStats, Sample
from recsys.operations.thresholds import THRESHOLDS
from recsys.releases import Release

__all__ = ["Epoch", "check_regressed", "two_proportions"]

_SAMPLE = 25
_ENOUGH_ANSWERS = 200  # per side: below it a fall of a third in a click rate of 0.2 is missed more often than seen


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive generations that served a surface the same content."""

    content: tuple[str, ...]
    first: int
    last: int
    answers: int
    clicked: int

    @property
    def ctr(self) -> float:
        """Share of answers with a click; denominator: served."""
        return self.clicked / self.answers


def check_regressed(case: Case, surface: str) -> Finding | None:
    """Compare the click rate of what is served now with what was served before it, and name the lever between them."""
    epochs = _epochs(case, surface)
    if len(epochs) < 2:
        return None
    now = epochs[-1]
    before = _before(epochs)
    if before is None or now.answers < _ENOUGH_ANSWERS:
        case.unseen.append(
            f"{surface}: {now.answers} answers since generation {now.first}; {_ENOUGH_ANSWERS} are needed there and "
            "before to compare click rates"
        )
        return None
    p_value = two_proportions(before.clicked, before.answers, now.clicked, now.answers)
    fell = 1 - now.ctr / before.ctr if before.ctr else 0.0
    if p_value >= THRESHOLDS.ctr_drop_p_value or fell < THRESHOLDS.ctr_drop_relative:
        return None
    good, bad = case.releases.read(before.last), case.releases.read(now.first)
    evidence: dict[str, object] = {
        "ctr_before": round(before.ctr, 4),
        "ctr_now": round(now.ctr, 4),
        "fell": round(fell, 3),
        "p_value": float(f"{p_value:.2g}"),
        "answers_before": before.answers,
        "answers_now": now.answers,
        "generation_before": before.last,
        "generation_now": now.first,
        "changed_by": bad.actor,
        "changed_at": bad.at,
        "reason_given": bad.reason,
    }
    moved = [
        lever
        for lever in ("rules", "config", "artifacts")
        if with_lever(bad, good, lever=lever, surface=surface) != bad
    ]
    samples = case.observed.sample(surface=surface, generation=now.last, limit=_SAMPLE)
    lever, lists = _lever(case, surface, good, moved, samples)
    evidence |= lists
    still = tuple(
        f"{name}: as in generation {before.last}" for name in ("rules", "config", "artifacts") if name not in moved
    )
    return Finding(
        tenant=case.tenant,
        symptom="regressed",
        surface=surface,
        cause=f"users click {fell:.0%} less on {surface} since generation {now.first} changed its {lever}",
        evidence=evidence,
        ruled_out=("empty answers: the rate is normal", *still),
        lever=lever,
        command=levers.rollback(
            case.tenant, lever, surface=surface, to=before.last, reason=f"{fell:.0%} fewer clicks since {now.first}"
        ),
        runbook="docs/runbooks/relevance-regressed.md",
    )


def two_proportions(successes_a: int, n_a: int, successes_b: int, n_b: int) -> float:
    """Return the two-sided p-value of the pooled two-proportion z-test (Fleiss, Levin & Paik 2003, section 3.2)."""
    pooled = (successes_a + successes_b) / (n_a + n_b)
    spread = (pooled * (1 - pooled) * (1 / n_a + 1 / n_b)) ** 0.5
    if spread == 0:
        return 1.0
    return math.erfc(abs(successes_a / n_a - successes_b / n_b) / spread / math.sqrt(2))


def _epochs(case: Case, surface: str) -> list[Epoch]:
    epochs = []
    for content, rows in groupby(case.observed.generations(surface), key=lambda row: _content_of(case, surface, row)):
        members = list(rows)
        epochs.append(
            Epoch(
                content=content,
                first=members[0].generation,
                last=members[-1].generation,
                answers=sum(row.answers for row in members),
                clicked=sum(row.clicked for row in members),
            )
        )
    return epochs


def _before(epochs: Sequence[Epoch]) -> Epoch | None:
    """Return the newest other content with enough answers, with the answers of every epoch that served it."""
    now = epochs[-1]
    for last in reversed(epochs[:-1]):
        same = [epoch for epoch in epochs if epoch.content == last.content]
        answers = sum(epoch.answers for epoch in same)
        if last.content != now.content and last.clicked and answers >= _ENOUGH_ANSWERS:
            return msgspec.structs.replace(last, answers=answers, clicked=sum(epoch.clicked for epoch in same))
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
