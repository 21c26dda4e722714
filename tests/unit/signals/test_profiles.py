"""What is kept of each user, and how it is found."""

import io
import random

import numpy as np
import pytest

from recsys.access import Pseudonyms
from recsys.signals import Heading, Unfit
from recsys.signals.profiles import Params, Part, Profiles, check_profiles, finish, open_profiles
from recsys.store.columns import Columns, pack

HEADING = Heading(tenant="demo", start="2026-11-01", end="2026-11-22")
PSEUDONYMS = Pseudonyms("k1", b"secret")
Deeds = dict[str, list[tuple[str, str, int]]]


def written(deeds: Deeds) -> Columns:
    """Write profiles of users by pseudonym; each deed is item, type, day."""
    names = sorted(deeds)
    items = sorted({item for rows in deeds.values() for item, _, _ in rows}, key=str.encode)
    types = sorted({kind for rows in deeds.values() for _, kind, _ in rows})
    flat = [(owner, *row) for owner, name in enumerate(names) for row in deeds[name]]
    rows = {
        "owner": np.array([row[0] for row in flat]),
        "item": np.array([items.index(row[1]) for row in flat]),
        "type": np.array([types.index(row[2]) for row in flat]),
        "day": np.array([row[3] for row in flat]),
    }
    return Columns(blob_of([Part(names, rows)], types=types, items=items), where="test")


def blob_of(parts, *, types, items) -> bytes:
    file = io.BytesIO()
    finish(file, parts, HEADING, types=types, items=items, key_id="k1")
    return file.getvalue()


def some(users=200, seed=1) -> Deeds:
    rng = random.Random(seed)
    return {
        PSEUDONYMS.of(f"u{user}"): [
            (f"i{rng.randrange(30):02}", "click", day) for day in range(20, rng.randrange(20), -1)
        ]
        for user in range(users)
    }


def deeds_of(profiles: Profiles, name: str) -> list[tuple[str, str, int]] | None:
    user = profiles.find(name)
    if user is None:
        return None
    span = range(int(profiles.offsets[user]), int(profiles.offsets[user + 1]))
    return [(profiles.items[profiles.item[n]], profiles.types[profiles.type[n]], int(profiles.day[n])) for n in span]


def test_each_user_is_found_with_their_own_deeds_and_nobody_else_is():
    deeds = some()
    columns = written(deeds)
    check_profiles(columns, tenant="demo")
    profiles = open_profiles(columns, tenant="demo")
    for name, rows in deeds.items():
        assert deeds_of(profiles, name) == rows
    for stranger in ("", "nonsense", "f" * 32, "0" * 32, PSEUDONYMS.of("stranger"), next(iter(deeds))[:16]):
        assert profiles.find(stranger) is None


def test_users_whose_pseudonyms_begin_alike_are_told_apart():
    names = ["a" * 16 + tail * 16 for tail in "13579f"]
    profiles = open_profiles(written({name: [(name, "click", 1)] for name in names}), tenant="demo")
    assert [deeds_of(profiles, name) for name in names] == [[(name, "click", 1)] for name in names]
    assert profiles.find("a" * 16 + "2" * 16) is None


def test_parts_make_the_same_bytes_as_all_at_once():
    chance = np.random.default_rng(1)
    names = sorted(PSEUDONYMS.of(f"u{user}") for user in range(40))
    rows = {
        "owner": np.repeat(np.arange(40), 3),
        "item": chance.integers(0, 9, 120),
        "type": chance.integers(0, 2, 120),
        "day": np.full(120, 20),
    }
    words = {"types": ["click", "view"], "items": [f"i{item}" for item in range(12)]}
    cut = [
        Part(names[first:last], {name: values[3 * first : 3 * last] for name, values in rows.items()})
        for first, last in ((0, 1), (1, 25), (25, 40))
    ]
    assert blob_of(cut, **words) == blob_of([Part(names, rows)], **words)


def test_users_stand_in_the_order_of_their_pseudonyms_bytes():
    deeds = some(50)
    profiles = open_profiles(written(deeds), tenant="demo")
    assert [profiles.find(name) for name in sorted(deeds, key=str.encode)] == list(range(50))


def changed(columns: Columns, *, meta=None, **arrays) -> Columns:
    every = {name: columns[name] for name in columns.names()} | arrays
    return Columns(pack(columns.kind, dict(columns.meta) | (meta or {}), every), where="test")


@pytest.mark.parametrize(
    ("poison", "said"),
    [
        (lambda c: {"high": c["high"][::-1]}, "out of order"),
        (lambda c: {"item": c["item"] + 1000}, "points outside"),
        (lambda c: {"type": c["type"] + np.uint8(9)}, "points outside"),
        (lambda c: {"day": c["day"][::-1]}, "not newest first"),
        (lambda c: {"low": c["low"][:-1]}, "shape"),
        (lambda c: {"day": c["day"][:-1]}, "shape"),
        (lambda c: {"offsets": c["offsets"][::-1]}, "out of order"),
        (lambda c: {"high": c["high"][:0], "low": c["low"][:0]}, "empty"),
    ],
)
def test_what_breaks_a_promise_is_refused(poison, said):
    columns = written(some(20))
    with pytest.raises(Unfit, match=said):
        check_profiles(changed(columns, **poison(columns)), tenant="demo")


def test_another_tenants_are_refused_and_those_without_a_key():
    columns = written(some(3))
    with pytest.raises(Unfit, match="belongs to tenant demo"):
        check_profiles(columns, tenant="other")
    with pytest.raises(Unfit, match="under which key"):
        check_profiles(changed(columns, meta={"key_id": ""}), tenant="demo")


def test_more_events_of_a_user_than_a_history_holds_are_refused():
    columns = written({"a" * 32: [(f"i{n:03}", "click", 1) for n in range(101)]})
    with pytest.raises(Unfit, match="limit exceeded"):
        check_profiles(columns, tenant="demo")


@pytest.mark.parametrize("wrong", [{"last": 101}, {"last": -1}, {"retention_days": 0}, {"retention_days": 10_000}])
def test_parameters_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Params(**wrong)
