"""The worked numbers of the contract, and each step by example."""

from itertools import permutations
from typing import get_args

import msgspec
import pytest

from recsys.catalog import Item
from recsys.documents import Config, Diversity, ExcludeSeen, Flags, Limits, Personalization, Rule
from recsys.documents.groups import Algorithm
from recsys.encoding import Invalid
from recsys.ranking import MemoryShelf, Ranker
from recsys.ranking.profile import overlap, strength, tag_profile
from recsys.ranking.request import (
    Anchors,
    Answer,
    Candidates,
    Constraints,
    HistoryEvent,
    Options,
    RecommendRequest,
    SimilarRequest,
    User,
)
from recsys.ranking.weights import ALGORITHMS, resolve
from recsys.signals import COSINES, NEIGHBOURS, SIGNALS

NOW = 1_764_000_000.0


def ranker(shelf: MemoryShelf, *rules: Rule, config: Config | None = None, withdrawn: tuple[str, ...] = ()) -> Ranker:
    return Ranker(shelf, config=config or Config(), rules=rules, withdrawn=withdrawn, surface="home", segment=None)


def asked(shelf: MemoryShelf, *rules: Rule, config: Config | None = None, **request: object) -> Answer:
    return ranker(shelf, *rules, config=config).recommend(
        RecommendRequest(surface="home", **request),  # type: ignore[arg-type]
        now=NOW,
    )


def ids(answer: Answer) -> list[str]:
    return [item.item_id for item in answer.items]


def codes(answer: Answer) -> list[str]:
    return [warning.code for warning in answer.warnings]


def shop(count: int = 6, **every: object) -> MemoryShelf:
    """Items a, b, c… by falling popularity."""
    names = "abcdefghijklmnopqrstuvwxyz"[:count]
    items = [Item(item_id=name, **every) for name in names]  # type: ignore[arg-type]
    return MemoryShelf(items, popularity={name: float(count - at) for at, name in enumerate(names)})


def contracts_shop() -> MemoryShelf:
    """Contract §4: raw popularity 3, cooc 1, cosine .8 for ``x``, and a history of five beside it."""
    items = [
        Item(item_id="x", tags=("wool",)),
        *(Item(item_id=f"h{at}", tags=("wool" if at == 0 else "linen",)) for at in range(5)),
    ]
    return MemoryShelf(
        items, popularity={"x": 3.0}, cooc={"h0": {"x": 1.0}}, cosines={"content_sim": {"h0": {"x": 0.8}}}
    )


CONTRACTS = Config(weights={"pop": 1.0, "cooc": 0.5, "emb": 0.2})


def test_the_contracts_example() -> None:
    answer = asked(
        contracts_shop(), config=CONTRACTS, anchors=Anchors(item_ids=("h0",)), options=Options(explain="summary")
    )
    first = answer.items[0]
    assert first.explain is not None
    assert first.explain.signals == pytest.approx({"popularity": 0.75, "cooc": 0.25, "content_sim": 0.16})
    assert first.score == pytest.approx(1.16)


def test_the_contracts_personalised_example() -> None:
    """1.16 at overlap .2 with boost .5 is 1.276."""
    answer = asked(
        contracts_shop(),
        config=msgspec.structs.replace(CONTRACTS, personalization=Personalization(boost=0.5, min_events=5)),
        anchors=Anchors(item_ids=("h0",)),
        user=User(history=tuple(HistoryEvent(item_id=f"h{at}") for at in range(5))),
        options=Options(explain="summary"),
    )
    assert ids(answer)[0] == "x"
    assert answer.items[0].score == pytest.approx(1.276)
    assert answer.items[0].explain is not None
    assert answer.items[0].explain.signals["personalization"] == pytest.approx(0.116)


def near(**cosines: dict[str, dict[str, float]]) -> MemoryShelf:
    return MemoryShelf([], popularity={"p": 9.0}, cosines=cosines)


def score_of(answer: Answer, item_id: str) -> float:
    return next(item.score for item in answer.items if item.item_id == item_id)


def test_likeness_is_the_mean_over_the_anchors_asked_also_those_nobody_knows() -> None:
    shelf = near(content_sim={"a": {"x": 0.8}, "b": {"x": 0.4, "y": 0.6}})
    answer = asked(shelf, algorithm="content_sim", anchors=Anchors(item_ids=("a", "b", "unknown")))
    assert score_of(answer, "x") == pytest.approx(0.4)
    assert score_of(answer, "y") == pytest.approx(0.2)


