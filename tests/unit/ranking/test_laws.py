"""Laws every answer keeps, whatever the shop, the rules and the request."""

import dataclasses

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.ranking import reference
from tests.unit.ranking.reference import World
from tests.unit.ranking.worlds import DAYS, NOW, ranker_of, requests, worlds

from recsys.documents import Diversity, Limits
from recsys.ranking import core, pool, standing
from recsys.ranking.request import (
    Anchors,
    Candidates,
    Constraints,
    Context,
    Options,
    RecommendRequest,
    User,
)

many = settings(suppress_health_check=list(HealthCheck))


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


@many
@given(world=worlds(), request=requests)
def test_the_same_question_has_the_same_answer_byte_for_byte(world: World, request: RecommendRequest) -> None:
    ranker = ranker_of(world)
    first = ranker.recommend(request, now=NOW)
    ranker.recommend(RecommendRequest(surface="home", anchors=Anchors(item_ids=("i01", "i02"))), now=NOW)
    again = ranker.recommend(request, now=NOW)
    afresh = ranker_of(world).recommend(request, now=NOW)
    assert msgspec.json.encode(first) == msgspec.json.encode(again) == msgspec.json.encode(afresh)


@many
@given(world=worlds(), request=requests, data=st.data())
def test_the_order_of_lists_in_a_request_changes_nothing(
    world: World, request: RecommendRequest, data: st.DataObject
) -> None:
    """But for ``session_seq``, which is about order: it reads anchors as the newest first."""
    cosines = {signal: near for signal, near in world.cosines.items() if signal != "session_seq"}
    world = dataclasses.replace(world, cosines=cosines, rows={})

    def mixed(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(data.draw(st.permutations(values)))

    asked, chosen = request.constraints, request.candidates
    events = tuple(msgspec.structs.replace(event, ts=DAYS[0]) for event in request.user.history)  # all at one time
    request = msgspec.structs.replace(
        request,
        anchors=Anchors(item_ids=request.anchors.item_ids, max_anchors=10),
        user=User(history=events),
    )
    other = msgspec.structs.replace(
        request,
        anchors=Anchors(item_ids=mixed(request.anchors.item_ids), max_anchors=10),
        candidates=Candidates(include_ids=mixed(chosen.include_ids), exclude_ids=mixed(chosen.exclude_ids)),
        constraints=msgspec.structs.replace(
            asked, required_tags=mixed(asked.required_tags), forbidden_tags=mixed(asked.forbidden_tags)
        ),
        user=User(history=mixed(events)),
    )
    assert ranked(world, request) == ranked(world, other)


@many
@given(world=worlds(), request=requests)
def test_explaining_and_tracing_never_change_an_answer(world: World, request: RecommendRequest) -> None:
    plain = msgspec.structs.replace(request, options=Options())
    told = msgspec.structs.replace(request, options=Options(include_reasons=True, explain="full", include_trace=True))
    assert ranked(world, plain) == ranked(world, told)
    answer = ranker_of(world).recommend(told, now=NOW)
    assert answer.trace is not None
    brief = ranker_of(world).recommend(msgspec.structs.replace(request, options=Options(explain="summary")), now=NOW)
    for full, summary in zip(answer.items, brief.items, strict=True):
        assert full.explain is not None
        assert summary.explain is not None
        assert sum(full.explain.signals.values()) == pytest.approx(full.score)
        assert summary.explain.signals == {name: part for name, part in full.explain.signals.items() if part}


@many
@given(world=worlds(), request=requests, later=st.sampled_from([0.0, -1e7, 1e6, 1e7]))
def test_rules_exclusions_and_constraints_always_hold(world: World, request: RecommendRequest, later: float) -> None:
    now = NOW + later
    shown = [item_id for item_id, _ in ranked(world, request, now)]
    assert len(shown) == len(set(shown)) <= min(request.k, world.config.limits.max_k)
    active = reference.valid(world, now)
    held = reference.Count(world, request)
    for item_id in shown:
        item = world.rows[item_id]
        assert not reference.gone(world, item)
        assert not any(rule.action == "block" and reference.matches(rule, item) for rule in active)
        assert item_id not in request.candidates.exclude_ids
        if request.anchors.item_ids:
            assert item_id not in reference.anchors_of(world, request)
        assert item_id not in reference.seen_of(world, request, now)
        assert reference.passes(request, item)
        assert held.take(item)


@many
@given(world=worlds())
def test_a_rare_required_tag_still_finds_its_items(world: World) -> None:
    request = RecommendRequest(surface="home", k=200, constraints=Constraints(required_tags=("rare",)))
    rules = tuple(rule for rule in world.rules if rule.action != "block")
    config = msgspec.structs.replace(world.config, limits=Limits(), diversity=Diversity())
    world = dataclasses.replace(world, rules=rules, config=config, rows={})
    wanted = {item.item_id for item in world.items if "rare" in item.tags and not reference.gone(world, item)}
    assert {item_id for item_id, _ in ranked(world, request)} == wanted


@many
@given(world=worlds(), request=requests)
def test_copying_every_user_a_hundred_times_changes_no_order(world: World, request: RecommendRequest) -> None:
    """Raw values and their scales both grow by the same factor; a cosine stays what it is."""
    copied = dataclasses.replace(
        world,
        popularity={item: 128.0 * value for item, value in world.popularity.items()},
        popularity_scale=128.0 * world.popularity_scale,
        cooc={a: {b: 128.0 * weight for b, weight in near.items()} for a, near in world.cooc.items()},
        cooc_scale=128.0 * world.cooc_scale,
        rows={},
    )
    assert ranked(world, request) == ranked(copied, request)


@many
@given(world=worlds(), request=requests)
def test_every_warning_is_true(world: World, request: RecommendRequest) -> None:
    answer = ranker_of(world).recommend(request, now=NOW)
    k = min(request.k, world.config.limits.max_k)
    shown = {item.item_id for item in answer.items}
    codes = [warning.code for warning in answer.warnings]
    assert ("K_CLAMPED" in codes) == (request.k > world.config.limits.max_k)
    pins = {item_id for rule in reference.valid(world, NOW) if rule.action == "pin" for item_id in rule.item_ids}
    assert "RULE_PIN_INJECTED" not in codes or pins & shown
    unblocked = tuple(rule for rule in world.rules if rule.action != "block")
    without_blocks = ranked(dataclasses.replace(world, rules=unblocked, rows={}), request)
    assert ("RULES_BLOCKED_ALL" in codes) == (not shown and bool(without_blocks))
    free = msgspec.structs.replace(
        request, constraints=Constraints(), context=Context(), candidates=msgspec.structs.replace(request.candidates)
    )
    uncapped = msgspec.structs.replace(world.config, diversity=Diversity())
    without_constraints = ranked(dataclasses.replace(world, config=uncapped, rows={}), free)
    if "CONSTRAINTS_FILTERED" in codes:
        assert len(shown) < k
        assert len(without_constraints) > len(shown)
    if not shown and without_constraints:
        assert "CONSTRAINTS_FILTERED" in codes
    if "CANDIDATES_INCLUDE_EMPTY" in codes:
        assert request.candidates.include_ids
        assert not shown
