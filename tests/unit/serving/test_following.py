"""What a step of the follower is told as."""

import msgspec
import pytest

from recsys.serving.following import FollowWatch
from recsys.serving.host_state import Kept, Rejected, TenantState

SERVED = TenantState(kept=(Kept(generation=2, path="p", log="l", attempt="a"),), head=2, confirmed_at=1.0)


class Span:
    began = 5.0


class Spans:
    """Keeps what is told of spans."""

    def __init__(self):
        self.open, self.told = 0, []

    def begin(self, name, *, key, began=None):
        assert (name, key) == ("follow", "")
        self.open += 1
        return Span()

    def end(self, _span, *, facts, failed):
        self.open -= 1
        self.told.append(({name: value for name, value in facts.items() if value is not None}, failed))

    def drop(self, _span):
        self.open -= 1


def step(tenants, **after):
    """Let a step turn tenants into what they are after it, and return what is told."""
    spans = Spans()
    with FollowWatch(spans).step(tenants):
        tenants.update(after)
    assert spans.open == 0
    return spans.told


def changed(**what):
    return msgspec.structs.replace(SERVED, **what)


@pytest.mark.parametrize("quiet", [SERVED, changed(confirmed_at=9.0), changed(head=3)])
def test_a_step_that_changed_nothing_is_no_span(quiet):
    assert step({"demo": SERVED}, demo=quiet) == []


def test_each_tenant_that_was_switched_is_one():
    told = step({}, a=SERVED, b=SERVED)
    assert told == [({"recsys.tenant": one, "recsys.generation": 2}, False) for one in ("a", "b")]


def test_a_release_that_was_refused_is_a_failed_one_and_the_same_refusal_again_is_none():
    refused = changed(rejected=Rejected(generation=3, reason="it is empty", at=1.0))
    told = {"recsys.tenant": "demo", "recsys.generation": 2, "recsys.rejected": 3, "recsys.problem": "it is empty"}
    assert step({"demo": SERVED}, demo=refused) == [(told, True)]
    assert step({"demo": refused}, demo=changed(rejected=Rejected(generation=3, reason="it is empty", at=9.0))) == []


def test_with_traces_off_a_step_is_a_step():
    tenants = {}
    with FollowWatch(None).step(tenants):
        tenants["demo"] = SERVED
    FollowWatch(None).close()