def test_the_prediction_of_a_regression_is_a_sum_and_at_most_one() -> None:
    shelf = near(implicit={"a": {"x": 0.8, "y": 0.2}, "b": {"x": 0.4, "y": 0.3}})
    answer = asked(shelf, algorithm="implicit", anchors=Anchors(item_ids=("a", "b", "unknown")))
    assert score_of(answer, "x") == 1.0
    assert score_of(answer, "y") == pytest.approx(0.5)


def test_what_the_visitor_had_is_shown_again_unless_the_page_is_about_it_or_the_config_says_no() -> None:
    shelf = near(implicit={"a": {"a": 0.5, "x": 0.1}})
    history = User(history=(HistoryEvent(item_id="a", event_type="purchase"),))
    again = asked(shelf, algorithm="implicit", user=history, options=Options(include_reasons=True))
    assert ids(again)[0] == "a"
    assert again.items[0].reasons == ("had_before",)
    assert "a" not in ids(asked(shelf, anchors=Anchors(item_ids=("a",))))
    seen = msgspec.structs.replace(Config(), exclude_seen=ExcludeSeen(events=("purchase",), days=30))
    assert "a" not in ids(asked(shelf, user=history, config=seen))


def test_a_cosine_is_never_above_one() -> None:
    third = {"x": 1.0}
    answer = asked(
        near(content_sim=dict.fromkeys("abc", third)), algorithm="content_sim", anchors=Anchors(item_ids=tuple("abc"))
    )
    assert score_of(answer, "x") == 1.0


def test_session_seq_counts_the_newest_anchor_most() -> None:
    """Anchors count 1, 1/2, 1/3 …, divided by what those asked come to."""
    shelf = near(session_seq={"new": {"x": 0.6}, "old": {"y": 0.6}})
    for request in (
        {"anchors": Anchors(item_ids=("new", "old"))},
        {"user": User(history=(HistoryEvent(item_id="new"), HistoryEvent(item_id="old")))},
    ):
        answer = asked(shelf, algorithm="session_seq", **request)
        assert score_of(answer, "x") == pytest.approx(0.6 * 1 / 1.5)
        assert score_of(answer, "y") == pytest.approx(0.6 * 0.5 / 1.5)


def test_emb_is_the_largest_of_the_cosines_and_told_under_its_name() -> None:
    shelf = near(implicit={"a": {"x": 0.3, "y": 0.9}}, content_sim={"a": {"x": 0.8}}, session_seq={"a": {"y": 0.9}})
    answer = asked(
        shelf,
        config=Config(weights={"emb": 0.5}),
        anchors=Anchors(item_ids=("a",)),
        options=Options(explain="summary", include_reasons=True),
        k=2,
    )
    told = [(item.item_id, item.score, item.explain and item.explain.signals, item.reasons) for item in answer.items]
    assert told == [
        ("y", 0.45, {"implicit": 0.45}, ("liked_with:a",)),
        ("x", 0.4, {"content_sim": 0.4}, ("similar_to:a",)),
    ]


@pytest.mark.parametrize("signal", NEIGHBOURS)
def test_a_mode_ranks_by_its_signal_and_is_refilled_from_popularity(signal: str) -> None:
    cosines = {name: {"a": {f"by-{name}": 0.5}} for name in COSINES}
    shelf = MemoryShelf([], popularity={"p": 9.0}, cooc={"a": {"by-cooc": 0.5}}, cosines=cosines)
    answer = asked(shelf, algorithm=signal, anchors=Anchors(item_ids=("a",)), k=2)
    assert ids(answer) == [f"by-{signal}", "p"]
    assert codes(answer) == []
    alone = asked(MemoryShelf([], popularity={"p": 9.0}), algorithm=signal, anchors=Anchors(item_ids=("a",)), k=2)
    assert (ids(alone), codes(alone)) == (["p"], ["SIGNAL_UNAVAILABLE"])


def test_scale_divides_raw_values() -> None:
    shelf = MemoryShelf([], popularity={"x": 30.0}, popularity_scale=10.0)
    assert asked(shelf, config=Config(weights={"pop": 1.0})).items[0].score == 0.75


BASE = frozenset(("popularity", "cooc"))
EVERY = BASE | frozenset(COSINES)


