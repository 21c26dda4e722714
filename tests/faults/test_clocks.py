"""F14: clocks that are an hour or ten years off, on publishers, the follower and readers, and that jump meanwhile.

Order is the integer of the log; what is served does not expire; the ladder counts in seconds since boot; who is alive
is told by the store's own time.
"""

import itertools
import os
import random
import time
from pathlib import Path

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.disks import quick_disk
from tests.faults.hosts import TENANT, Given, Host, Worker, forget
from tests.faults.swaps import Changing
from tests.integration.serving.shops import Shop, served

from recsys.encoding import parse_rfc3339
from recsys.releases import Releases, create_tenant
from recsys.replicas import alive, read_heartbeats
from recsys.serving.clock import since_boot
from recsys.snapshot import open_snapshot
from recsys.store import open_store

_HOUR_S = 3600.0
_TEN_YEARS_S = 10 * 365.25 * 24 * _HOUR_S
SKEWS = (-_TEN_YEARS_S, -_HOUR_S, 0.0, _HOUR_S, _TEN_YEARS_S)
COMMITS = 1_000 if FULL else 100
SWAPS = 200 if FULL else 25


class Clock:
    """The wall clock of one process, or of all, a few years off."""

    def __init__(self) -> None:
        self.skew_s = 0.0
        self._right = time.time

    def __call__(self) -> float:
        return self._right() + self.skew_s


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock that can be set in place of this process's wall clock."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


def test_releases_are_ordered_and_taken_back_by_their_numbers_whatever_publishers_clocks_say(
    counting: Counting,
) -> None:
    with counting("F14", "commits of publishers whose clocks are up to ten years off") as count:
        chance = random.Random(count.seed)
        store = open_store("memory:")
        create_tenant(store, TENANT, actor="tests")
        clock = Clock()
        puts: dict[int, int] = {}
        for number in itertools.islice(itertools.cycle(range(1, 8)), COMMITS):
            clock.skew_s = chance.choice(SKEWS)
            publisher = Releases(store, TENANT, actor=f"{clock.skew_s:+.0f} s", clock=clock)
            data = b'{"limits":{"max_k":%d}}' % number
            release = publisher.put_config(data, reason="by a wrong clock", expect=str(max(puts, default=1))).release
            puts[release.generation] = number
            count.survived()
        assert list(puts) == list(range(2, COMMITS + 2))
        reader = Releases(store, TENANT, actor="tests")
        listed = reader.list(limit=1_000).releases
        times = [parse_rfc3339(release.at) for release in listed]
        if [release.generation for release in listed] != list(range(COMMITS + 1, 0, -1))[:1_000]:
            count.wrong(f"listed as {[release.generation for release in listed]}")
        assert times != sorted(times, reverse=True)
        for number, skew_s in enumerate(SKEWS):
            clock.skew_s = skew_s
            newest = max(puts)
            back = Releases(store, TENANT, actor="tests", clock=clock).rollback("config", reason="back").release
            if back.config != reader.read(newest - 1).config:
                count.wrong(f"at {skew_s:+.0f} s a rollback from {newest} brought back another than {newest - 1}")
            puts[back.generation + 1] = 0
            reader.put_config(b'{"limits":{"max_k":%d}}' % (100 + number), reason="forward")
        if not reader.verify().sound:
            count.wrong(f"verify says {reader.verify().findings}")


