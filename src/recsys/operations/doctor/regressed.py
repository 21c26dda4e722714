"""Symptom: answers are fresh and full, and users like them less, or are surprised by them, since a change."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from recsys.documents import read_rules
from recsys.encoding import canonical, digest
from recsys.events.observed import Clicks, GenerationStats, Sample
from recsys.operations.doctor import levers
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.doctor.weekdays import Compared, compare
from recsys.operations.doctor.whatif import again, overlap, with_lever
from recsys.operations.imagined import Imagined
from recsys.operations.thresholds import THRESHOLDS
from recsys.releases import Release

__all__ = ["Epoch", "check_regressed"]

_SAMPLE = 25
_ENOUGH_ANSWERS = 200  # per side: below it a fall of a third in a click rate of 0.2 is missed more often than seen
_ENOUGH_ITEMS = 10  # fewer different items are a small catalogue, and half of them is chance
_SHOWN_GENERATIONS = 8
_LEVERS = ("rules", "config", "artifacts")


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive generations that served a surface the same content."""

    content: tuple[str, ...]
    generations: tuple[int, ...]
    answers: int
    clicked: int


class _Break(NamedTuple):
    """Two sides of a change: what was served before it, and all that was served since."""

    before: Epoch
    since: Epoch
    clicks: Compared
    coverage: tuple[int, int]

    @property
    def fewer_clicks(self) -> bool:
        compared = self.clicks
        return compared.p_value < THRESHOLDS.ctr_drop_p_value and compared.fell >= THRESHOLDS.ctr_drop_relative

    @property
    def fewer_items(self) -> bool:
        before, now = self.coverage
        return before >= _ENOUGH_ITEMS and now <= (1 - THRESHOLDS.coverage_drop_relative) * before


def check_regressed(case: Case, surface: str) -> Finding | None:
    """Compare what is served since each change with what was served before it, the newest change first, and name the
    lever of the change since which people click less, or lists show far fewer items.
    """
    epochs = _epochs(case, surface)
    if len(epochs) < 2:
        return None
    newest = epochs[-1]
    compared = 0
    for at in range(len(epochs) - 1, 0, -1):
        before, since = _sides(epochs, at)
        if before is None or since.answers < _ENOUGH_ANSWERS:
            continue
        compared += 1
        found = _break(case, surface, before, since)
        if found.fewer_clicks and not _still(case, surface, newest, found):
            continue  # what is served now is liked as before: the fall is over
        if found.fewer_clicks or found.fewer_items:
            finding = _finding(case, surface, found, epochs)
            if finding is not None:
                return finding
    if not compared or newest.answers < _ENOUGH_ANSWERS:
        case.not_seen(
            f"{surface}: {newest.answers} answers since generation {newest.generations[0]}; "
            f"{_ENOUGH_ANSWERS} are needed there and before to compare click rates"
        )
    return None


def _sides(epochs: Sequence[Epoch], at: int) -> tuple[Epoch | None, Epoch]:
    """Return what was served before the change that began an epoch, whenever it was, and all that was served since;
    ``None`` for a side that cannot be compared.
    """
    last, now = epochs[at - 1], epochs[-1]
    same = _pooled([epoch for epoch in epochs[:at] if epoch.content == last.content])
    usable = last.content != now.content and same.clicked and same.answers >= _ENOUGH_ANSWERS
    return (same if usable else None), _pooled(epochs[at:])


def _pooled(epochs: Sequence[Epoch]) -> Epoch:
    return Epoch(
        content=epochs[-1].content,
        generations=tuple(generation for epoch in epochs for generation in epoch.generations),
        answers=sum(epoch.answers for epoch in epochs),
        clicked=sum(epoch.clicked for epoch in epochs),
    )


def _break(case: Case, surface: str, before: Epoch, since: Epoch) -> _Break:
    answers = min(before.answers, since.answers)
    coverage = [case.observed.coverage(surface, side.generations, answers=answers) for side in (before, since)]
    clicks = compare(case, surface, before.generations, since.generations)
    return _Break(before, since, clicks, (coverage[0], coverage[1]))


def _still(case: Case, surface: str, newest: Epoch, found: _Break) -> bool:
    """Tell whether what is served now, alone, is clicked on less as well; with too few answers it is taken for so."""
    now: Clicks = case.observed.clicks(surface, newest.generations)
    return now.answers < _ENOUGH_ANSWERS or now.rate <= (1 - THRESHOLDS.ctr_drop_relative) * found.clicks.expected


def _finding(case: Case, surface: str, found: _Break, epochs: Sequence[Epoch]) -> Finding | None:
    last, first = found.before.generations[-1], found.since.generations[0]
    good, bad = case.releases.read(last), case.releases.read(first)
    moved = [
        lever
        for lever in _LEVERS
        if with_lever(bad, good, lever=lever, surface=surface) != bad
        and with_lever(case.head, good, lever=lever, surface=surface) != case.head
    ]
    if not moved:
        return None  # it was put back since
    clicks, (items_before, items_now) = found.clicks, found.coverage
    samples = case.observed.sample(surface=surface, generation=found.since.generations[-1], limit=_SAMPLE)
    lever, lists = _lever(case, surface, good, moved, samples)
    if found.fewer_clicks:
        what = f"users click {clicks.fell:.0%} less on {surface}"
        reason = f"{clicks.fell:.0%} fewer clicks since {first}"
        ruled_out = ("empty answers: the rate is normal", *clicks.ruled_out())
    else:
        what = f"lists of {surface} show {items_now} different items where they showed {items_before}"
        reason = f"half as many different items since {first}"
        ruled_out = (
            "empty answers: the rate is normal",
            f"clicks: {clicks.now.rate:.3f}, {clicks.before.rate:.3f} before",
        )
    still = tuple(f"{name}: as in generation {last}" for name in _LEVERS if name not in moved)
    return Finding(
        tenant=case.tenant,
        symptom="regressed",
        surface=surface,
        cause=f"{what} since generation {first} changed its {lever}",
        evidence={
            **clicks.evidence(),
            "items_shown_before": items_before,
            "items_shown_now": items_now,
            "generation_before": last,
            "generation_now": first,
            "changed_by": bad.actor,
            "changed_at": bad.at,
            "reason_given": bad.reason,
            "clicked_by_generation": _by_generation(epochs),
            **lists,
        },
        ruled_out=(*ruled_out, *still),
        lever=lever,
        command=levers.rollback(case.tenant, lever, surface=surface, to=last, reason=reason),
        runbook="docs/runbooks/relevance-regressed.md",
    )


def _by_generation(epochs: Sequence[Epoch]) -> dict[str, str]:
    """Write the click rate either side of each of the newest changes."""
    return {
        str(epoch.generations[0]): f"{epoch.clicked / epoch.answers:.3f} of {epoch.answers}"
        for epoch in epochs[-_SHOWN_GENERATIONS:]
    }


def _epochs(case: Case, surface: str) -> list[Epoch]:
    epochs = []
    for content, rows in groupby(case.served(surface), key=lambda row: _content_of(case, surface, row)):
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