@pytest.mark.parametrize(
    ("algorithm", "weights", "signals", "found"),
    [
        ("blend", {}, BASE, {"popularity": 0.5, "cooc": 1.0}),
        (
            "blend",
            {},
            EVERY,
            {"popularity": 0.2, "cooc": 0.1, "implicit": 1.0, "content_sim": 0.2, "session_seq": 1.0},
        ),
        ("blend", {}, BASE | {"content_sim"}, {"popularity": 0.5, "cooc": 1.0, "content_sim": 0.25}),
        ("blend", {"pop": 2.0}, EVERY, {"popularity": 2.0, "cooc": 0.0}),
        ("blend", {"popularity": 0.0, "cooc": 0.0}, EVERY, {"popularity": 1.0, "cooc": 0.0}),
        ("blend", {"pop": -1.0, "cooc": 2.0}, EVERY, {"popularity": 0.0, "cooc": 2.0}),
        ("blend", {"pop": -1.0}, EVERY, {"popularity": 1.0, "cooc": 0.0}),
        ("blend", {"emb": 2.0}, EVERY, {"popularity": 0.0, "cooc": 0.0, "emb": 2.0}),
        ("cooc", {"pop": 9.0}, EVERY, {"popularity": 0.0, "cooc": 1.0}),
        ("popularity", {}, EVERY, {"popularity": 1.0, "cooc": 0.0}),
        ("session_seq", {}, EVERY, {"popularity": 0.0, "cooc": 0.0, "session_seq": 1.0}),
    ],
)
def test_weights(algorithm: str, weights: dict[str, float], signals: frozenset[str], found: dict[str, float]) -> None:
    assert resolve(algorithm, weights, signals=signals).by_name() == found


def test_the_ranking_and_the_config_know_every_signal_there_is() -> None:
    assert get_args(Algorithm) == ALGORITHMS
    assert set(ALGORITHMS) == {"blend", *SIGNALS}


def test_unknown_algorithms_and_signals_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(Invalid, match="did you mean `popularity`"):
        asked(shop(), algorithm="popularty")
    with pytest.raises(Invalid, match="not a signal"):
        asked(shop(), config=Config(flags=Flags(request_weights=True)), weights={"magic": 1.0})


def test_a_requests_weights_count_only_where_the_tenant_allows() -> None:
    shelf = MemoryShelf([], popularity={"p": 9.0, "n": 1.0}, cooc={"a": {"n": 1.0}})
    request = {"anchors": Anchors(item_ids=("a",)), "weights": {"pop": 1.0}}
    assert ids(asked(shelf, config=Config(weights={"cooc": 1.0}), **request))[0] == "n"
    allowed = Config(weights={"cooc": 1.0}, flags=Flags(request_weights=True))
    assert ids(asked(shelf, config=allowed, **request))[0] == "p"


def test_anchors_are_the_newest_of_the_history_when_none_are_given() -> None:
    shelf = MemoryShelf([], popularity={"p": 1.0}, cooc={"old": {"x": 1.0}, "new": {"y": 1.0}, "newest": {"z": 1.0}})
    history = (
        HistoryEvent(item_id="old", ts="2026-11-01T00:00:00Z"),
        HistoryEvent(item_id="newest", ts="2026-11-03T00:00:00+01:00"),
        HistoryEvent(item_id="new", ts="2026-11-02T00:00:00Z"),
    )
    answer = asked(shelf, user=User(history=history), anchors=Anchors(max_anchors=2), k=2)
    assert ids(answer) == ["y", "z"]
    assert ids(asked(shelf, user=User(history=history), anchors=Anchors(item_ids=("old",)), k=1)) == ["x"]


def test_profiles_sum_to_one_and_few_events_count_less() -> None:
    shelf = MemoryShelf([Item(item_id="a", tags=("s", "t")), Item(item_id="b", tags=("t",)), Item(item_id="c")])
    profile, events = tag_profile(shelf.labels["tag"], [0, 1, 1, 2])
    assert events == 3
    assert sum(profile.values()) == pytest.approx(1.0)
    assert overlap(profile, shelf.labels["tag"].of(1)) == pytest.approx((0.5 + 1 + 1) / 3)
    assert [strength(0.9, events, 3) for events in (0, 1, 3, 9)] == pytest.approx([0.0, 0.3, 0.9, 0.9])
    assert strength(0.9, 0, 0) == 0.9


