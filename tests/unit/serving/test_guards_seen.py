"""The figure of a guard that fell silent: by the guard's own pace, and one tenant's trouble is its own."""

import time

import pytest
from msgspec.structs import replace
from tests.unit.releases.shop import TENANT, opened

from recsys.releases import create_tenant
from recsys.releases.guarded import Guarded, tell_guard
from recsys.serving.guards_seen import GuardSeen, GuardsSeen

SAID = Guarded(
    tenant=TENANT, surface="home", candidate="home-3", at="2026-11-22T08:00:00Z", state="watching", why="",
    every_s=60.0, actor="you", again="recsys guard",
)  # fmt: skip


@pytest.fixture
def store():
    shop = opened()
    shop.theirs.ship("home", shop.m(1))
    shop.theirs.candidates.start("home", share=0.5, manifest=shop.m(2))
    return shop.store


def _seen(store, *tenants: str) -> tuple[GuardSeen, ...]:
    return GuardsSeen(lambda: store).of(tenants or (TENANT,))


def test_a_guard_is_silent_when_it_missed_three_of_its_own_looks(store):
    for every_s in (1.0, 60.0):
        tell_guard(store.objects, replace(SAID, every_s=every_s))
        (seen,) = _seen(store)
        assert seen.silent_at - time.monotonic() == pytest.approx(3 * every_s + 5.0, abs=1.0)


@pytest.mark.parametrize("state", ["left", "aborted", "promoted", "ended"])
def test_a_guard_that_has_ended_is_none(store, state):
    tell_guard(store.objects, replace(SAID, state=state))
    assert _seen(store) == ()


def test_a_log_that_cannot_be_read_hides_no_guard_of_another_tenant(store):
    tell_guard(store.objects, SAID)
    create_tenant(store, "a-broken", actor="test")
    store.objects.replace("releases/a-broken/0000000001.json", b"{")
    assert [seen.tenant for seen in _seen(store, "a-broken", TENANT)] == [TENANT]
