"""Why an answer is as it is. Reads what the steps left behind and changes nothing."""

from collections.abc import Iterable
from typing import Any

from recsys.ranking.pool import Blend
from recsys.ranking.profile import overlap
from recsys.ranking.request import Explain, Options, Ranked
from recsys.ranking.shelf import Shelf
from recsys.ranking.work import Work
from recsys.signals import NEIGHBOURS, SIGNALS

__all__ = ["Told", "explained", "trace_of"]


class Told:
    """One answer being explained."""

    __slots__ = ("anchor", "blend", "options", "shelf", "work")

    def __init__(self, shelf: Shelf, blend: Blend, work: Work, *, options: Options, items: Iterable[int]) -> None:
        self.shelf, self.blend, self.work, self.options = shelf, blend, work, options
        reasoned = blend.evidence if options.include_reasons else None
        self.anchor = {} if reasoned is None else reasoned.strongest(items)

    def reason_of(self, signal: str, item: int) -> str:
        """Return the reason a signal gives: by the anchor that says most for an item, ties by id."""
        anchor = self.anchor[signal, item]
        return "had_before" if anchor == item else f"{SIGNALS[signal].reason}:{self.shelf.id_of(anchor)}"


def explained(told: Told, item: int, rank: int, score: float) -> Ranked:
    """Return a ranked item with what was asked for: reasons, a summary, or all that adds up to its score.

    The values of ``signals`` sum to the score: ``rules`` and ``personalization`` are what those steps added or
    took. A summary leaves out what is 0.
    """
    blend, work = told.blend, told.work
    parts = blend.parts(item)
    lift = blend.standing.lift_of(item)
    fit = 0.0
    if work.taste > 0.0:
        fit = work.taste * overlap(work.profile, told.shelf.labels["tag"].of(item))
    boosts = blend.standing.boosts_on(item)
    pin = work.pin_rules.get(item)
    reasons: tuple[str, ...] | None = None
    if told.options.include_reasons:
        found = (
            f"pinned:{pin}" if pin else "",
            "explored" if item in work.explored else "",
            *(told.reason_of(signal, item) for signal in NEIGHBOURS if parts.get(signal, 0.0) > 0.0),
            "popular" if parts["popularity"] > 0.0 or item in work.refilled else "",
            "fits_history" if fit > 0.0 else "",
            *(f"boost:{rule}" for rule in boosts),
        )
        reasons = tuple(reason for reason in found if reason)
    if told.options.explain == "none":
        return Ranked(told.shelf.id_of(item), rank, score, reasons)
    base = sum(parts.values())
    signals = parts | {"rules": base * lift - base, "personalization": base * lift * fit}
    if told.options.explain == "summary":
        signals = {name: value for name, value in signals.items() if value != 0.0}
    rules = (*((pin,) if pin else ()), *boosts)
    return Ranked(told.shelf.id_of(item), rank, score, reasons, Explain(signals=signals, rules=rules))


def trace_of(shelf: Shelf, blend: Blend, work: Work) -> tuple[dict[str, Any], ...]:
    """Tell each step in order, with what it saw and what it left."""
    evidence, standing = blend.evidence, blend.standing
    tags = shelf.labels["tag"].names
    explored = ({"step": "exploration", "propensities": work.propensities},) if work.draws is not None else ()
    return (
        {
            "step": "candidates",
            "items": shelf.size,
            "anchors": [shelf.id_of(item) for item in work.anchored.items],
            "neighbours": 0 if evidence is None else len(evidence.items),
        },
        {
            "step": "exclusions",
            "out": shelf.size - standing.live,
            "blocked": int(standing.blocked.sum()),
            "excluded": sorted(shelf.id_of(item) for item in work.excluded if item not in work.pin_rules),
        },
        {
            "step": "score",
            "weights": blend.weights.by_name(),
            "pool": work.pool,
        },
        {
            "step": "personalization",
            "boost": work.taste,
            "profile": {tags[code]: share for code, share in sorted(work.profile.items())},
        },
        *explored,
        {"step": "pins", "items": {shelf.id_of(item): rule for item, rule in work.pin_rules.items()}},
        {"step": "refill", "items": sorted(shelf.id_of(item) for item in work.refilled)},
    )
