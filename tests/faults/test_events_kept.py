"""F18: the service is killed under load, and its disk fills up; what was acknowledged is there, once."""

import os
import random
import signal
from pathlib import Path

import msgspec
import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL, Count
from tests.faults.disks import Ballast, small_disk
from tests.faults.visitors import Promised, Visitors
from tests.integration.serving.shops import Served, Shop, served, until

from recsys.events import event_files

pytestmark = pytest.mark.long

KILLS = 200 if FULL else 3
FILLS = 60 if FULL else 1
_BETWEEN = 40
"""So many events at least are acknowledged from one fault to the next."""
_MEGABYTE = 1 << 20
_PATIENT = {"record_wait_s": 30.0, "durable_wait_s": 30.0, "spool_rotate_s": 0.5, "spool_keep_s": 0.0}
"""A busy machine is not a hung disk; files are shipped while they are written."""


def test_what_was_acknowledged_is_found_exactly_once_whoever_was_killed(tmp_path: Path, counting: Counting) -> None:
    with counting("F18", "events acknowledged to 16 writers while the service is killed: each found once") as count:
        shop = Shop(tmp_path)
        shop.ship("a")
        dice = random.Random(count.seed)
        with served(shop, **_PATIENT) as service:
            service.answers_from(2)
            port = int(service.process.base_url.rpartition(":")[2])
            with Visitors(service.process.base_url, shop.client, seed=count.seed) as promised:
                for number in range(KILLS):
                    _acknowledged(promised, _BETWEEN)
                    who = "group" if number % 6 == 5 else dice.choice(("worker-0", "worker-1", "workers", "follower"))
                    _kill(service, who, port=port)
                    count.notes[f"killed: {who}"] = int(count.notes.get(f"killed: {who}", 0)) + 1
                _acknowledged(promised, _BETWEEN)
            service.process.stop()
        _judge(shop, Path(shop.root / "host"), promised, count)


def test_what_was_acknowledged_is_found_exactly_once_although_the_disk_fills_up(
    tmp_path: Path, counting: Counting
) -> None:
    with (
        counting("F18", "events acknowledged to 16 writers while the disk fills up: each found once") as count,
        small_disk(tmp_path / "disk", size_bytes=16 * _MEGABYTE) as disk,
    ):
        shop = Shop(tmp_path)
        shop.ship("a")
        dice, ballast, times = random.Random(count.seed), Ballast(disk), [0]
        host = disk / "host"
        with served(shop, host_dir=str(host), **_PATIENT) as service:
            service.answers_from(2)
            visitors = Visitors(service.process.base_url, shop.client, seed=count.seed, room=lambda: times[0])
            with visitors as promised:
                for number in range(FILLS):
                    _acknowledged(promised, _BETWEEN)
                    times[0] += 1
                    refused = promised.refused
                    ballast.fill(leave_pages=dice.randrange(4))
                    until(lambda refused=refused: promised.refused > refused + 20, "events to be refused")
                    if number % 2:
                        _killed(service, f"worker-{dice.randrange(2)}")  # if its number could be written down
                    ballast.drop()
                    times[0] += 1
                _acknowledged(promised, _BETWEEN)
            service.process.stop()
        count.notes |= {"times the disk was full": FILLS, "refused": promised.refused}
        assert promised.refused >= FILLS
        _judge(shop, host, promised, count)


def _acknowledged(promised: Promised, more: int) -> None:
    enough = len(promised.events) + more
    until(lambda: len(promised.events) >= enough, f"{more} more events to be acknowledged", timeout_s=60.0)


def _kill(service: Served, who: str, *, port: int) -> None:
    if who == "group":
        service.process.kill()
        service.process.settings = msgspec.structs.replace(service.process.settings, port=port)
        service.process.start()
        service.process.wait_ready()
        return
    for name in ("worker-0", "worker-1") if who == "workers" else (who,):
        until(lambda name=name: _killed(service, name), f"{name} to be there to be killed")


def _killed(service: Served, name: str) -> bool:
    try:
        os.kill(service.process.pid(name), signal.SIGKILL)
    except (ProcessLookupError, KeyError):
        return False  # the last one is dead, and not replaced yet
    return True


def _judge(shop: Shop, host: Path, promised: Promised, count: Count) -> None:
    """Read from the store: nothing is left on the host that was not shipped."""
    left = [file.path for state in ("open", "ready") for file in event_files(host / "spool" / state)]
    for path in left:
        count.wrong(f"{path} was not shipped")
    for broken in promised.broken(shop.root / "store" / "events"):
        count.wrong(broken)
    count.survived(len(promised.events))
    written = promised.written(shop.root / "store" / "events")
    count.notes |= {"answers recorded": len(promised.answers), "acknowledged again": promised.again}
    count.notes["written twice"] = written - len(promised.events)
