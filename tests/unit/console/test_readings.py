"""Health is read once for all who look at it."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from recsys.console.readings import Reading, Readings, known_here
from recsys.operations.layers import TenantHealth
from recsys.serving.host_state import HostState, Kept, Places, TenantState, write_host_state

OFFICE: Any = None


def reads_once(read: Any, **how: Any) -> Readings:
    """Readings of a host that knows of no release."""
    return Readings(read, version=lambda office, tenant: None, **how)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Reads:
    """Reads that take so long; counts them by tenant."""

    def __init__(self, clock: Clock, *, takes_s: float = 0.0) -> None:
        self.clock, self.takes_s = clock, takes_s
        self.seen: list[str] = []

    def __call__(self, office: Any, tenant: str) -> Reading:
        self.seen.append(tenant)
        self.clock.now += self.takes_s
        return Reading(TenantHealth(surfaces={}), None, {}, None, self.clock.now)


def test_ten_consoles_read_the_logs_once_within_some_seconds() -> None:
    clock = Clock()
    reads = Reads(clock)
    readings = reads_once(reads, clock=clock)
    for _ in range(10):
        readings.of(OFFICE, "demo")
        clock.now += 0.3
    assert reads.seen == ["demo"]
    clock.now += 4
    readings.of(OFFICE, "demo")
    assert reads.seen == ["demo", "demo"]


def test_each_tenant_has_its_own() -> None:
    clock = Clock()
    reads = Reads(clock)
    readings = reads_once(reads, clock=clock)
    for tenant in ("demo", "other", "demo"):
        readings.of(OFFICE, tenant)
    assert reads.seen == ["demo", "other"]


def test_what_takes_long_is_read_less_often() -> None:
    clock = Clock()
    reads = Reads(clock, takes_s=3.0)
    readings = reads_once(reads, clock=clock)
    readings.of(OFFICE, "demo")
    clock.now += 29
    readings.of(OFFICE, "demo")
    assert len(reads.seen) == 1
    clock.now += 2
    readings.of(OFFICE, "demo")
    assert len(reads.seen) == 2


def test_nothing_is_kept_for_longer_than_half_a_minute_and_it_is_said_when_it_is_read_again() -> None:
    clock = Clock()
    reads = Reads(clock, takes_s=60.0)
    readings = reads_once(reads, clock=clock)
    assert readings.of(OFFICE, "demo").next_s == 90  # kept for 30, and read for 60
    clock.now += 29
    assert readings.of(OFFICE, "demo").next_s == 61
    clock.now += 2
    readings.of(OFFICE, "demo")
    assert len(reads.seen) == 2


def test_after_a_lever_health_is_read_anew() -> None:
    clock, known = Clock(), {"demo": 7, "other": 1}
    reads = Reads(clock, takes_s=3.0)
    readings = Readings(reads, version=lambda office, tenant: known[tenant], clock=clock)
    for tenant in known:
        readings.of(OFFICE, tenant)
    known["demo"] = 8
    for tenant in (*known, *known):
        readings.of(OFFICE, tenant)
    assert reads.seen == ["demo", "other", "demo"]


def test_a_host_knows_of_a_release_when_it_sees_it_and_when_it_takes_it_over(tmp_path: Path) -> None:
    places = Places(tmp_path)
    office: Any = SimpleNamespace(places=places)
    seen = [known_here(office, "demo")]
    old, new = (Kept(generation=number, path=f"g{number}", log="l", attempt=f"a{number}") for number in (7, 8))
    for state in (
        TenantState(head=7, kept=(old,)),
        TenantState(head=8, kept=(old,)),
        TenantState(head=8, kept=(new, old)),
    ):
        write_host_state(
            places.state, HostState(run="r", boot="b", written_at=1.0, tenants={"demo": state}), durable=False
        )
        seen.append(known_here(office, "demo"))
    assert len(set(seen)) == 4
    assert known_here(office, "demo") == seen[-1]


def test_while_it_is_read_anew_the_last_reading_is_shown() -> None:
    clock = Clock()
    began, goes_on = threading.Event(), threading.Event()
    goes_on.set()

    def read(office: Any, tenant: str) -> Reading:
        began.set()
        assert goes_on.wait(10)
        return Reading(TenantHealth(surfaces={}), None, {}, None, clock.now)

    readings = reads_once(read, clock=clock)
    readings.of(OFFICE, "demo")
    clock.now += 60
    began.clear()
    goes_on.clear()
    other = threading.Thread(target=readings.of, args=(OFFICE, "demo"))
    other.start()
    assert began.wait(10)
    assert readings.of(OFFICE, "demo").value.at_s == 0
    goes_on.set()
    other.join(10)
    assert readings.of(OFFICE, "demo").value.at_s == 60


def test_who_comes_while_it_is_read_waits_for_that_reading() -> None:
    began, goes_on, seen = threading.Event(), threading.Event(), []

    def read(office: Any, tenant: str) -> Reading:
        seen.append(tenant)
        began.set()
        goes_on.wait(10)
        return Reading(TenantHealth(surfaces={}), None, {}, None, 0.0)

    readings = reads_once(read)
    first = threading.Thread(target=readings.of, args=(OFFICE, "demo"))
    second = threading.Thread(target=readings.of, args=(OFFICE, "demo"))
    first.start()
    assert began.wait(10)
    second.start()
    goes_on.set()
    first.join(10)
    second.join(10)
    assert seen == ["demo"]
