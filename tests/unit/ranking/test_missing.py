"""Why an item is not in an answer: every verdict is tried by taking away what it names."""

import dataclasses

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.ranking.reference import World
from tests.unit.ranking.worlds import IDS, NOW, ranker_of, requests, worlds

from recsys.catalog import Item
from recsys.documents import Config, Diversity, Exploration, Personalization, Rule
from recsys.ranking import MemoryShelf, Ranker
from recsys.ranking.missing import Missing
from recsys.ranking.request import (
    Candidates,
    Constraints,
    Context,
    HistoryEvent,
    RecommendRequest,
    SimilarRequest,
    User,
)

many = settings(suppress_health_check=list(HealthCheck))


def verdict(world: World, request: RecommendRequest, item_id: str) -> Missing:
    return ranker_of(world).missing(request, item_id, now=NOW)


@many
@given(world=worlds(), request=requests)
def test_what_is_shown_is_called_shown_and_nothing_else(world: World, request: RecommendRequest) -> None:
    ranker = ranker_of(world)
    answer = [item.item_id for item in ranker.recommend(request, now=NOW).items]
    for item_id in [*IDS, "unknown"]:
        found = ranker.missing(request, item_id, now=NOW)
        assert (found.step == "shown") == (item_id in answer), found
        assert found.because


@many
@given(world=worlds(), request=requests, item_id=st.sampled_from(IDS))
def test_without_what_a_verdict_names_it_is_another(world: World, request: RecommendRequest, item_id: str) -> None:
    found = verdict(world, request, item_id)
    if found.step == "exclusions" and found.rules:
        rest = tuple(rule for rule in world.rules if rule.id not in found.rules)
        other = verdict(dataclasses.replace(world, rules=rest), request, item_id)
        assert other.step != "exclusions" or not other.rules
    elif found.step == "exclusions" and "withdrawn" in found.because:
        other = verdict(dataclasses.replace(world, withdrawn=frozenset()), request, item_id)
        assert "withdrawn" not in other.because
    elif found.step == "conditions":
        free = msgspec.structs.replace(
            request, constraints=Constraints(), context=Context(), candidates=Candidates(exclude_ids=())
        )
        assert verdict(world, free, item_id).step != "conditions"
    elif found.step == "pins":
        unpinned = tuple(rule for rule in world.rules if rule.action != "pin")
        other = verdict(dataclasses.replace(world, rules=unpinned), request, item_id)
        assert other.step != "pins"
    elif found.step == "personalization":
        plain = msgspec.structs.replace(world.config, personalization=Personalization())
        assert verdict(dataclasses.replace(world, config=plain), request, item_id).step != "personalization"
    elif found.step == "diversity":
        free = msgspec.structs.replace(
            request, constraints=msgspec.structs.replace(request.constraints, max_per_tag=None)
        )
        plain = msgspec.structs.replace(world.config, diversity=Diversity())
        assert verdict(dataclasses.replace(world, config=plain), free, item_id).step != "diversity"


@many
@given(world=worlds(), request=requests, item_id=st.sampled_from(IDS))
def test_a_longer_list_shows_what_was_only_outranked(world: World, request: RecommendRequest, item_id: str) -> None:
    found = verdict(world, request, item_id)
    if found.step == "score" and found.place is not None:
        long = msgspec.structs.replace(request, k=200)
        limits = msgspec.structs.replace(world.config.limits, max_k=200)
        config = msgspec.structs.replace(world.config, limits=limits)
        assert verdict(dataclasses.replace(world, config=config), long, item_id).step in ("shown", "diversity")


# -- one plain shop, each step in turn

ITEMS = tuple(
    Item(item_id=item_id, brand=brand, tags=tags, price=price, available=item_id != "gone")
    for item_id, brand, tags, price in (
        ("a", "acme", ("red",), 1.0),
        ("b", "acme", ("red",), 2.0),
        ("c", "acme", ("blue",), 3.0),
        ("d", "bolt", ("blue",), None),
        ("gone", "bolt", (), 1.0),
        ("new", "bolt", (), 1.0),
    )
)
POPULARITY = {"a": 6.0, "b": 5.0, "c": 4.0, "d": 3.0, "gone": 9.0}


def ask(item_id: str, *, rules: tuple[Rule, ...] = (), config: Config | None = None, **request: object) -> Missing:
    ranker = Ranker(
        MemoryShelf(ITEMS, popularity=POPULARITY),
        config=config or Config(),
        rules=rules,
        withdrawn={"w", "b"} if item_id == "w" else set(),
        surface="home",
        segment=None,
    )
    asked = RecommendRequest(**{"surface": "home", "k": 2} | request)
    return ranker.missing(asked, item_id, now=NOW, seed="s")


def test_each_step_in_the_words_of_the_shop() -> None:
    said = {
        ask("nothing").because: "this release knows no such item: no signal and no catalogue has it",
        ask("gone").because: "the catalogue says that it is not available",
        ask("b", rules=(Rule(id="no-b", action="block", item_ids=("b",)),)).because: "blocked by no-b",
        ask("a", candidates=Candidates(exclude_ids=("a",))).because: (
            "the request left it out (candidates.exclude_ids)"
        ),
        ask("d", constraints=Constraints(min_price=2.0)).because: (
            "the request asks for other: min_price 2 (its price is unknown)"
        ),
        ask("a", constraints=Constraints(required_tags=("blue",))).because: (
            "the request asks for other: required_tags blue"
        ),
        ask("new").because: (
            "no signal says anything for it here: it is nobody's neighbour, and its popularity counts nothing"
        ),
        ask("d").because: "by its score it is in place 4, and 2 are shown",
        ask("b", config=Config(diversity=Diversity(max_per_brand=1))).because: (
            "by its score it is in place 2, and the list has as many as it may of brand acme (1)"
        ),
        ask("b", rules=(Rule(id="d-first", action="pin", item_ids=("d",)),)).because: (
            "by its score it is in place 2, and 1 of 2 places went to pins"
        ),
    }
    for found, expected in said.items():
        assert found == expected


def test_taste_is_told_with_the_place_it_took() -> None:
    found = ask(
        "b",
        config=Config(personalization=Personalization(boost=50.0, min_events=0)),
        user=User(history=(HistoryEvent(item_id="d", event_type="view"),)),
    )
    assert (found.step, found.because) == (
        "personalization", "by what the signals say it is in place 2; others fit the visitor better",
    )  # fmt: skip


def test_chance_is_told() -> None:
    config = Config(exploration=Exploration(policy="plackett_luce", temperature=100.0, slots=2))
    steps = {item_id: ask(item_id, config=config).step for item_id in ("a", "b", "c", "d")}
    assert sorted(steps.values()).count("shown") == 2
    assert {steps[item_id] for item_id in ("a", "b")} <= {"shown", "exploration"}


def test_similar_is_asked_the_same_way() -> None:
    ranker = Ranker(
        MemoryShelf(ITEMS, popularity=POPULARITY),
        config=Config(),
        rules=(),
        withdrawn=set(),
        surface="home",
        segment=None,
    )
    request = SimilarRequest(surface="home", item_id="a", k=1)
    assert (
        ranker.missing(request, "a", now=NOW).because
        == "it is what the page is about, or the visitor has it (an anchor)"
    )
    assert ranker.missing(request, "b", now=NOW).step == "shown"
