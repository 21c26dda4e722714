"""Symptom: the service is up and recommendations are empty."""

from collections.abc import Sequence

import msgspec

from recsys.documents import Rule, read_rules
from recsys.events.observed import GenerationStats, Sample
from recsys.operations.doctor import levers
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.doctor.whatif import again, with_lever
from recsys.operations.imagined import Imagined
from recsys.operations.thresholds import THRESHOLDS
from recsys.releases import Release
from recsys.releases.record import artifacts_of

__all__ = ["check_empty", "vanished"]

_SAMPLE = 25
_LOOK = (
    "look at the warnings of an empty answer, and at the step that dropped an item: recsys why REQUEST_ID --not ITEM"
)
_LEVERS = ("rules", "config", "artifacts")  # smallest reach first


def check_empty(case: Case, surface: str) -> Finding | None:
    """Find why answers are empty.

    Each lever is put back alone, and the empty requests of the log are ranked again: the lever that brings items back
    is the one to pull. Among rules the single guilty one is looked for.
    """
    history = case.served(surface)
    newest = history[-1] if history else None
    if newest is None or newest.answers < THRESHOLDS.min_answers or newest.empty_rate <= THRESHOLDS.empty_rate_degraded:
        return None
    began = _began(history)
    before = [row for row in history if row.generation < began.generation]
    samples = case.observed.sample(surface=surface, generation=newest.generation, empty=True, limit=_SAMPLE)
    finding = Finding(
        tenant=case.tenant,
        symptom="empty-recs",
        surface=surface,
        cause="answers are empty, and no earlier generation is known that answered",
        evidence={
            "empty_rate": round(newest.empty_rate, 4),
            "empty_rate_before": round(before[-1].empty_rate, 4) if before else None,
            "answers": newest.answers,
            "since_generation": began.generation,
            "requests_ranked_again": len(samples),
        },
        runbook="docs/runbooks/empty-recommendations.md",
    )
    if samples and newest.generation < case.head.generation and _mended(case, samples):
        case.not_seen(
            f"{surface}: generation {case.head.generation} answers what generation {newest.generation} did not; "
            f"{THRESHOLDS.min_answers} answers of it are needed to judge by"
        )
        return None
    good_generation = before[-1].generation if before else began.generation - 1
    if good_generation < 1 or not samples:
        return msgspec.structs.replace(finding, next_step=_LOOK)
    return _explained(case, finding, surface, case.releases.read(good_generation), samples)


def vanished(case: Case, surface: str) -> Finding:
    """Tell of a surface that was served once and is not any more: its users get nothing of their own."""
    changed_in = case.head.changed[artifacts_of(surface)]
    gone = case.releases.read(changed_in)
    return Finding(
        tenant=case.tenant,
        symptom="empty-recs",
        surface=surface,
        cause=f"nothing is served on {surface} since generation {changed_in} ({gone.action} by {gone.actor})",
        evidence={"since_generation": changed_in, "reason_given": gone.reason},
        lever="artifacts",
        command=levers.rollback(
            case.tenant, "artifacts", surface=surface, to=changed_in - 1, reason=f"nothing is served on {surface}"
        ),
        runbook="docs/runbooks/empty-recommendations.md",
    )


def _explained(case: Case, finding: Finding, surface: str, good: Release, samples: list[Sample]) -> Finding:
    blobs = Imagined(case.store.blobs)
    answered = {
        lever: _answered(case, with_lever(case.head, good, lever=lever, surface=surface), samples, blobs)
        for lever in _LEVERS
        if with_lever(case.head, good, lever=lever, surface=surface) != case.head
    }
    lever = next((name for name in _LEVERS if answered.get(name, 0.0) >= THRESHOLDS.cured_share), None)
    finding = msgspec.structs.replace(
        finding,
        evidence={**finding.evidence, "answered_with_it_put_back": {k: round(v, 3) for k, v in answered.items()}},
        ruled_out=tuple(_ruled_out(name, answered, good) for name in _LEVERS if name != lever),
    )
    if lever is None:
        cause = f"no single change since generation {good.generation} explains it: look at the requests' constraints"
        return msgspec.structs.replace(finding, cause=cause, next_step=_LOOK)
    changed_in = case.head.changed.get(artifacts_of(surface) if lever == "artifacts" else lever)
    reason = f"empty answers on {surface}"
    guilty = _guilty_rule(case, good, samples, blobs) if lever == "rules" else None
    if guilty is not None:
        what = f"{guilty.target_type} {guilty.target_key}" if guilty.target_key else f"{len(guilty.item_ids)} items"
        return msgspec.structs.replace(
            finding,
            cause=f"rule {guilty.id}, in force since generation {changed_in}, blocks {what} and leaves nothing to show",
            lever="rules",
            command=levers.disable_rule(case.tenant, guilty.id, reason=reason),
        )
    return msgspec.structs.replace(
        finding,
        cause=f"the {lever} of generation {changed_in} leave nothing to show",
        lever=lever,
        command=levers.rollback(case.tenant, lever, surface=surface, to=good.generation, reason=reason),
    )


def _mended(case: Case, samples: list[Sample]) -> bool:
    """Tell whether what is live by now answers requests that came back empty."""
    return _answered(case, case.head, samples, Imagined(case.store.blobs)) >= THRESHOLDS.cured_share


def _guilty_rule(case: Case, good: Release, samples: list[Sample], blobs: Imagined) -> Rule | None:
    """Find the one rule without which the empty requests are answered; ``None`` when it takes more than one."""
    now = read_rules(blobs.read(case.tenant, case.head.rules))
    before = set(read_rules(blobs.read(case.tenant, good.rules)))
    for rule in now:
        if rule.enabled and rule.action == "block" and rule not in before:
            without = blobs.with_rules(case.head, tuple(other for other in now if other.id != rule.id))
            if _answered(case, without, samples, blobs) >= THRESHOLDS.cured_share:
                return rule
    return None


def _answered(case: Case, release: Release, samples: Sequence[Sample], blobs: Imagined) -> float:
    """Return the share of the sampled requests that get items from a release."""
    answers = again(samples, release, blobs=blobs, cache=case.cache)
    return sum(map(bool, answers)) / len(answers)


def _began(history: Sequence[GenerationStats]) -> GenerationStats:
    """Return the first generation of the run of empty ones that is going on."""
    began = history[-1]
    for row in reversed(history):
        if row.empty_rate <= THRESHOLDS.empty_rate_degraded:
            break
        began = row
    return began


def _ruled_out(lever: str, answered: dict[str, float], good: Release) -> str:
    if lever not in answered:
        return f"{lever}: as in generation {good.generation}"
    return f"{lever}: putting them back answers {answered[lever]:.0%} of the empty requests"
