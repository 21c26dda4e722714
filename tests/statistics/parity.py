"""The same figures by ours and by an oracle: another library, made for its field.

``ours`` needs nothing but the suite and is fast; ``oracle`` imports its library when it is called. Both return the same
figures in the same order, from the same seeded data.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.statistics.oracles import counts, differences, experiments, open_bandit, ranking

Figures = Sequence[float]


class Parity(NamedTuple):
    """``within``: how far the two may lie apart, as a part of the oracle's. ``note``: where definitions differ."""

    name: str
    library: str
    ours: Callable[[], Figures]
    oracle: Callable[[], Figures]
    within: float = 1e-9
    note: str = ""


_SLOPE = "the slope is taken within arms here, over both arms together there; equal where the arms were alike before"


def _frozen(*names: str) -> Callable[[], Figures]:
    """Figures of a library that cannot stand beside ours: it was asked once, see ``freeze_open_bandit.py``."""
    return functools.partial(open_bandit.oracle, *names)


PARITIES: tuple[Parity, ...] = (
    *(
        Parity(
            f"`{name}`, request by request and as means",
            "ir-measures",
            functools.partial(ranking.ours_ranked, name),
            functools.partial(ranking.oracle_ranked, name),
            within=1e-8,
        )
        for name in ranking.RANKING
    ),
    Parity("difference of means, Welch's t", "statsmodels", differences.ours_means, differences.oracle_means),
    Parity("ratio of sums, units as clusters", "statsmodels", differences.ours_ratio, differences.oracle_ratio),
    Parity(
        "smallest effect found; units needed",
        "statsmodels",
        counts.ours_power,
        counts.oracle_power,
        within=1e-3,
        note="units equal; an effect found with the wrong sign counts as found there",
    ),
    Parity(
        "units for two shares",
        "statsmodels",
        counts.ours_units,
        counts.oracle_units,
    ),
    Parity(
        "Holm, Benjamini–Hochberg",
        "statsmodels",
        counts.ours_corrections,
        counts.oracle_corrections,
    ),
    Parity("exact interval of a share", "statsmodels", counts.ours_intervals, counts.oracle_intervals),
    Parity("sample ratio: chi-square, exact when small", "statsmodels, scipy", counts.ours_arms, counts.oracle_arms),
    Parity("sign test, swapped sides", "statsmodels, scipy", counts.ours_votes, counts.oracle_votes),
    Parity(
        "difference of means, absolute and relative",
        "tea-tasting",
        differences.ours_mean,
        differences.tea_mean,
    ),
    Parity(
        "difference of ratios (delta method)",
        "tea-tasting",
        differences.ours_ratios,
        differences.tea_ratio,
    ),
    Parity(
        "CUPED of a mean, arms alike before",
        "tea-tasting",
        functools.partial(differences.cuped, "y", "one", "x"),
        differences.tea_cuped_mean,
    ),
    Parity(
        "CUPED of a ratio",
        "tea-tasting",
        functools.partial(differences.cuped, "y", "n", "shifted"),
        differences.tea_cuped_ratio,
        within=0.2,
        note=_SLOPE,
    ),
    Parity(
        "experiment from its log: plain and CUPED",
        "tea-tasting",
        experiments.ours_experiment,
        experiments.oracle_experiment,
        within=0.1,
        note=_SLOPE,
    ),
    Parity(
        "quantiles and the width of their difference's interval",
        "tea-tasting",
        differences.ours_quantiles,
        differences.oracle_quantiles,
        within=0.1,
        note="Woodruff's interval here, a bootstrap there",
    ),
    Parity("`sips`, `rips`, `snsips` from a log", "obp", open_bandit.from_log, _frozen("sips", "rips", "snsips")),
    Parity("`iips`", "obp", open_bandit.iips, _frozen("iips")),
    Parity(
        "`sniips`, `snrips` of one place",
        "obp",
        open_bandit.by_place,
        _frozen("sniips by place", "snrips by place"),
        note="a list is normalised by the mean weight of all its places here, place by place there",
    ),
    Parity("`dm`, `dr`", "obp", open_bandit.models, _frozen("dm", "dr"), within=1e-6),
)


def apart(ours: Figures, oracle: Figures) -> float:
    """How far they lie apart at most, as a part of the oracle's figure; of figures below 1e-12, absolutely."""
    assert len(ours) == len(oracle)
    return max(
        abs(one - other) / (abs(other) if abs(other) > 1e-12 else 1.0) for one, other in zip(ours, oracle, strict=True)
    )


HEAD = "| figures | oracle | agree to | |\n|---|---|---|---|"
MOST = 12
"""Digits beyond which two ways to add up differ by rounding alone."""


def line(parity: Parity, ours: Figures, said: Figures) -> str:
    """The row of the page."""
    by = apart(ours, said)
    digits = MOST if by == 0 else min(MOST, math.floor(-math.log10(by)))
    agree = f"{digits} digits" if digits >= 2 else f"within {by:.1%}"
    return f"| {parity.name} | {parity.library} | {agree} | {parity.note} |"
