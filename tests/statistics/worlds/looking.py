"""Experiments that are looked at after every unit, from the first look that is allowed.

A trial's looks are all computed at once to find the worst of them; what the suite says of that look is what counts.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from tests.statistics.worlds.comparing import spent

from recsys.evaluation.experiment.config import ExperimentSettings, Guardrail
from recsys.evaluation.experiment.effects import Measures
from recsys.evaluation.experiment.guardrails import guardrails_of
from recsys.evaluation.experiment.trial import Trial
from recsys.evaluation.measuring.metrics import metric_named
from recsys.evaluation.statistics import sequential
from recsys.evaluation.statistics.differences import Difference, Inference, difference
from recsys.evaluation.statistics.ratios import Ratio

Dice = np.random.Generator
Hits = Callable[[Dice, int], float]

UNITS = 8_000
ALPHA = 0.05
RHO = sequential.tuned(ALPHA)


class Path(NamedTuple):
    """Of one arm after every unit of the experiment: how many it has, their mean, and the variance of one."""

    units: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    def at(self, look: int) -> Ratio:
        return Ratio(float(self.mean[look]), float(self.variance[look] / self.units[look]), int(self.units[look]))


def paths(values: np.ndarray, candidate: np.ndarray) -> tuple[Path, Path]:
    return _path(values, ~candidate), _path(values, candidate)


def _path(values: np.ndarray, mine: np.ndarray) -> Path:
    units = np.maximum(np.cumsum(mine), 1)
    kept = np.where(mine, values, 0.0)
    mean = np.cumsum(kept) / units
    spread = np.maximum(np.cumsum(kept * kept) / units - mean**2, 0.0)
    return Path(units, mean, spread * units / np.maximum(units - 1, 1))


def allowed(arms: tuple[Path, Path]) -> np.ndarray:
    return np.minimum(arms[0].units, arms[1].units) >= sequential.LEAST_UNITS


def worst(arms: tuple[Path, Path], *, away: np.ndarray, scale: tuple, pooled: bool = True) -> Difference:
    """What is said at the look where ``away`` lies the most half-widths off; ``scale`` divides each arm's values."""
    control, candidate = arms
    each = [arm.variance for arm in arms]
    if pooled:
        weights = [arm.units - 1 for arm in arms]
        both = (weights[0] * each[0] + weights[1] * each[1]) / np.maximum(weights[0] + weights[1], 1)
        each = [np.maximum(one, both) for one in each]
    variance = sum(one / arm.units / by**2 for one, arm, by in zip(each, arms, scale, strict=True))
    n = control.units + candidate.units
    grown = n * RHO**2 + 1
    half = np.sqrt(n * variance * 2 * grown * np.log(np.sqrt(grown) / ALPHA)) / (n * RHO)
    if not pooled:
        half = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.where(allowed(arms), np.nan_to_num(np.abs(away) / half, nan=0.0, posinf=np.inf), -1.0)
    look = int(off.argmax())
    return difference(control.at(look), candidate.at(look), alpha=ALPHA)


def _clicks(dice: Dice, rates: tuple[float, float], share: float) -> tuple[Path, Path]:
    candidate = dice.random(UNITS) < share
    clicked = dice.random(UNITS) < np.where(candidate, rates[1], rates[0])
    return paths(clicked.astype(float), candidate)


def equal_rates(rate: float, share: float, *, inference: Inference = "sequential") -> Hits:
    def hits(dice: Dice, trials: int) -> float:
        found = 0
        for _ in range(trials):
            arms = _clicks(dice, (rate, rate), share)
            away = arms[1].mean - arms[0].mean
            seen = worst(arms, away=away, scale=(1.0, 1.0), pooled=inference == "sequential")
            found += seen.p(inference) <= ALPHA
        return found

    return hits


