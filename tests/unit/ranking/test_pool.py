"""The pool is the exact best, wherever the walk stops."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.ranking.reference import World
from tests.unit.ranking.worlds import NOW, requests, shelf_of, worlds

from recsys.ranking import pool, standing
from recsys.ranking.anchors import read_anchors
from recsys.ranking.conditions import Conditions
from recsys.ranking.evidence import Evidence
from recsys.ranking.pool import Blend, best
from recsys.ranking.request import RecommendRequest
from recsys.ranking.standing import RuleBook
from recsys.ranking.weights import DEFAULT_WEIGHTS, Weights

ALL = dict(DEFAULT_WEIGHTS)


@pytest.fixture
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "HEAD", 2)
    monkeypatch.setattr(pool, "_FIRST_STEP", 0)


@settings(suppress_health_check=list(HealthCheck))
@given(
    world=worlds(),
    request=requests,
    wanted=st.integers(1, 3),
    weights=st.sampled_from(
        [{"popularity": 1.0}, {"popularity": 0.1, "cooc": 1.0}, {"cooc": 0.3}, {"popularity": 0.7, "emb": 0.3}, ALL]
    ),
)
@pytest.mark.usefixtures("short_steps")
def test_the_best_are_those_of_all(
    world: World, request: RecommendRequest, wanted: int, weights: dict[str, float]
) -> None:
    shelf = shelf_of(world)
    held = RuleBook(shelf, world.rules, surface="home", segment=None, withdrawn=world.withdrawn).at(NOW)
    anchored = read_anchors(shelf, request)
    counting = Weights(weights, signals=shelf.signals)
    conditions = Conditions.of(shelf, request.constraints, request.candidates, request.context)
    everything = np.arange(shelf.size, dtype=np.int32)
    excluded = set(anchored.items)
    evidence = Evidence(shelf, anchored, counting) if counting.reads and anchored.asked else None
    try:
        blend = Blend(shelf, held, evidence, counting)
        found = best(blend, wanted, excluded=excluded, conditions=conditions, lane=None)
        passed = everything if conditions is None else everything[conditions.keep(everything)]
        scored = sorted(
            (-blend.of(item), item)
            for item in passed.tolist()
            if not held.out[item] and item not in excluded and blend.of(item) > 0.0
        )
    finally:
        if evidence is not None:
            evidence.close()
    assert found == scored[:wanted]
