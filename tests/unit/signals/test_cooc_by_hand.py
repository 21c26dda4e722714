"""Co-occurrence held against counting by hand, over shops where users have things again and baskets are too long."""

from collections import defaultdict
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.signals.definitions import computed, opened

CAP = 3
BASKETS = st.lists(
    st.tuples(st.sampled_from("uvw"), st.lists(st.sampled_from("abcdef"), max_size=6)), min_size=1, max_size=8
)


def cut(items, number):
    """Keep the choice of a basket that the reference page describes."""
    salt = sum(number[item] for item in items)
    order = sorted(
        items, key=lambda item: (((number[item] + 1) * 2654435761 + salt * 40503) % (2**31 - 1), number[item])
    )
    return set(order[:CAP])


def by_hand(baskets):
    """Count who had each pair in one basket, by sets."""
    number = {item: n for n, item in enumerate(sorted({item for _, items in baskets for item in items}))}
    users = defaultdict(set)
    for who, items in baskets:
        for one, other in combinations(sorted(cut(set(items), number)), 2):
            users[one, other].add(who)
    return {pair: len(names) for pair, names in users.items()}


@given(BASKETS)
def test_support_is_what_counting_by_hand_finds(tmp_path_factory, baskets):
    expected = by_hand(baskets)
    if not expected:
        return
    events = [(item, who, "purchase", 0) for who, items in baskets for item in items]
    names = [f"basket-{n}" for n, (_, items) in enumerate(baskets) for _ in items]
    blob = computed(
        "cooc",
        tmp_path_factory.mktemp("run"),
        events,
        baskets=names,
        params={"max_basket": CAP, "min_support": 1, "shrinkage": 0.0},
    )
    cooc = opened("cooc", blob)
    ids = cooc.items.to_list()
    found = {
        (ids[owner], ids[other]): int(support)
        for owner, other, support in zip(cooc.owners(), cooc.neighbours, cooc.support, strict=True)
        if owner < other
    }
    assert found == expected
