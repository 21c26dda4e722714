"""Simulations: worlds where the truth is known, and how often the statistics are right about it.

Each counts something over many trials, against the 99.9% bounds of its binomial distribution. The short form is for
every run of the tests, the full one for ``make statistics``; both are seeded, so they find the same each time.
"""

import zlib
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats
from tests.statistics.worlds import assigning, comparing, judging, looking, preferring, weighing

Demand = Literal["equal", "at most", "at least", "wrong"]
Scale = Literal["short", "full"]
BOUNDS = 0.999


class Simulation(NamedTuple):
    """``hits`` counts over trials. ``demand`` ``wrong``: a method that is not ours, and must be seen to fail.

    ``p_value``: nothing is counted; ``hits`` returns the p-value of a test over all trials.
    """

    name: str
    nominal: float
    demand: Demand
    short: int
    full: int
    hits: Callable[[np.random.Generator, int], float]
    p_value: bool = False

    def run(self, scale: Scale) -> "Found":
        trials = self.short if scale == "short" else self.full
        seen = self.hits(np.random.default_rng(zlib.crc32(self.name.encode())), trials)
        if self.p_value:
            return Found(self, trials, seen, self.nominal, 1.0)
        low, high = (float(end) / trials for end in stats.binom.interval(BOUNDS, trials, self.nominal))
        if self.demand in ("at most", "at least"):
            # One side alone can be broken, so all of the 0.1% lies there.
            high = stats.binom.ppf(BOUNDS, trials, self.nominal) / trials if self.demand == "at most" else 1.0
            low = stats.binom.ppf(1 - BOUNDS, trials, self.nominal) / trials if self.demand == "at least" else 0.0
        return Found(self, trials, seen / trials, low, high)


class Found(NamedTuple):
    """``measured`` within ``low`` and ``high`` is what is demanded, and outside of them where it must be wrong."""

    simulation: Simulation
    trials: int
    measured: float
    low: float
    high: float

    @property
    def sound(self) -> bool:
        within = self.low <= self.measured <= self.high
        return within != (self.simulation.demand == "wrong")

    @property
    def verdict(self) -> str:
        if self.simulation.demand == "wrong":
            return "wrong, as it must be" if self.sound else "not seen to be wrong"
        return "holds" if self.sound else "BROKEN"


def _coverage(name: str, hits: Callable, *, full: int = 4000, nominal: float = 0.95, short: int = 100) -> Simulation:
    return Simulation(name, nominal, "equal", short, full, hits)


