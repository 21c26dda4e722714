"""Worlds and requests for property tests: small, full of ties, with everything on at times."""

from hypothesis import strategies as st
from tests.unit.ranking.reference import World

from recsys.catalog import Item
from recsys.documents import Config, Diversity, ExcludeSeen, Flags, Limits, Personalization, Rule
from recsys.ranking import MemoryShelf, Ranker
from recsys.ranking.request import (
    Anchors,
    Candidates,
    Constraints,
    Context,
    HistoryEvent,
    Options,
    RecommendRequest,
    User,
)
from recsys.signals import COSINES, NEIGHBOURS

NOW = 1_764_000_000.0  # 2025-11-24T16:00:00Z
DAYS = ("2025-11-01T00:00:00Z", "2025-11-24T16:00:00Z", "2025-12-01T00:00:00Z")

IDS = [f"i{number:02d}" for number in range(24)] + ["é", "z", "Z", "日本"]
TAGS = ["red", "blue", "wool", "sale", "rare"]
BRANDS = ["acme", "bolt"]
CATEGORIES = ["hats", "socks"]

ids = st.sampled_from(IDS)
raw = st.sampled_from([0.5, 1.0, 1.0, 2.0, 3.0, 7.0])
"""Few values, so that ties are common."""
cosine = st.sampled_from([0.1, 0.3, 0.3, 0.7, 1.0])


@st.composite
def items(draw: st.DrawFn) -> tuple[Item, ...]:
    chosen = draw(st.lists(ids, unique=True, max_size=len(IDS)))
    return tuple(
        Item(
            item_id=item_id,
            tags=tuple(draw(st.lists(st.sampled_from(TAGS), unique=True, max_size=3))),
            brand=draw(st.sampled_from([None, *BRANDS])),
            category=draw(st.sampled_from([None, *CATEGORIES])),
            price=draw(st.sampled_from([None, 0.0, 5.0, 10.0])),
            available=draw(st.sampled_from([True, True, True, False])),
            countries=tuple(draw(st.sampled_from([(), (), ("GB",), ("GB", "FR")]))),
            locales=tuple(draw(st.sampled_from([(), (), ("en",), ("en-gb", "fr")]))),
            created_at=draw(st.sampled_from([None, *DAYS])),
        )
        for item_id in chosen
    )


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        action = draw(st.sampled_from(["pin", "boost", "boost", "block"]))
        kind = "item" if action == "pin" else draw(st.sampled_from(["item", "tag", "brand", "category"]))
        keys = {"tag": TAGS, "brand": BRANDS, "category": CATEGORIES}
        found.append(
            Rule(
                id=f"r{number}",
                action=action,
                target_type=kind,
                item_ids=tuple(draw(st.lists(ids, unique=True, min_size=1, max_size=4))) if kind == "item" else (),
                target_key=None if kind == "item" else draw(st.sampled_from(keys[kind])),
                surface=draw(st.sampled_from([None, "home", "pdp"])),
                segment=draw(st.sampled_from([None, None, "new_users"])),
                priority=draw(st.integers(0, 2)),
                enabled=draw(st.sampled_from([True, True, False])),
                valid_from=draw(st.sampled_from([None, None, *DAYS])),
                valid_until=draw(st.sampled_from([None, None, *DAYS])),
                boost_value=draw(st.sampled_from([-1.0, -0.5, 0.1, 1.0])) if action == "boost" else 0.0,
                max_pins=draw(st.sampled_from([None, 1, 2])) if action == "pin" else None,
            )
        )
    return tuple(found)


configs = st.builds(
    Config,
    weights=st.sampled_from(
        [
            {},
            {},
            {"pop": 1.0},
            {"cooc": 1.0},
            {"popularity": 0.3, "cooc": 0.7},
            {"pop": 0.0, "cooc": 0.0},
            {"pop": 1.0, "cooc": 0.5, "emb": 0.2},
            {"emb": 1.0},
            {"implicit": 1.0, "content_sim": 0.5},
            {"pop": 0.1, "cooc": 0.2, "implicit": 0.3, "content_sim": 0.4, "session_seq": 0.5},
        ]
    ),
    algorithm=st.sampled_from(["blend"] * 4 + ["popularity", *NEIGHBOURS]),
    limits=st.builds(Limits, max_k=st.sampled_from([5, 200])),
    flags=st.builds(Flags, request_weights=st.booleans()),
    personalization=st.builds(
        Personalization, boost=st.sampled_from([0.0, 0.5, 3.0]), min_events=st.sampled_from([0, 3])
    ),
    diversity=st.builds(
        Diversity,
        mmr_lambda=st.sampled_from([1.0, 1.0, 0.7, 0.3, 0.0]),
        max_per_brand=st.sampled_from([None, None, 1, 3]),
        max_per_category=st.sampled_from([None, None, 2]),
    ),
    exclude_seen=st.builds(
        ExcludeSeen,
        events=st.sampled_from([(), (), ("view",), ("purchase", "view")]),
        days=st.sampled_from([5.0, 30.0]),
    ),
)


