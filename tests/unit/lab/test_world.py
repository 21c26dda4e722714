from datetime import date

import numpy as np
import pytest

from recsys.lab.simulate import World, catalogue, stream
from recsys.lab.simulate.words import COLOURS, KINDS, STYLES, TOPICS


@pytest.fixture(scope="module")
def world() -> World:
    return World.make(users=300, items=500, seed=7)


def test_the_vocabulary_is_whole():
    categories = [kind.category for kind in KINDS]
    assert len(set(categories)) == len(categories)
    for kind in KINDS:
        assert kind.topic in TOPICS
        assert (len(kind.materials), len(kind.sizes)) == (3, 3)
        assert set(kind.goes_with) < set(categories)
        assert kind.category not in kind.goes_with
        assert len(kind.goes_with) <= 3
    assert {len(colours) for colours in COLOURS.values()} == {5}
    assert set(COLOURS) == set(STYLES)


def test_the_same_seed_is_the_same_shop_and_another_is_not(world):
    again, other = World.make(users=300, items=500, seed=7), World.make(users=300, items=500, seed=8)
    for part in ("items", "users"):
        one, two = getattr(world, part), getattr(again, part)
        for name in one.__dataclass_fields__:
            assert getattr(one, name).tobytes() == getattr(two, name).tobytes(), name
    assert list(catalogue(world, end=date(2026, 1, 31))) == list(catalogue(again, end=date(2026, 1, 31)))
    assert not np.array_equal(world.items.appeal, other.items.appeal)


def test_titles_read_like_a_shop_and_no_two_are_the_same():
    world = World.make(users=1, items=20_000, seed=1)
    titles = [item.title for item in catalogue(world, end=date(2026, 1, 31))]
    assert len(set(titles)) == len(titles)
    assert all(title[0].isupper() for title in titles)
    assert all(", " in title for title in titles)


def test_every_item_is_described_and_was_there_before_the_end(world):
    rows = list(catalogue(world, end=date(2026, 1, 31)))
    assert len({row.item_id for row in rows}) == 500
    for row in rows:
        assert row.price > 0
        assert row.item_id.startswith(row.category)
        assert len(row.tags) == 4
        assert row.created_at < "2026-02-01"
    assert 0 < sum(not row.available for row in rows) < 50
    assert any(row.created_at > "2026-01-01" for row in rows), "something is new"


def test_people_meet_items_as_the_affinity_says(world):
    # The law itself: P(item | user) is softmax of g. Both sides are computed, by different code.
    n, user = 400_000, 5
    rng = stream(1, "truth")
    cells = world.draw_cells(np.full(n, user), rng.random(n))
    seen = np.bincount(world.draw_items(cells, rng.random(n)), minlength=500) / n
    odds = np.exp(world.affinity(np.array(user), np.arange(500)))
    expected = odds / odds.sum()
    error = np.sqrt(expected * (1 - expected) / n)
    assert np.max(np.abs(seen - expected) / error) < 5


def test_interest_is_the_mean_of_what_users_want(world):
    everyone, everything = np.arange(300)[:, None], np.arange(500)[None, :]
    odds = np.exp(world.affinity(everyone, everything))
    wanted = (odds / odds.sum(axis=1, keepdims=True) * world.users.activity[:, None]).sum(axis=0)
    np.testing.assert_allclose(world.interest, wanted, rtol=1e-9)


def test_things_that_go_together_are_of_one_style_and_of_kinds_that_do(world):
    items = world.items
    pairs = [(a, b) for a, row in enumerate(items.partners.tolist()) for b in row if b >= 0]
    assert len(pairs) > 500
    for a, b in pairs:
        assert items.style[a] == items.style[b]
        assert KINDS[items.kind[b]].category in KINDS[items.kind[a]].goes_with


def test_appeal_and_activity_have_heavy_tails(world):
    for shares in (world.interest, world.users.activity):
        ordered = np.sort(shares)[::-1]
        assert 0.35 < ordered[: len(ordered) // 10].sum() / ordered.sum() < 0.75


def test_tastes_are_shares(world):
    users = world.users
    for taste in (users.topic_taste, users.style_taste):
        np.testing.assert_allclose(taste.sum(axis=1), 1)
        assert taste.min() > 0


def test_purposes_draw_independent_streams():
    assert stream(1, "items").random() != stream(1, "users").random()
    assert stream(1, "history", 0).random() != stream(1, "history", 1).random()
    assert stream(1, "visits").random() == stream(1, "visits").random()