def test_pins_take_the_first_places_by_priority_and_block_wins() -> None:
    low = Rule(id="low", action="pin", item_ids=("c", "d"), priority=1)
    high = Rule(id="high", action="pin", item_ids=("f", "e"), priority=9, max_pins=1)
    only = Config(weights={"pop": 1.0})
    answer = asked(shop(), low, high, config=only, k=4)
    assert ids(answer) == ["f", "c", "d", "a"]
    assert codes(answer) == ["RULE_PIN_INJECTED"]
    block = Rule(id="never", action="block", item_ids=("f", "c"), priority=-5)
    answer = asked(shop(), low, high, block, k=4, options=Options(explain="summary"))
    assert ids(answer) == ["e", "d", "a", "b"]
    assert answer.items[0].explain is not None
    assert answer.items[0].explain.rules == ("high",)


def test_a_pin_never_shows_what_may_not_be_shown() -> None:
    shelf = MemoryShelf(
        [Item(item_id="gone", available=False), Item(item_id="back"), Item(item_id="cheap", price=1.0)],
        popularity={"back": 1.0, "cheap": 2.0},
    )
    pin = Rule(id="p", action="pin", item_ids=("gone", "back", "nowhere"))
    asking = ranker(shelf, pin, config=Config(weights={"pop": 1.0}), withdrawn=("back",))
    found = asking.recommend(RecommendRequest(surface="home"), now=NOW)
    assert (ids(found), codes(found)) == (["cheap"], [])
    assert ids(asked(shelf, pin, constraints=Constraints(max_price=2.0))) == ["cheap"]
    assert ids(asked(shelf, pin, candidates=Candidates(exclude_ids=("back",)))) == ["cheap"]


def test_rules_hold_in_their_window_their_surface_and_their_segment() -> None:
    window = Rule(
        id="w",
        action="block",
        item_ids=("a",),
        valid_from="2026-01-01T00:00:00Z",
        valid_until="2026-02-01T00:00:00Z",
    )
    asking = ranker(shop(), window, config=Config())
    first = [
        ids(asking.recommend(RecommendRequest(surface="home", k=1), now=at))[0]
        for at in (1767225599.9, 1767225600.0, 1769903999.9, 1769904000.0)
    ]
    assert first == ["a", "b", "b", "a"]
    for rule in (
        Rule(id="s", action="block", item_ids=("a",), surface="pdp"),
        Rule(id="g", action="block", item_ids=("a",), segment="new_users"),
        Rule(id="d", action="block", item_ids=("a",), enabled=False),
    ):
        assert ids(asked(shop(), rule, k=1)) == ["a"]
    new = Ranker(
        shop(),
        config=Config(),
        rules=(Rule(id="g", action="block", item_ids=("a",), segment="new_users"),),
        withdrawn=(),
        surface="home",
        segment="new_users",
    )
    assert ids(new.recommend(RecommendRequest(surface="home", k=1), now=NOW)) == ["b"]


def test_boosts_multiply_and_minus_one_takes_to_the_end() -> None:
    shelf = MemoryShelf(
        [Item(item_id=name, brand="acme" if name in "bc" else None) for name in "abc"],
        popularity={"a": 3.0, "b": 2.0, "c": 1.0},
    )
    up = Rule(id="up", action="boost", target_type="brand", target_key="acme", boost_value=1.0)
    more = Rule(id="more", action="boost", item_ids=("c",), boost_value=0.5)
    none = Rule(id="none", action="boost", item_ids=("b",), boost_value=-1.0)
    answer = asked(shelf, up, more, none, config=Config(weights={"pop": 1.0}), options=Options(explain="full"))
    assert [(item.item_id, item.score) for item in answer.items] == [("c", 1.5), ("a", 0.75), ("b", 0.0)]
    assert [item.explain.rules for item in answer.items if item.explain] == [("more", "up"), (), ("none", "up")]


def test_diversity_puts_different_tags_beside_each_other() -> None:
    items = [Item(item_id=name, tags=("red",) if name < "d" else ("blue",)) for name in "abcd"]
    shelf = MemoryShelf(items, popularity={"a": 9.0, "b": 8.0, "c": 7.0, "d": 6.0})
    assert ids(asked(shelf, config=Config(diversity=Diversity(mmr_lambda=0.5)), k=3)) == ["a", "d", "b"]
    assert ids(asked(shelf, config=Config(diversity=Diversity(mmr_lambda=1.0)), k=3)) == ["a", "b", "c"]


