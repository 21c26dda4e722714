"""Interleaving of two rankers that are equally good: the service's own draft, and people who do not know of teams."""

import functools

import msgspec
import numpy as np

from recsys.catalog import Item
from recsys.documents import Config
from recsys.evaluation.statistics import sequential
from recsys.evaluation.statistics.preferences import preference, randomised
from recsys.ranking import MemoryShelf, Ranker, interleave
from recsys.ranking.request import RecommendRequest

Dice = np.random.Generator
PLACES = 6
SEEN = 0.5 / np.arange(1, PLACES + 1)
"""How likely people take what stands at each place."""


@functools.cache
def _ranker() -> Ranker:
    ids = [f"i{number:02d}" for number in range(12)]
    shelf = MemoryShelf([Item(item_id=one) for one in ids], popularity={one: 20.0 - at for at, one in enumerate(ids)})
    config = Config(algorithm="popularity")
    return Ranker(shelf, config=config, rules=(), withdrawn=(), surface="home", segment=None)


@functools.cache
def _drafts(number: int) -> np.ndarray:
    """1 where the candidate placed the item of a draft, −1 where control did; shape (drafts, places)."""
    one = _ranker()
    asked = msgspec.convert({"surface": "home", "k": PLACES}, RecommendRequest)
    answers = [interleave({"old": one, "new": one}, asked, now=0.0, seed=f"r{seed}") for seed in range(number)]
    return np.array([[1 if team == "new" else -1 for team in answer.teams] for answer in answers])


@functools.cache
def _fair() -> np.ndarray:
    """A few hundred drafts and their mirror images: drawn from again and again, they favour neither."""
    drafts = _drafts(300)
    return np.concatenate([drafts, -drafts])


def _votes(dice: Dice, units: int, *, drafts: np.ndarray) -> np.ndarray:
    """Candidate's minus control's items taken, by units that come one to three times."""
    owner = np.repeat(np.arange(units), dice.integers(1, 4, units))
    shown = drafts[dice.integers(0, len(drafts), len(owner))]
    taken = dice.random(shown.shape) < SEEN
    return np.bincount(owner, weights=(shown * taken).sum(axis=1), minlength=units)


def wins(dice: Dice, trials: int) -> float:
    """Of as many units that prefer one: how many prefer the candidate. Every visit is drafted by itself."""
    drafts = _drafts(trials)
    found: list[float] = []
    while len(found) < trials:
        votes = _votes(dice, trials, drafts=drafts)
        found += votes[votes != 0].tolist()
    return preference(np.array(found[:trials]), alpha=0.05).wins


def sign_test(dice: Dice, trials: int) -> float:
    return sum(preference(_votes(dice, 150, drafts=_fair()), alpha=0.05).p_fixed <= 0.05 for _ in range(trials))


def swapped(dice: Dice, trials: int) -> float:
    return sum(randomised(_votes(dice, 60, drafts=_fair()), seed=seed) <= 0.05 for seed in range(trials))


def every_unit(dice: Dice, trials: int) -> float:
    """Looks after each of 4,000 units, from the first on."""
    drafts, rho = _fair(), sequential.tuned(0.05, at=500)
    found = 0
    for _ in range(trials):
        votes = _votes(dice, 4000, drafts=drafts)
        signs = np.sign(votes)
        decided = np.maximum(np.cumsum(signs != 0), 1)
        grown = decided * rho**2 + 1
        log_p = 0.5 * np.log(grown) - (rho * np.cumsum(signs)) ** 2 / (2 * grown)
        look = int(log_p.argmin())
        found += preference(votes[: look + 1], alpha=0.05).p_sequential <= 0.05
    return found
