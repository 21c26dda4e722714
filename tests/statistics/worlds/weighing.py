"""A log of lists of one policy, and what another would earn: two places, filled in turn from three items."""

import functools
import itertools
import math
from collections.abc import Callable

import numpy as np

from recsys.evaluation.statistics.ratios import Ratio, student
from recsys.evaluation.statistics.rewards import Features, model_terms
from recsys.evaluation.statistics.weighting import Placed, estimate, slate_terms

Dice = np.random.Generator
Hits = Callable[[Dice, int], float]

ESTIMATORS = ("sips", "iips", "rips", "snsips", "sniips", "snrips", "dr", "dm")
UNITS, VISITS = 400, 2
EARNS = np.array([0.1, 0.3, 0.6])
"""What each item earns, of a unit that is like the mean; a unit's own mood adds up to 0.1 or takes it away."""
LISTS = list(itertools.permutations(range(3), 2))


def _chances(policy: tuple[float, ...]) -> np.ndarray:
    return np.array([policy[a] * policy[b] / (1 - policy[a]) for a, b in LISTS])


LOGGING, TARGET = (0.5, 0.3, 0.2), (0.2, 0.3, 0.5)
OLD, NEW = _chances(LOGGING), _chances(TARGET)
TRUTH = float(sum(chance * (EARNS[a] + EARNS[b]) for chance, (a, b) in zip(NEW, LISTS, strict=True)))


def _weights(kind: str) -> np.ndarray:
    """Of each list's places; of single places, whatever stands above, where places are taken as independent."""
    if kind in ("iips", "dm", "dr"):
        at_place = [
            [sum(c for c, one in zip(chances, LISTS, strict=True) if one[place] == item) for item in range(3)]
            for chances in (NEW, OLD)
            for place in range(2)
        ]
        return np.array([[at_place[p][one[p]] / at_place[2 + p][one[p]] for p in range(2)] for one in LISTS])
    first = [TARGET[a] / LOGGING[a] for a, _ in LISTS]
    second = [TARGET[b] / (1 - TARGET[a]) / (LOGGING[b] / (1 - LOGGING[a])) for a, b in LISTS]
    return np.column_stack([first, second])


def _log(dice: Dice, kind: str) -> tuple[Placed, np.ndarray]:
    """A log, and the items at its places, in the order of both."""
    requests = UNITS * VISITS
    drawn = dice.choice(len(LISTS), requests, p=OLD)
    items = np.array(LISTS)[drawn]
    unit = np.arange(requests) // VISITS
    mood = dice.uniform(-0.1, 0.1, UNITS)[unit]
    reward = (dice.random((requests, 2)) < EARNS[items] + mood[:, None]).astype(float)
    return Placed(np.repeat(np.arange(requests), 2), _weights(kind)[drawn].ravel(), reward.ravel(), unit), items.ravel()


@functools.cache
def _runs(name: str, trials: int) -> tuple[Ratio, ...]:
    dice = np.random.default_rng(71)
    kind = name.removeprefix("sn")
    found = []
    for _ in range(trials):
        placed, items = _log(dice, kind)
        if name in ("dm", "dr"):
            terms = _modelled(dice, placed, items, doubly_robust=name == "dr")
        else:
            terms = slate_terms(placed, kind=kind)
        found.append(estimate(terms, placed.unit, normalised=name.startswith("sn")))
    return tuple(found)


def _modelled(dice: Dice, placed: Placed, items: np.ndarray, *, doubly_robust: bool):
    requests = len(placed.unit)
    place = np.tile(np.arange(2), requests)
    wanted = np.array(LISTS)[dice.choice(len(LISTS), requests, p=NEW)].ravel()
    shown, asked = (Features(np.column_stack([each, place]), (3, 2)) for each in (items, wanted))
    return model_terms(placed, shown, asked, placed.request, doubly_robust=doubly_robust)


def coverage(name: str) -> Hits:
    return lambda _dice, trials: sum(_covers(one) for one in _runs(name, trials))


def _covers(one: Ratio) -> bool:
    return abs(one.value - TRUTH) <= student(0.975, one.units - 1) * math.sqrt(one.variance)


def bias(name: str) -> Hits:
    """The p-value of the estimates' mean being the truth."""
    from scipy.stats import ttest_1samp

    return lambda _dice, trials: float(ttest_1samp([one.value for one in _runs(name, trials)], TRUTH).pvalue)


def unweighted(dice: Dice, trials: int) -> float:
    found = 0
    for _ in range(trials):
        placed, _ = _log(dice, "iips")
        plain = slate_terms(placed._replace(weight=np.ones(len(placed.weight))), kind="iips")
        found += _covers(estimate(plain, placed.unit, normalised=False))
    return found