def test_similar_starts_from_its_item() -> None:
    shelf = MemoryShelf([], popularity={"p": 9.0, "a": 5.0}, cooc={"a": {"n": 1.0}})
    answer = ranker(shelf).similar(SimilarRequest(surface="home", item_id="a", k=2), now=NOW)
    assert (ids(answer), codes(answer)) == (["n", "p"], [])


def test_similar_goes_by_likeness_where_nobody_took_anything_together() -> None:
    """What is taken together comes first; a cold item has its likes; what comes next is another question."""
    shelf = MemoryShelf(
        [],
        popularity={"p": 9.0, "cold": 1.0},
        cooc={"a": {"n": 1.0}},
        cosines={
            "content_sim": {"a": {"like": 0.9}, "cold": {"like": 0.2}},
            "session_seq": {"a": {"next": 1.0}, "cold": {"next": 1.0}},
        },
    )

    def similar(item_id: str) -> list[str]:
        return ids(ranker(shelf).similar(SimilarRequest(surface="home", item_id=item_id, k=3), now=NOW))

    assert similar("a") == ["n", "like", "p"]
    assert similar("cold") == ["like", "p", "a"]


def test_similar_is_by_the_config_of_its_surface_only_where_that_says_what_to_leave_out() -> None:
    shelf = MemoryShelf([], popularity={"p": 9.0}, cooc={"a": {"n": 1.0}})
    popular = ranker(shelf, config=Config(algorithm="popularity", weights={"pop": 1.0}))
    assert ids(popular.similar(SimilarRequest(surface="home", item_id="a", k=1), now=NOW)) == ["n"]


def bought(item_id: str, ts: str | None, event_type: str = "purchase") -> HistoryEvent:
    return HistoryEvent(item_id=item_id, event_type=event_type, ts=ts)


def test_what_was_seen_lately_is_left_out_by_event_type_and_day() -> None:
    shelf = shop()
    history = (
        bought("a", "2025-11-20T00:00:00Z"),
        bought("b", "2025-11-01T00:00:00Z"),
        bought("c", "2025-11-20T00:00:00Z", "view"),
        bought("d", None),
        bought("e", "2026-11-20T00:00:00Z"),
        bought("nowhere", None),
    )
    request = {"user": User(history=history), "anchors": Anchors(item_ids=("f",)), "algorithm": "popularity"}

    def shown(**exclude_seen: object) -> str:
        config = Config(exclude_seen=ExcludeSeen(**exclude_seen))  # type: ignore[arg-type]
        return "".join(ids(asked(shelf, config=config, **request)))

    assert shown() == "abcde"
    assert shown(events=("purchase",), days=7) == "bc"  # a time ahead of ours counts, and none at all
    assert shown(events=("purchase",), days=60) == "c"
    assert shown(events=("view",), days=7) == "abde"
    assert shown(events=("purchase", "view"), days=60) == ""


def test_an_item_seen_exactly_so_long_ago_is_still_left_out() -> None:
    config = Config(exclude_seen=ExcludeSeen(events=("purchase",), days=1))
    for at, shown in (("2025-11-23T16:00:00Z", False), ("2025-11-23T15:59:59Z", True)):
        answer = asked(shop(), config=config, user=User(history=(bought("a", at),)), anchors=Anchors(item_ids=("f",)))
        assert ("a" in ids(answer)) == shown


