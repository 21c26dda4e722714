"""Laws every answer keeps, whatever the shop, the rules and the request."""

import pytest
from hypothesis import HealthCheck, given, settings
from tests.unit.ranking import reference
from tests.unit.ranking.reference import World
from tests.unit.ranking.worlds import NOW, ranker_of, requests, worlds

from recsys.ranking import core, pool, standing
from recsys.ranking.request import RecommendRequest

many = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def ranked(world: World, request: RecommendRequest, now: float = NOW) -> list[tuple[str, float]]:
    return [(item.item_id, item.score) for item in ranker_of(world).recommend(request, now=now).items]


@many
@given(world=worlds(), request=requests)
def test_an_answer_is_what_scoring_every_item_gives(world: World, request: RecommendRequest) -> None:
    assert ranked(world, request) == reference.answer(world, request, now=NOW)


@pytest.fixture
def short_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "POOL", 4)
    monkeypatch.setattr(core, "_pool_size", lambda k: max(4, k))
    monkeypatch.setattr(standing, "HEAD", 3)
    monkeypatch.setattr(pool, "_FIRST_STEP", 2)


@many
@given(world=worlds(), request=requests)
@pytest.mark.usefixtures("short_pools")
def test_an_answer_is_the_same_when_every_bound_is_met_within_a_few_items(
    world: World, request: RecommendRequest
) -> None:
    found = ranked(world, request)
    k = min(request.k, world.config.limits.max_k)
    assert found == reference.answer(world, request, now=NOW, pool_size=max(4, k), least=1)
