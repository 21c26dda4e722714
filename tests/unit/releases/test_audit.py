"""The audit: every change, by whom, why, with what came before and after."""

import pytest
from tests.unit.releases.shop import Shop, config, opened, rules

from recsys.encoding import parse_rfc3339
from recsys.releases.audit import Asked, audit


@pytest.fixture
def shop() -> Shop:
    """Us and them: 2 ships, 3 a config, 4 rules, 5 a rollback of the rules, 6 a hold."""
    made = opened()
    made.theirs.ship("home", made.m(1), evidence=[b"{}"], reason="better")
    made.ours.put_config(config(limits={"max_k": 7}), reason="shorter lists")
    made.theirs.put_rules(rules("no-mug"), reason="recall")
    made.ours.rollback("rules", reason="all was blocked")
    made.ours.hold(surface="home", reason="until we know")
    return made


def generations(shop: Shop, **asked: object) -> list[int]:
    return [entry.generation for entry in audit(shop.ours, asked=Asked(**asked))]


def test_it_is_newest_first_and_whole(shop: Shop) -> None:
    assert generations(shop) == [6, 5, 4, 3, 2, 1]
    entry = next(audit(shop.ours, before=3))
    assert (entry.actor, entry.action, entry.reason, len(entry.evidence)) == ("them", "ship", "better", 1)
    assert entry.changed == ("artifacts:home",)
    assert (entry.states["artifacts:home"].old, entry.states["artifacts:home"].new) == (None, shop.m(1))


def test_what_a_rollback_brought_back_stands_before_and_after(shop: Shop) -> None:
    (entry,) = audit(shop.ours, asked=Asked(action="rollback"))
    assert (entry.restores, entry.changed) == (3, ("rules",))
    assert entry.states["rules"].new == shop.theirs.read(3).rules


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"actor": "us"}, [6, 5, 3, 1]),
        ({"action": "rules"}, [4]),
        ({"part": "rules"}, [5, 4, 1]),
        ({"part": "artifacts"}, [2]),
        ({"part": "artifacts:home"}, [2]),
        ({"part": "artifacts:pdp"}, []),
        ({"part": "holds", "actor": "us"}, [6, 1]),
        ({"actor": "nobody"}, []),
    ],
)
def test_it_is_narrowed_to_what_is_meant(shop: Shop, asked: dict[str, str], found: list[int]) -> None:
    assert [number for number in generations(shop, **asked) if number > 1] == [n for n in found if n > 1]


def test_younger_than_a_moment(shop: Shop) -> None:
    shop.theirs.resume(surface="home")
    newest = next(audit(shop.ours))
    assert generations(shop, since_s=parse_rfc3339(newest.at, what="at")) == [7]


def test_without_states_nothing_but_names_is_told(shop: Shop) -> None:
    assert all(entry.states is None for entry in audit(shop.ours, states=False))