def test_what_is_served_follows_the_log_and_does_not_expire_whatever_the_hosts_clock_says(
    counting: Counting, wall: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counting("F14", "swaps on a host whose clock jumps by up to ten years") as count, quick_disk() as disk:
        chance = random.Random(count.seed)
        changing = Changing(disk, seed=count.seed)
        with Host(disk / "store", disk / "host") as host:
            host.follow_to(2)
            worker = host.worker()
            for _ in range(SWAPS):
                wall.skew_s = chance.choice(SKEWS)
                generation = changing.change()
                wall.skew_s = chance.choice(SKEWS)
                host.follow_to(generation)
                wall.skew_s = chance.choice(SKEWS)
                if not _is_as_expected(worker.answer(now=wall()), changing, "live"):
                    count.wrong(f"generation {generation} at {wall.skew_s:+.0f} s: {worker.answer()}")
                count.survived()
            for kept in host.tenant.kept:
                forget()
                assert open_snapshot(disk / "host" / kept.path, verify=True).generation == kept.generation
            (disk / "store").rename(disk / "away")
            monkeypatch.setattr("recsys.serving.hosted.since_boot", lambda: since_boot() + _TEN_YEARS_S)
            for skew_s in SKEWS:
                wall.skew_s = skew_s
                host.follower.step()
                if not _is_as_expected(worker.answer(now=wall()), changing, "last_good"):
                    count.wrong(f"store away, at {skew_s:+.0f} s: {worker.answer()}")
                count.survived()
        for skew_s in SKEWS:
            wall.skew_s = skew_s
            _set_times(disk / "host", wall() - 2 * skew_s)
            forget()
            if not _is_as_expected(Worker(disk / "host", run="r2").answer(now=wall()), changing, "disk"):
                count.wrong(f"started with the store away, at {skew_s:+.0f} s")
            count.survived()


def _is_as_expected(given: Given | None, changing: Changing, rung: str) -> bool:
    expected = changing.expected[changing.head]
    told = given and (given.ids, given.config, given.rules, given.manifest)
    return given is not None and told == expected and given.generation == changing.head and given.rung == rung


def _set_times(root: Path, seconds: float) -> None:
    for path in root.rglob("*"):
        os.utime(path, (seconds, seconds))


def test_a_host_is_alive_by_the_stores_time_whatever_its_own_clock_says(counting: Counting, wall: Clock) -> None:
    with counting("F14", "heartbeats of hosts whose clocks are up to ten years off") as count, quick_disk() as disk:
        shop = Shop(disk)
        shop.ship("a")
        for number, skew_s in enumerate(SKEWS):
            wall.skew_s = skew_s
            with Host(disk / "store", disk / f"host{number}", host_name=f"h{number}", heartbeat_s=0.0) as host:
                host.follow_to(2)
                host.follow_until(
                    lambda number=number: f"h{number}" in {beat.host for beat in read_heartbeats(shop.store.objects)},
                    "a heartbeat",
                )
            for reader_s in SKEWS:
                wall.skew_s = reader_s
                if f"h{number}" not in {beat.host for beat in alive(shop.store.objects)}:
                    count.wrong(f"a host at {skew_s:+.0f} s counts as gone for a reader at {reader_s:+.0f} s")
                count.survived()
        beat = disk / "store" / "replicas" / "h0.json"
        an_hour_ago = beat.stat().st_mtime - _HOUR_S
        os.utime(beat, (an_hour_ago, an_hour_ago))
        assert {beat.host for beat in alive(shop.store.objects)} == {"h1", "h2", "h3", "h4"}


_SHIM = """
import os, time
_right = time.time
def _wrong():
    try:
        with open(os.environ["TESTS_SKEW_FILE"]) as file:
            return _right() + float(file.read())
    except (OSError, ValueError):
        return _right()
time.time = _wrong
"""
"""Imported by every Python process of the service before all else."""


@pytest.mark.long
def test_a_real_service_answers_and_follows_while_its_clock_jumps(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = "answers of a real service whose clock jumps by up to ten years"
    with counting("F14", what) as count, quick_disk() as disk:
        (disk / "shim").mkdir()
        (disk / "shim" / "sitecustomize.py").write_text(_SHIM)
        skew = disk / "skew"
        skew.write_text("0")
        monkeypatch.setenv("TESTS_SKEW_FILE", str(skew))
        monkeypatch.setenv("PYTHONPATH", f"{disk / 'shim'}:{os.environ.get('PYTHONPATH', '')}")
        shop = Shop(disk)
        shop.ship("a")
        with served(shop, workers=1) as service:
            right_age_s = service.answers_from(2).json["meta"]["data_age_s"]
            for number, skew_s in enumerate(SKEWS * (10 if FULL else 1)):
                _set(skew, skew_s)
                mark = "abcdefgh"[number % 8]
                generation = shop.ship(mark)
                given = service.answers_from(generation)
                moved_s = given.json["meta"]["data_age_s"] - right_age_s - skew_s
                assert abs(moved_s) < _HOUR_S / 2, "the service's clock is not the one we set"
                if given.marks != {mark}:
                    count.wrong(f"generation {generation} at {skew_s:+.0f} s: {given.body[:300]!r}")
                count.survived()
            shop.take_store_away()
            for skew_s in SKEWS:
                _set(skew, skew_s)
                given = service.answers_from(generation, rung="last_good")
                if given.marks != {mark}:
                    count.wrong(f"store away, at {skew_s:+.0f} s: {given.body[:300]!r}")
                count.survived()


def _set(skew: Path, skew_s: float) -> None:
    fresh = skew.with_suffix(".new")
    fresh.write_text(str(skew_s))
    fresh.replace(skew)
