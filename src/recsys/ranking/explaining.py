"""Why an answer is as it is. Reads what the steps left behind and changes nothing."""

from typing import Any

from recsys.ranking.pool import Blend
from recsys.ranking.profile import overlap
from recsys.ranking.request import Explain, Options, Ranked
from recsys.ranking.shelf import Shelf
from recsys.ranking.work import Work

__all__ = ["Told", "explained", "trace_of"]


class Told:
    """One answer being explained."""

    __slots__ = ("blend", "options", "shelf", "work")

    def __init__(self, shelf: Shelf, blend: Blend, work: Work, *, options: Options) -> None:
        self.shelf, self.blend, self.work, self.options = shelf, blend, work, options

    def anchor_of(self, item: int) -> str | None:
        """Return the anchor that says most for an item: the one with the largest weight, ties by id."""
        best: tuple[float, int] | None = None
        for anchor in self.work.anchors:
            items, weights, _ = self.shelf.neighbours("cooc", (anchor,))
            found = weights[items == item]
            if len(found) and (best is None or (-float(found[0]), anchor) < best):
                best = (-float(found[0]), anchor)
        return None if best is None else self.shelf.id_of(best[1])


def explained(told: Told, item: int, rank: int, score: float) -> Ranked:
    """Return a ranked item with what was asked for: reasons, a summary, or all that adds up to its score.

    In ``full`` the values of ``signals`` sum to the score: ``personalization`` and ``rules`` are what those
    steps added or took.
    """
    blend, work = told.blend, told.work
    by_popularity, by_cooc = blend.parts(item)
    lift = blend.standing.lift_of(item)
    fit = 0.0
    if work.taste > 0.0:
        fit = work.taste * overlap(work.profile, told.shelf.labels["tag"].of(item))
    boosts = blend.standing.boosts_on(item)
    pin = work.pin_rules.get(item)
    reasons: tuple[str, ...] | None = None
    if told.options.include_reasons:
        anchor = told.anchor_of(item) if by_cooc > 0.0 else None
        found = (
            f"pinned:{pin}" if pin else "",
            f"together_with:{anchor}" if anchor else "",
            "popular" if by_popularity > 0.0 or item in work.refilled else "",
            "fits_history" if fit > 0.0 else "",
            *(f"boost:{rule}" for rule in boosts),
        )
        reasons = tuple(reason for reason in found if reason)
    if told.options.explain == "none":
        return Ranked(told.shelf.id_of(item), rank, score, reasons)
    signals = {"popularity": by_popularity, "cooc": by_cooc}
    if told.options.explain == "full":
        base = by_popularity + by_cooc
        signals["rules"] = base * lift - base
        signals["personalization"] = base * lift * fit
    else:
        signals = {name: value for name, value in signals.items() if value > 0.0}
    rules = (*((pin,) if pin else ()), *boosts)
    return Ranked(told.shelf.id_of(item), rank, score, reasons, Explain(signals=signals, rules=rules))


def trace_of(shelf: Shelf, blend: Blend, work: Work) -> tuple[dict[str, Any], ...]:
    """Tell each step in order, with what it saw and what it left."""
    evidence, standing = blend.evidence, blend.standing
    tags = shelf.labels["tag"].names
    return (
        {
            "step": "candidates",
            "items": shelf.size,
            "anchors": [shelf.id_of(item) for item in work.anchors],
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
            "weights": {"popularity": blend.w_popularity, "cooc": blend.w_cooc},
            "pool": work.pool,
        },
        {
            "step": "personalization",
            "boost": work.taste,
            "profile": {tags[code]: share for code, share in sorted(work.profile.items())},
        },
        {"step": "pins", "items": {shelf.id_of(item): rule for item, rule in work.pin_rules.items()}},
        {"step": "refill", "items": sorted(shelf.id_of(item) for item in work.refilled)},
    )
