"""The walk through the shop: people follow what goes together, all the more after buying."""

import numpy as np
import pytest

from recsys.lab.simulate import BEHAVIOUR, Behaviour, World, stream
from recsys.lab.simulate.visits import Steps, walk


@pytest.fixture(scope="module")
def world() -> World:
    return World.make(users=200, items=4000, seed=5)


def walked(world: World, behaviour: Behaviour = BEHAVIOUR, *, n: int = 30_000, **options) -> Steps:
    rng = stream(world.seed, "visits")
    users = (rng.random(n) * len(world.users)).astype(np.int64)
    intents = world.draw_cells(users, rng.random(n))
    return walk(world, behaviour, rng, users=users, intents=intents, days_to_end=np.zeros(n), **options)


def pairs(world: World, steps: Steps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of steps that have one before them in their visit, whose item before goes with something."""
    follows = np.flatnonzero(np.diff(steps.visit) == 0) + 1
    before = steps.item[follows - 1]
    rich = np.all(world.items.partners[before] >= 0, axis=1)
    follows, before = follows[rich], before[rich]
    goes_with = (world.items.partners[before] == steps.item[follows][:, None]).any(axis=1)
    return follows, goes_with, steps.bought[follows - 1]


def test_a_step_goes_on_to_what_goes_with_the_item_before_as_often_as_the_law_says(world):
    follows, goes_with, after_buying = pairs(world, walked(world))
    assert len(follows) > 5_000
    for share, hop in (
        (goes_with[~after_buying].mean(), BEHAVIOUR.hop),
        (goes_with[after_buying].mean(), BEHAVIOUR.hop_after_buying),
    ):
        assert hop - 0.05 < share < hop + 0.1, "the law, and a little by chance"


def test_without_hops_companions_are_met_by_chance_alone(world):
    _, goes_with, _ = pairs(world, walked(world, Behaviour(hop=0.0, hop_after_buying=0.0)))
    assert goes_with.mean() < 0.1


def test_what_goes_with_a_purchase_is_bought_far_more_often(world):
    steps = walked(world)
    follows, goes_with, after_buying = pairs(world, steps)
    bought = steps.bought[follows]
    assert bought[goes_with & after_buying].mean() > 2 * bought[~(goes_with & after_buying)].mean()


def test_visits_last_as_long_as_the_law_says(world):
    lengths = np.bincount(walked(world, n=30_000).visit)
    assert lengths.max() == BEHAVIOUR.max_steps
    assert abs(lengths.mean() - BEHAVIOUR.mean_steps) < 0.2


def test_people_mostly_keep_to_what_they_came_for(world):
    steps = walked(world, Behaviour(wander=0.0, hop=0.0, hop_after_buying=0.0))
    first = steps.item[np.flatnonzero(np.diff(steps.visit, prepend=-1))][steps.visit]
    assert np.array_equal(world.items.cell[steps.item], world.items.cell[first])


def test_in_stock_means_in_stock(world):
    assert not np.all(world.items.available[walked(world).item])
    assert np.all(world.items.available[walked(world, in_stock=True).item])


def test_a_season_draws_the_wanderers(world):
    garden = np.full(10, 1e-9)
    garden[5] = 1.0
    steps = walked(world, Behaviour(wander=1.0, hop=0.0, hop_after_buying=0.0), season=garden)
    assert np.all(world.items.cell[steps.item] // 4 == 5)