def own_variances(dice: Dice, trials: int) -> float:
    """Rare clicks, and each arm's variance as it is: 0 while an arm has none."""
    found = 0
    for _ in range(trials):
        arms = _clicks(dice, (0.02, 0.02), 0.1)
        n = arms[0].units + arms[1].units
        away = arms[1].mean - arms[0].mean
        variance = sum(arm.variance / arm.units for arm in arms)
        grown = n * RHO**2 + 1
        with np.errstate(divide="ignore", invalid="ignore"):
            sure = np.where(away == 0, 0.0, n * (RHO * away) ** 2 / (variance * grown)) - np.log(grown)
        look = int(np.where(allowed(arms), sure, -np.inf).argmax())
        found += sequential.p_value(float(away[look]), float(variance[look]), int(n[look]), rho=RHO) <= ALPHA
    return found


def equal_money(dice: Dice, trials: int) -> float:
    found = 0
    for _ in range(trials):
        arms = paths(spent(dice, UNITS) / 100, dice.random(UNITS) < 0.5)
        found += worst(arms, away=arms[1].mean - arms[0].mean, scale=(1.0, 1.0)).p_sequential <= ALPHA
    return found


def unequal_rates(dice: Dice, trials: int) -> float:
    """Misses of a true difference of 0.1."""
    found = 0
    for _ in range(trials):
        arms = _clicks(dice, (0.3, 0.4), 0.5)
        interval = worst(arms, away=arms[1].mean - arms[0].mean - 0.1, scale=(1.0, 1.0)).sequential
        found += not interval.low <= 0.1 <= interval.high
    return found


def unequal_rates_relative(dice: Dice, trials: int) -> float:
    """Misses of a true relative difference of a third; a look at which an arm has nothing has no such interval."""
    found = 0
    for _ in range(trials):
        arms = _clicks(dice, (0.3, 0.4), 0.5)
        means = [np.maximum(arm.mean, 1e-9) for arm in arms]
        there = (arms[0].mean > 0) & (arms[1].mean > 0)
        away = np.where(there, np.log(means[1] / means[0]) - np.log(4 / 3), 0.0)
        interval = worst(arms, away=away, scale=(means[0], means[1])).relative_sequential
        found += interval is not None and not interval.low <= 1 / 3 <= interval.high
    return found


def ceiling(dice: Dice, trials: int) -> float:
    """A rate of 0.2 against a ceiling of 0.2, as ``experiment.ceilings`` holds an arm to it."""
    found = 0
    n = np.arange(1, UNITS + 1)
    for _ in range(trials):
        failed = (dice.random(UNITS) < 0.2).astype(float)
        path = _path(failed, np.ones(UNITS, dtype=bool))
        grown = n * RHO**2 + 1
        half = np.sqrt(path.variance * 2 * grown * np.log(np.sqrt(grown) / ALPHA)) / (n * RHO)
        look = int(np.where(n >= sequential.LEAST_UNITS, path.mean - half, -1.0).argmax())
        one = path.at(look)
        found += one.value - sequential.half_width(one.variance, one.units, alpha=ALPHA, rho=RHO) > 0.2
    return found


LOOKS = np.unique(np.geomspace(45, UNITS, 40).astype(int)) - 1


def margin(dice: Dice, trials: int) -> float:
    """A candidate that fails at 3% instead of 1%, where 2% more are allowed: it passes by chance alone."""
    metric = metric_named("error_rate")
    asked = ExperimentSettings(
        experiment_id="t", primary_metrics=("ctr",), guardrails=(Guardrail(metric="error_rate", margin=0.02),)
    )
    trial = Trial("control", ("candidate",), {}, {}, 0, 0, {})
    found = 0
    for _ in range(trials):
        arms = _clicks(dice, (0.01, 0.03), 0.5)
        for look in LOOKS[allowed(arms)[LOOKS]]:
            ratios = {"control": arms[0].at(look), "candidate": arms[1].at(look)}
            (seen,) = guardrails_of([Measures(metric, "served", ratios, ratios)], trial, asked)
            if seen.state == "non_inferior":
                found += 1
                break
    return found
