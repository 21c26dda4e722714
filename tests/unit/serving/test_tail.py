"""What visitors did lately: bounded, and never anybody's who must not be used."""

from collections.abc import Iterable

import pytest

from recsys.events import Interaction, Outcome
from recsys.serving.tail import Happened, Standing, Tail, happened

NOW = 1_795_348_800.0  # 2026-11-22T12:00:00Z
NOBODY: frozenset[str] = frozenset()


class Tenants:
    """What holds of each tenant."""

    def __init__(self) -> None:
        self.known = {"demo": Standing("k1", NOBODY), "other": Standing("k1", NOBODY)}

    def __call__(self, tenant: str) -> Standing | None:
        return self.known.get(tenant)

    def erase(self, *names: str) -> None:
        self.known["demo"] = Standing("k1", frozenset(names))


@pytest.fixture
def tenants():
    return Tenants()


@pytest.fixture
def tail(tenants):
    return Tail(tenants)


def did(item_id: str, *ids: str, ago_s: float = 0.0, event_type: str = "click", tenant: str = "demo", key_id="k1"):
    return Happened(tenant, key_id, ids, item_id, event_type, NOW - ago_s)


def items(tail: Tail, name: str, *, tenant: str = "demo", erased: Iterable[str] = ()) -> list[str]:
    return [event.item_id for event in tail.of(tenant, name, erased=frozenset(erased))]


def test_an_event_is_found_under_each_of_its_ids_and_no_other(tail):
    tail.take([did("a", "user", "browser", "visit")], now=NOW)
    assert [items(tail, name) for name in ("user", "browser", "visit", "stranger")] == [["a"], ["a"], ["a"], []]


def test_the_newest_is_first_whatever_order_it_was_told_in(tail):
    tail.take([did("b", "u", ago_s=20), did("c", "u", ago_s=30), did("a", "u", ago_s=10)], now=NOW)
    assert items(tail, "u") == ["a", "b", "c"]
    assert tail.of("demo", "u", erased=NOBODY)[0].ts == "2026-11-22T11:59:50.000Z"


def test_an_item_done_again_moves_up_and_stands_once_for_each_type(tail):
    tail.take([did("a", "u", ago_s=30), did("b", "u", ago_s=20), did("a", "u", ago_s=10)], now=NOW)
    tail.take([did("a", "u", ago_s=5, event_type="purchase")], now=NOW)
    assert [(event.item_id, event.event_type) for event in tail.of("demo", "u", erased=NOBODY)] == [
        ("a", "purchase"),
        ("a", "click"),
        ("b", "click"),
    ]


def test_a_clock_that_is_ahead_counts_as_now(tail):
    tail.take([did("ahead", "u", ago_s=-1e6)], now=NOW - 5)
    tail.take([did("later", "u")], now=NOW)
    assert items(tail, "u") == ["later", "ahead"]


def test_tenants_that_share_a_pseudonym_share_no_history(tail):
    tail.take([did("a", "u")], now=NOW)
    assert items(tail, "u", tenant="other") == []


def test_erased_users_never_enter(tail, tenants):
    tenants.erase("user")
    tail.take([did("a", "user", "browser"), did("b", "browser")], now=NOW)
    assert items(tail, "browser") == ["b"]
    assert items(tail, "user") == []


def test_from_the_moment_of_an_erasure_nothing_they_had_a_part_in_is_used(tail, tenants):
    tail.take([did("a", "user", "browser"), did("b", "another")], now=NOW)
    assert items(tail, "browser", erased=["user"]) == []
    tenants.erase("user")
    tail.sweep(now=NOW)
    assert items(tail, "browser") == items(tail, "user") == []
    assert items(tail, "another") == ["b"]


def test_a_tenant_that_is_gone_is_forgotten(tail, tenants):
    tail.take([did("a", "u"), did("b", "u", tenant="other")], now=NOW)
    del tenants.known["demo"]
    tail.sweep(now=NOW)
    assert len(tail) == 1
    tail.take([did("a", "u")], now=NOW)
    assert items(tail, "u") == []


def test_a_tenant_that_was_made_again_begins_with_nothing(tail, tenants):
    tail.take([did("a", "u")], now=NOW)
    tenants.known["demo"] = Standing("k2", NOBODY)
    tail.take([did("late", "u")], now=NOW)  # under the key of the one before
    tail.sweep(now=NOW)
    assert items(tail, "u") == []
    tail.take([did("new", "u", key_id="k2")], now=NOW)
    assert items(tail, "u") == ["new"]


def test_what_is_too_old_is_not_taken_and_is_forgotten(tenants):
    tail = Tail(tenants, age_s=60.0)
    tail.take([did("old", "u", ago_s=61), did("a", "u", ago_s=50), did("b", "v", ago_s=1)], now=NOW)
    assert items(tail, "u") == ["a"]
    tail.take([did("c", "u", ago_s=-20)], now=NOW + 20)
    assert items(tail, "u") == ["c"]
    tail.sweep(now=NOW + 61)
    assert (items(tail, "u"), items(tail, "v")) == (["c"], [])


def test_a_hundred_thousand_users_leave_no_more_than_the_bounds(tenants):
    tail = Tail(tenants, units=5_000, events=7)
    for first in range(0, 100_000, 1000):
        tail.take([did(f"i{user % 500}", f"u{user}") for user in range(first, first + 1000)], now=NOW)
        assert len(tail) <= 5_000
    assert items(tail, "u0") == []
    assert items(tail, "u99998") == ["i498"]
    tail.take([did(f"i{n}", "u99999", ago_s=-n) for n in range(100)], now=NOW + 100)
    assert items(tail, "u99999") == [f"i{n}" for n in range(99, 92, -1)]


def test_whoever_was_seen_longest_ago_goes_first(tenants):
    tail = Tail(tenants, units=2)
    tail.take([did("a", "u"), did("b", "v"), did("c", "u")], now=NOW)
    tail.take([did("d", "w")], now=NOW)
    assert [items(tail, name) for name in ("u", "v", "w")] == [["c", "a"], [], ["d"]]


def interaction(**fields):
    return Interaction(**{"ts": "2026-11-22T12:00:00Z", "item_id": "a", "event_type": "view", **fields})


def test_events_without_ids_and_looks_at_our_lists_say_nothing_of_anybody():
    events = [
        interaction(),
        Outcome(request_id="r", item_id="a", event_type="view", ts="2026-11-22T12:00:00Z", user_id="u"),
        Outcome(request_id="r", item_id="b", event_type="click", ts="2026-11-22T12:00:00Z", user_id="u"),
        interaction(item_id="c", session_id="s", anonymous_id="s"),
    ]
    assert happened("demo", "k1", events) == [
        Happened("demo", "k1", ("u",), "b", "click", NOW),
        Happened("demo", "k1", ("s",), "c", "view", NOW),
    ]
