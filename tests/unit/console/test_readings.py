"""Health is read once for all who look at it."""

import threading
from typing import Any

from recsys.console.readings import Reading, Readings
from recsys.operations.layers import TenantHealth

OFFICE: Any = None


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
    readings = Readings(reads, clock=clock)
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
    readings = Readings(reads, clock=clock)
    for tenant in ("demo", "other", "demo"):
        readings.of(OFFICE, tenant)
    assert reads.seen == ["demo", "other"]


def test_what_takes_long_is_read_less_often() -> None:
    clock = Clock()
    reads = Reads(clock, takes_s=3.0)
    readings = Readings(reads, clock=clock)
    readings.of(OFFICE, "demo")
    clock.now += 29
    readings.of(OFFICE, "demo")
    assert len(reads.seen) == 1
    clock.now += 2
    readings.of(OFFICE, "demo")
    assert len(reads.seen) == 2


def test_who_comes_while_it_is_read_waits_for_that_reading() -> None:
    began, goes_on, seen = threading.Event(), threading.Event(), []

    def read(office: Any, tenant: str) -> Reading:
        seen.append(tenant)
        began.set()
        goes_on.wait(10)
        return Reading(TenantHealth(surfaces={}), None, {}, None, 0.0)

    readings = Readings(read)
    first = threading.Thread(target=readings.of, args=(OFFICE, "demo"))
    second = threading.Thread(target=readings.of, args=(OFFICE, "demo"))
    first.start()
    assert began.wait(10)
    second.start()
    goes_on.set()
    first.join(10)
    second.join(10)
    assert seen == ["demo"]
