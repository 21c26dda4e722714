"""Waiting until every live host serves what was committed."""

import pytest

from recsys.releases.waiting import Waited, wait_for_hosts
from recsys.replicas import Heartbeat, Replica, write_heartbeat
from recsys.store import Unavailable
from recsys.store.memory import MemoryObjects


class Clock:
    """Time that passes only by sleeping, and what happens while one sleeps."""

    def __init__(self):
        self.now = 0.0
        self.events = []

    def at(self, seconds, do):
        self.events.append((seconds, do))

    def sleep(self, seconds):
        self.now += seconds
        for due in [event for event in self.events if event[0] <= self.now]:
            self.events.remove(due)
            due[1]()


class Fleet:
    def __init__(self):
        self.clock = Clock()
        self.objects = MemoryObjects(clock=lambda: self.clock.now)

    def beat(self, host, generation, *, head=9, tenant="demo", **more):
        replica = Replica(generation=generation, head=head, **more)
        beat = Heartbeat(host=host, at="2026-11-22T00:00:00Z", format=2, tenants={tenant: replica})
        write_heartbeat(self.objects, beat)

    def wait(self, generation=9, *, timeout_s=30.0, objects=None):
        return wait_for_hosts(
            objects or self.objects,
            "demo",
            generation,
            timeout_s=timeout_s,
            clock=lambda: self.clock.now,
            sleep=self.clock.sleep,
        )


@pytest.fixture
def fleet():
    return Fleet()


def test_it_returns_as_soon_as_the_last_host_serves_it(fleet):
    fleet.beat("a", 9)
    fleet.beat("b", 8)
    fleet.beat("c", 10)
    fleet.clock.at(7.0, lambda: fleet.beat("b", 9))
    waited = fleet.wait()
    assert waited.serving == ("a", "b", "c")
    assert waited.everywhere
    assert 7.0 <= fleet.clock.now < 8.0


@pytest.mark.parametrize(
    ("beat", "why"),
    [
        (
            {"rejected": "popularity: not finite"},
            "it serves generation 8 and refuses a newer one: popularity: not finite",
        ),
        ({"problem": "LOG_FORKED: the log"}, "it serves generation 8: LOG_FORKED: the log"),
        ({"head": 8}, "it serves generation 8 and has not seen 9 yet"),
        ({"head": 9}, "it serves generation 8 and is loading a newer one"),
        ({"tenant": "other"}, "it has loaded nothing of this tenant yet"),
    ],
)
def test_who_does_not_serve_it_in_time_is_named_with_the_reason(fleet, beat, why):
    fleet.beat("a", 9)
    fleet.beat("b", 8, **beat)
    waited = fleet.wait()
    assert not waited.everywhere
    assert waited.behind == {"b": why}
    assert fleet.clock.now == pytest.approx(30.0)
    assert waited.told() == f"generation 9 is served by 1 of 2 live hosts; b: {why}"


def test_pinned_hosts_are_told_and_not_waited_for(fleet):
    fleet.beat("a", 9)
    fleet.beat("b", 7, pinned=7)
    waited = fleet.wait()
    assert waited.everywhere
    assert waited.pinned == {"b": 7}
    assert fleet.clock.now == 0.0
    assert "b is pinned to generation 7" in waited.told()


def test_a_host_that_died_is_waited_for_no_longer_than_it_counts_as_live(fleet):
    fleet.beat("dead", 8)
    fleet.clock.at(50.0, lambda: fleet.beat("a", 9))
    waited = fleet.wait(timeout_s=90.0)
    assert (waited.serving, dict(waited.behind)) == (("a",), {})
    assert 60.0 <= fleet.clock.now < 61.0


def test_a_heartbeat_that_cannot_be_read_is_no_proof(fleet):
    fleet.beat("a", 9)
    fleet.objects.replace("replicas/b.json", b"{")
    assert dict(fleet.wait().behind) == {"b": "its heartbeat cannot be read"}


def test_without_a_live_host_it_returns_at_once_and_says_so(fleet):
    waited = fleet.wait()
    assert waited == Waited(generation=9)
    assert "no serving host is alive" in waited.told()


class Away:
    """A store that is away for some looks."""

    def __init__(self, inner, times):
        self._inner, self._times = inner, times

    def entries(self, prefix):
        self._times -= 1
        if self._times >= 0:
            raise Unavailable("s", "gone")
        return self._inner.entries(prefix)

    def read(self, key):
        return self._inner.read(key)


def test_a_store_that_is_away_for_a_moment_is_asked_again(fleet):
    fleet.beat("a", 9)
    assert fleet.wait(objects=Away(fleet.objects, 5)).everywhere


def test_a_store_that_stays_away_leaves_it_open_who_serves_it(fleet):
    waited = fleet.wait(objects=Away(fleet.objects, 10**9))
    assert not waited.everywhere
    assert waited.told().startswith("generation 9 stands, and who serves it is not known: store s is not available")
    assert fleet.clock.now == pytest.approx(30.0)