SIMULATIONS: tuple[Simulation, ...] = (
    # Intervals.
    _coverage("interval of a rate, units as clusters", comparing.rate),
    Simulation(
        "interval of a rate, requests taken as independent", 0.95, "wrong", 200, 4000, comparing.rate_of_requests
    ),
    _coverage("paired change of a ranking metric", comparing.paired),
    _coverage("difference of rates, fixed", comparing.rates()),
    _coverage("difference of skewed money, fixed", comparing.money()),
    _coverage("relative difference of rates, fixed", comparing.rates(relative=True)),
    _coverage("difference of rates with CUPED, fixed", comparing.cuped, full=2000),
    _coverage("p50 of units that come often", comparing.quantiles(0.5)),
    _coverage("p95 of units that come often", comparing.quantiles(0.95)),
    _coverage("difference of p95, fixed", comparing.quantile_difference(0.95), full=2000),
    Simulation("exact interval of a share", 0.95, "at least", 200, 10_000, comparing.exact_share),
    # Tests of experiments.
    *(
        Simulation(f"A/A re-splits: false positives, {metric}", 0.05, "equal", 1000, 10_000, assigning.resplits(metric))
        for metric in ("clicks", "money")
    ),
    *(
        Simulation(
            f"A/A re-splits: p-values uniform (KS), {metric}", 0.001, "equal", 1000, 10_000,
            assigning.uniform(metric), p_value=True,
        )
        for metric in ("clicks", "money")
    ),
    Simulation(
        "A/A, requests taken as independent", 0.05, "wrong", 200, 4000, assigning.requests_as_units
    ),
    Simulation("Holm: any false rejection of 5", 0.05, "at most", 200, 10_000, assigning.corrected("holm")),
    Simulation(
        "Benjamini–Hochberg: share of false rejections", 0.05, "at most", 200, 10_000,
        assigning.corrected("benjamini_hochberg"),
    ),
    Simulation("power: the smallest effect found is found", 0.8, "equal", 200, 4000, comparing.detectable),
    Simulation("power: units for 10% to 11%", 0.8, "equal", 50, 4000, comparing.shares_power),
    Simulation(
        "guardrail: harm at its margin passes, fixed", 0.025, "equal", 200, 10_000, comparing.at_margin
    ),
    Simulation("guardrail: power to pass without harm", 0.8, "equal", 200, 4000, comparing.within_margin),
    Simulation(
        "whole evaluations, nothing differs: shipped at the planned look", 0.025, "equal", 2, 200, judging.shipped
    ),
    # Looks at any time.
    Simulation("peeking after every unit: equal rates", 0.05, "at most", 60, 4000, looking.equal_rates(0.3, 0.5)),
    Simulation(
        "peeking after every unit: rare clicks, a tenth in the candidate", 0.05, "at most", 60, 4000,
        looking.equal_rates(0.02, 0.1),
    ),
    Simulation(
        "peeking after every unit: rare clicks, by each arm's own variance", 0.05, "wrong", 60, 1000,
        looking.own_variances,
    ),
    Simulation("peeking after every unit: skewed money", 0.05, "at most", 60, 4000, looking.equal_money),
    Simulation(
        "peeking with a fixed interval", 0.05, "wrong", 60, 1000, looking.equal_rates(0.3, 0.5, inference="fixed")
    ),
    Simulation("sequential interval holds the truth at every look", 0.05, "at most", 60, 4000, looking.unequal_rates),
    Simulation(
        "relative sequential interval holds the truth at every look", 0.05, "at most", 60, 4000,
        looking.unequal_rates_relative,
    ),
    Simulation("ceiling: a rate at it is aborted at some look", 0.025, "at most", 60, 4000, looking.ceiling),
    Simulation("guardrail: harm at its margin passes at some look", 0.025, "at most", 4, 600, looking.margin),
    # Sample ratio.
    Simulation("sample ratio, chi-square", 0.01, "equal", 1000, 40_000, assigning.mismatch((0.5, 0.5), 20_000)),
    Simulation("sample ratio, three arms", 0.01, "equal", 1000, 40_000, assigning.mismatch((0.8, 0.1, 0.1), 20_000)),
    Simulation("sample ratio, exact", 0.05, "at most", 500, 20_000, assigning.mismatch((0.9, 0.1), 30, alpha=0.05)),
    Simulation("sample ratio, the rule that holds", 0.001, "at most", 1000, 40_000, assigning.rule),
    Simulation("sample ratio after every unit, sequential", 0.01, "at most", 60, 1000, assigning.every_unit),
    Simulation("sample ratio after every unit, chi-square", 0.01, "wrong", 60, 400, assigning.every_unit_chi_square),
    # Interleaving.
    Simulation("equal rankers: share of units the candidate wins", 0.5, "equal", 300, 20_000, preferring.wins),
    Simulation("equal rankers: sign test", 0.05, "at most", 100, 4000, preferring.sign_test),
    Simulation("equal rankers: swapped sides", 0.05, "at most", 20, 400, preferring.swapped),
    Simulation("equal rankers: peeking after every unit", 0.05, "at most", 60, 2000, preferring.every_unit),
    # Off-policy.
    *(
        _coverage(f"off-policy `{name}`: coverage", weighing.coverage(name), short=30, full=3000)
        for name in weighing.ESTIMATORS
    ),
    *(
        Simulation(
            f"off-policy `{name}`: bias (p-value of none)", 0.001, "equal", 30, 3000, weighing.bias(name), p_value=True
        )
        for name in weighing.ESTIMATORS
        if name != "dm"  # its model is drawn to the mean by a penalty, so it is biased by what it is
    ),
    Simulation("off-policy without weights: coverage", 0.95, "wrong", 20, 400, weighing.unweighted),
)  # fmt: skip


HEAD = "| simulation | nominal | measured | 99.9% bounds | trials | verdict |\n|---|---|---|---|---|---|"


def line(found: Found) -> str:
    """The row of the page."""
    one = found.simulation
    nominal = f"{one.demand} {one.nominal:g}" if one.demand in ("at most", "at least") else f"{one.nominal:g}"
    if one.p_value:
        nominal = f"p ≥ {one.nominal:g}"
    measured, low, high = (f"{figure:.4f}" for figure in (found.measured, found.low, found.high))
    return f"| {one.name} | {nominal} | {measured} | {low}–{high} | {found.trials:,} | {found.verdict} |"
