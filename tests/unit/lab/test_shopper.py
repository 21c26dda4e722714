"""Live visitors: better lists truly get more clicks."""

import numpy as np
import pytest

from recsys.lab.simulate import BEHAVIOUR, Behaviour, Shopper, Visit, World, best_items, stream


@pytest.fixture(scope="module")
def world() -> World:
    return World.make(users=500, items=500, seed=11)


def shopper(world: World, n: int = 0, **options) -> Shopper:
    return Shopper(world, stream(world.seed, "visits", n), **options)


def clicks_per_list(world: World, choose, *, visits: int = 3000) -> float:
    people = shopper(world, surfaces={"home": 1.0})
    clicks = 0
    for _ in range(visits):
        visit = people.next_visit()
        clicks += sum(reaction.event_type == "click" for reaction in people.react(visit, choose(visit)))
    return clicks / visits


@pytest.mark.long
def test_the_best_list_beats_the_popular_beats_a_random_beats_the_inverted(world):
    ids = world.items.ids
    by_interest = np.argsort(-world.interest)
    chance = np.random.default_rng(0)
    popular, inverted = ids[by_interest[:10]].tolist(), ids[by_interest[-10:]].tolist()

    def best(visit: Visit) -> list[str]:
        row = best_items(world, BEHAVIOUR, users=np.array([visit.user]), intents=np.array([visit.intent]), k=10)
        return ids[row[0]].tolist()

    worth = {
        "best": clicks_per_list(world, best),
        "popular": clicks_per_list(world, lambda visit: popular),
        "random": clicks_per_list(world, lambda visit: ids[chance.permutation(500)[:10]].tolist()),
        "inverted": clicks_per_list(world, lambda visit: inverted),
    }
    assert worth["best"] > 1.8 * worth["popular"]
    assert worth["popular"] > 2.5 * worth["random"]
    assert worth["random"] > 3 * worth["inverted"]


def test_the_best_list_is_the_best_of_all_lists(world):
    # best_items looks at the leaders of each cell alone; here every available item is weighed.
    user, intent = 17, int(world.items.cell[3])
    g = world.affinity(np.array(user), np.arange(500))
    g = g + BEHAVIOUR.intent_bonus / BEHAVIOUR.click_slope * (world.items.cell == intent)
    g[~world.items.available] = -np.inf
    row = best_items(world, BEHAVIOUR, users=np.array([user]), intents=np.array([intent]), k=20)[0]
    assert row.tolist() == np.argsort(-g, kind="stable")[:20].tolist()


def test_the_same_state_and_lists_give_the_same_lives(world):
    ids = world.items.ids[:10].tolist()

    def live(n: int) -> list:
        people = shopper(world, n)
        return [(visit, people.react(visit, ids)) for visit in (people.next_visit() for _ in range(300))]

    assert live(1) == live(1)
    assert live(1) != live(2)
    assert {visit.session_id for visit, _ in live(1)}.isdisjoint(visit.session_id for visit, _ in live(2))


def test_reactions_follow_the_examination_curve(world):
    # The same item at every rank: what is left is the rank.
    people = shopper(world, surfaces={"home": 1.0})
    item = world.items.ids[int(np.argmax(world.interest))]
    expected, seen = np.zeros(10), np.zeros(10)
    for _ in range(4000):
        visit = people.next_visit()
        expected += people.click_chances(visit, [item] * 10) * BEHAVIOUR.examined(10)
        for reaction in people.react(visit, [item] * 10):
            seen[reaction.rank - 1] += reaction.event_type == "click"
    assert np.all(np.abs(seen - expected) < 5 * np.sqrt(expected))
    assert seen[0] > 3 * seen[9]


def test_reactions_say_what_when_and_for_how_much(world):
    people = shopper(world, behaviour=Behaviour(convert_intercept=3.0))
    ids = world.items.ids[np.argsort(-world.interest)[:20]].tolist()
    clicks, bought = [], []
    for _ in range(500):
        visit = people.next_visit()
        reactions = people.react(visit, ids)
        clicked = {reaction.item_id: reaction for reaction in reactions if reaction.event_type == "click"}
        assert [reaction.rank for reaction in reactions] == sorted(reaction.rank for reaction in reactions)
        for reaction in reactions:
            assert ids[reaction.rank - 1] == reaction.item_id
            if reaction.event_type == "conversion":
                assert reaction.after_s > clicked[reaction.item_id].after_s
                price = world.items.price[world.items.numbers[reaction.item_id]]
                assert reaction.value == pytest.approx(price * reaction.quantity)
                bought.append(reaction)
        clicks += clicked.values()
    assert all(reaction.value is None for reaction in clicks)
    assert 0.7 * len(clicks) < len(bought) < len(clicks)


def test_an_item_the_shop_does_not_sell_is_never_clicked_and_an_empty_list_is_no_trouble(world):
    eager = Behaviour(click_intercept=50.0, eta=0.0)
    people = shopper(world, behaviour=eager)
    visit = people.next_visit()
    known = str(world.items.ids[0])
    clicked = {r.item_id for r in people.react(visit, ["ghost", known]) if r.event_type == "click"}
    assert clicked == {known}
    assert people.react(visit, []) == []


def test_a_visit_brings_what_a_page_would_know(world):
    people = shopper(world)
    visits = [people.next_visit() for _ in range(600)]
    assert len({visit.session_id for visit in visits}) == 600
    assert {visit.surface for visit in visits} == {"home", "pdp"}
    assert {visit.device for visit in visits} == {"mobile", "desktop", "tablet"}
    assert 0.3 < sum(visit.user_id is None for visit in visits) / 600 < 0.65
    for visit in visits:
        ages = [past.seconds_ago for past in visit.history]
        assert 1 <= len(ages) <= 20
        assert ages == sorted(ages)
        assert ages[0] > 0
        assert visit.user_id in (None, f"u{visit.user + 1}")
        assert visit.anonymous_id == f"a{visit.user + 1}"
        assert (visit.anchor is not None) == (visit.surface == "pdp")
        if visit.anchor is not None:
            assert visit.anchor in {past.item_id for past in visit.history}


def test_users_remember_what_they_did_on_their_last_visit(world):
    alone = World.make(users=1, items=200, seed=2)
    people = shopper(alone, behaviour=Behaviour(click_intercept=50.0, eta=0.0, convert_intercept=-50.0))
    first = people.next_visit()
    clicked = [reaction.item_id for reaction in people.react(first, alone.items.ids[:3].tolist())]
    second = people.next_visit()
    today = [past for past in second.history if past.seconds_ago < 80_000]
    before = second.history[len(today) :]
    assert {past.item_id for past in before[:3]} == set(clicked)
    assert {past.event_type for past in before[:3]} == {"click"}
    assert before[0].seconds_ago >= 86_400


def test_on_an_items_page_what_goes_with_it_is_worth_more(world):
    people = shopper(world, surfaces={"pdp": 1.0})
    for _ in range(50):
        visit = people.next_visit()
        anchor = world.items.numbers[visit.anchor]
        partner = int(world.items.partners[anchor].max())
        if partner >= 0:
            item = str(world.items.ids[partner])
            elsewhere = Visit(**{name: getattr(visit, name) for name in visit.__struct_fields__} | {"anchor": None})
            assert people.click_chances(visit, [item])[0] > people.click_chances(elsewhere, [item])[0]
            return
    pytest.fail("no visit to an item that goes with anything")