@st.composite
def near(draw: st.DrawFn, weights: st.SearchStrategy[float]) -> dict[str, dict[str, float]]:
    found = draw(st.dictionaries(ids, st.dictionaries(ids, weights, max_size=8), max_size=8))
    return {item: {other: weight for other, weight in row.items() if other != item} for item, row in found.items()}


@st.composite
def worlds(draw: st.DrawFn) -> World:
    return World(
        items=draw(items()),
        popularity=draw(st.dictionaries(ids, raw, max_size=len(IDS))),
        cooc=draw(near(raw)),
        cosines={signal: draw(near(cosine)) for signal in COSINES if draw(st.booleans())},
        rules=draw(rules()),
        withdrawn=draw(st.frozensets(ids, max_size=3)),
        config=draw(configs),
        popularity_scale=draw(st.sampled_from([1.0, 3.0])),
        cooc_scale=draw(st.sampled_from([1.0, 0.7])),
        segment=draw(st.sampled_from([None, "new_users"])),
    )


some_ids = st.lists(st.sampled_from([*IDS, "unknown"]), unique=True, max_size=5).map(tuple)
some_tags = st.lists(st.sampled_from([*TAGS, "unknown"]), unique=True, max_size=2).map(tuple)

event = st.builds(
    HistoryEvent,
    item_id=ids,
    event_type=st.sampled_from(["view", "view", "purchase", "click"]),
    ts=st.sampled_from([None, *DAYS]),
)

requests = st.builds(
    RecommendRequest,
    surface=st.just("home"),
    k=st.sampled_from([1, 3, 5, 20, 40]),
    user=st.builds(
        User,
        history=st.lists(event, max_size=5).map(tuple),
    ),
    context=st.builds(
        Context,
        country=st.sampled_from([None, None, "GB", "FR", "US"]),
        locale=st.sampled_from([None, None, "en-gb", "en-us", "fr", "de"]),
    ),
    anchors=st.builds(Anchors, item_ids=some_ids, max_anchors=st.sampled_from([2, 10])),
    candidates=st.builds(
        Candidates,
        include_ids=st.one_of(st.just(()), st.lists(ids, unique=True, max_size=12).map(tuple)),
        exclude_ids=some_ids,
    ),
    constraints=st.one_of(
        st.just(Constraints()),
        st.builds(
            Constraints,
            required_tags=some_tags,
            forbidden_tags=some_tags,
            max_per_tag=st.sampled_from([None, 1, 2]),
            min_price=st.sampled_from([None, 5.0]),
            max_price=st.sampled_from([None, 5.0]),
            created_after=st.sampled_from([None, DAYS[1]]),
        ),
    ),
    weights=st.sampled_from([{}, {"pop": 2.0}, {"cooc": 1.0, "pop": -1.0}, {"emb": 0.5, "implicit": 0.5}]),
    algorithm=st.sampled_from([None] * 6 + ["blend", "popularity", *NEIGHBOURS]),
    options=st.builds(
        Options,
        include_reasons=st.booleans(),
        explain=st.sampled_from(["none", "summary", "full"]),
        include_trace=st.booleans(),
    ),
)


def shelf_of(world: World) -> MemoryShelf:
    return MemoryShelf(
        world.items,
        popularity=world.popularity,
        popularity_scale=world.popularity_scale,
        cooc=world.cooc,
        cooc_scale=world.cooc_scale,
        cosines=world.cosines,
    )


def ranker_of(world: World) -> Ranker:
    return Ranker(
        shelf_of(world),
        config=world.config,
        rules=world.rules,
        withdrawn=world.withdrawn,
        surface=world.surface,
        segment=world.segment,
    )