@pytest.mark.parametrize(
    ("shelf", "rules", "request_fields", "expected"),
    [
        (shop(), (), {"k": 5000}, ["K_CLAMPED"]),
        (shop(), (), {"k": 0}, ["K_CLAMPED"]),
        (shop(), (), {"k": 3}, []),
        (shop(), (), {"k": 20}, []),  # six items are all there is: nothing was filtered
        (shop(), (), {"algorithm": "cooc"}, ["SIGNAL_UNAVAILABLE"]),
        (
            MemoryShelf([], popularity={"p": 1.0}, cooc={"a": {"b": 1.0}}),
            (),
            {"algorithm": "cooc"},
            ["SIGNAL_PARTIAL"],
        ),
        (shop(), (), {"algorithm": "implicit"}, ["SIGNAL_UNAVAILABLE"]),
        (near(implicit={"a": {"b": 1.0}}), (), {"algorithm": "implicit"}, ["SIGNAL_PARTIAL"]),
        (
            near(implicit={"a": {"b": 1.0}}),
            (),
            {"algorithm": "implicit", "anchors": Anchors(item_ids=("a", "b"))},
            ["SIGNAL_PARTIAL"],
        ),
        (near(implicit={"a": {"b": 1.0}}), (), {"algorithm": "implicit", "anchors": Anchors(item_ids=("a",))}, []),
        (
            MemoryShelf([], popularity={"p": 1.0}, cooc={"a": {"b": 1.0}}),
            (),
            {"anchors": Anchors(item_ids=("a", "unknown"))},
            ["SIGNAL_PARTIAL"],
        ),
        (shop(tags=("t",)), (), {"constraints": Constraints(forbidden_tags=("t",))}, ["CONSTRAINTS_FILTERED"]),
        (shop(tags=("t",)), (), {"constraints": Constraints(required_tags=("u",))}, ["CONSTRAINTS_FILTERED"]),
        (shop(tags=("t",)), (), {"constraints": Constraints(max_per_tag=1)}, ["CONSTRAINTS_FILTERED"]),
        (shop(tags=("t",)), (), {"constraints": Constraints(max_per_tag=1), "k": 1}, []),
        (shop(), (), {"candidates": Candidates(include_ids=("zz",))}, ["CANDIDATES_INCLUDE_EMPTY"]),
        (shop(), (), {"candidates": Candidates(include_ids=("a", "b"))}, []),
        (shop(), (), {"candidates": Candidates(exclude_ids=tuple("abcdef"))}, []),
        (
            shop(2),
            (Rule(id="x", action="block", item_ids=("a", "b")),),
            {},
            ["RULES_BLOCKED_ALL"],
        ),
        (shop(2), (Rule(id="x", action="block", item_ids=("a",)),), {}, []),
    ],
)
def test_warnings_say_what_is_so(
    shelf: MemoryShelf, rules: tuple[Rule, ...], request_fields: dict[str, object], expected: list[str]
) -> None:
    config = Config(weights={"pop": 1.0}) if "anchors" not in request_fields else Config()
    if "algorithm" in request_fields:
        config = Config()
    assert codes(asked(shelf, *rules, config=config, **request_fields)) == expected


def test_emb_is_unavailable_only_where_none_of_the_cosines_is_there() -> None:
    config = Config(weights={"pop": 1.0, "emb": 1.0})
    anchors = Anchors(item_ids=("a",))
    assert codes(asked(shop(), config=config, anchors=anchors)) == ["SIGNAL_UNAVAILABLE"]
    assert codes(asked(near(content_sim={"a": {"b": 1.0}}), config=config, anchors=anchors)) == []


def test_k_is_clamped_to_the_tenants_limit() -> None:
    assert len(asked(shop(), config=Config(limits=Limits(max_k=2)), k=4).items) == 2


def test_an_empty_shelf_gives_an_empty_answer() -> None:
    answer = asked(MemoryShelf([], popularity={}), constraints=Constraints(min_price=1.0, max_per_tag=1))
    assert (ids(answer), codes(answer)) == ([], ["SIGNAL_UNAVAILABLE"])


def test_similarity_to_any_item_taken_before_counts_not_to_the_last() -> None:
    tags = {"a": ("red",), "b": ("x", "y", "z"), "c": ("red", "x"), "d": ("wool",)}
    shelf = MemoryShelf(
        [Item(item_id=name, tags=own) for name, own in tags.items()],
        popularity={"a": 9.0, "b": 8.9, "c": 8.8, "d": 1.17},
    )
    # c is half like a and a quarter like b: it is the half that counts
    assert ids(asked(shelf, config=Config(diversity=Diversity(mmr_lambda=0.5)), k=4)) == ["a", "b", "d", "c"]


def test_a_profile_does_not_depend_on_the_order_of_events() -> None:
    items = [Item(item_id=f"i{count}", tags=tuple("abcdefg"[:count])) for count in (1, 2, 3, 6, 7)]
    tags = MemoryShelf(items).labels["tag"]
    profiles = {tuple(sorted(tag_profile(tags, events)[0].items())) for events in permutations(range(5))}
    assert len(profiles) == 1
