"""F13: the disk is full, at a replica that answers and at a publisher."""

import hashlib
import json
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL, Count
from tests.faults.disks import Ballast, FullFrom, may_mount, quick_disk, small_disk
from tests.integration.serving.shops import Served, Shop, served, until

from recsys.errors import OutcomeUnknown, RecsysError
from recsys.releases import Releases
from recsys.serving.processes import read_processes
from recsys.store import open_store

REQUESTS = 3_000 if FULL else 100
_MEGABYTE = 1 << 20


@pytest.mark.long
def test_a_full_disk_of_a_replica_fails_no_answer(tmp_path: Path, counting: Counting) -> None:
    with counting("F13", "answers of a replica whose disk is full") as count:
        shop = Shop(tmp_path)
        shop.ship("a")
        with small_disk(tmp_path / "disk", size_bytes=4 * _MEGABYTE) as disk:
            ballast = Ballast(disk)
            with served(shop, host_dir=str(disk / "host")) as service:
                _answer_through(service, count, fill=ballast.fill, drop=ballast.drop)


def test_a_replica_that_may_write_no_byte_fails_no_answer(tmp_path: Path, counting: Counting) -> None:
    """The same by a limit on what its processes may write, for who may not mount: EFBIG in place of ENOSPC."""
    if may_mount() and not FULL:
        pytest.skip("the short form shows it on a small disk, where that may be mounted")
    with counting("F13", "answers of a replica whose processes can write no byte more") as count:
        shop = Shop(tmp_path)
        shop.ship("a")
        with served(shop) as service:
            _answer_through(
                service,
                count,
                fill=lambda: _limit_files(service, 0),
                drop=lambda: _limit_files(service, resource.RLIM_INFINITY),
            )


def _limit_files(service: Served, most_bytes: int) -> None:
    processes = read_processes(service.process.places.processes)
    assert processes is not None
    for child in processes.children.values():
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


def _answer_through(service: Served, count: Count, *, fill: Callable[[], None], drop: Callable[[], None]) -> None:
    """Ask before, while and after there is no room; a new release is shipped meanwhile."""
    shop = service.shop
    service.answers_from(2)
    fill()
    try:
        shop.releases.ship("home", shop.manifest("b", items=3_000), reason="larger than what is left")
        for number in range(REQUESTS):
            given = service.recommend(user={"anonymous_id": f"u{number}"})
            if (given.status, given.json and given.marks, given.json and given.generation) != (200, {"a"}, 2):
                count.wrong(f"request {number}: {given.status} {given.body[:300]!r}")
            count.survived()
        click = {"request_id": "r", "item_id": "a-000", "event_type": "click", "ts": "2026-11-22T08:00:00Z"}
        refused = service.post("/v1/events", {**click, "event_id": "e1"})
        assert (refused.status, refused.json["code"]) == (503, "NOT_DURABLE")
        until(lambda: _unrecorded(service) > 0, "answers that were not recorded are counted")
        health = until(lambda: _unwell(service), "health says that something is wrong")
        count.notes |= {"unrecorded": int(_unrecorded(service)), "health": health}
    finally:
        drop()
    service.answers_from(3)
    assert service.post("/v1/events", {**click, "event_id": "e2"}).status == 200


def _unwell(service: Served) -> str:
    state = service.admin("/health/detailed").json["state"]
    return "" if state == "healthy" else state


def _unrecorded(service: Served) -> float:
    lines = service.admin("/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("recsys_answers_unrecorded"))


class Publisher:
    """A store with two generations, and what a third one needs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shop = Shop(root)
        shop.ship("a")

    def publish(self, mark: str = "b") -> int:
        """Write new artifacts and ship them, as a process that has just started; return the generation."""
        shop = object.__new__(Shop)
        shop.root, shop.tenant, shop.store = self.root, "demo", open_store(self.root / "store")
        shop.releases = Releases(shop.store, "demo", actor="tests")
        return shop.ship(mark)

    def seen(self) -> tuple[int, str, str]:
        """Read the log with nothing of ours: how many records chain whole, what is wrong, the pointer's text."""
        folder = self.root / "store" / "releases" / "demo"
        previous = None
        for number in range(1, 1_000):
            path = folder / f"{number:010d}.json"
            if not path.exists():
                left = len(list(folder.glob("0*.json"))) - (number - 1)
                return number - 1, "records after a gap" if left else "", (folder / "current.json").read_text()
            data = path.read_bytes()
            record = json.loads(data)
            if record["previous"] != previous:
                return number, f"record {number} does not chain", ""
            previous = "sha256:" + hashlib.sha256(data).hexdigest()
            manifest = record["surfaces"].get("home", {}).get("manifest")
            for named in self._closure(record["config"], record["rules"], manifest):
                if not self._whole(named):
                    return number, f"record {number} names {named}, which is not whole", ""
        raise AssertionError

    def _closure(self, *named: str | None) -> list[str]:
        found = [one for one in named if one]
        if named[-1]:
            manifest = json.loads(self._blob(named[-1]).read_bytes())
            refs = [ref for refs in manifest["signals"].values() for ref in refs] + [manifest["catalog"]]
            found += [ref["artifact"] for ref in refs]
        return found

    def _blob(self, named: str) -> Path:
        digits = named.removeprefix("sha256:")
        return self.root / "store" / "blobs" / "demo" / "sha256" / digits[:2] / digits

    def _whole(self, named: str) -> bool:
        path = self._blob(named)
        return path.exists() and "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest() == named


def _attempt(publisher: Publisher, where: str, count: Count, mark: str = "b") -> bool:
    """Publish on a full disk, and judge what is left; return whether it was committed all the same."""
    before, _, pointer = publisher.seen()
    told = ""
    try:
        publisher.publish(mark)
    except OutcomeUnknown as error:
        count.wrong(f"{where}: unknown, though a full disk is known to have changed nothing: {error}")
        return False
    except RecsysError as error:
        told = str(error)
    except OSError as error:
        count.wrong(f"{where}: {error!r} in place of an error of ours")
        return False
    after, problem, now = publisher.seen()
    if problem:
        count.wrong(f"{where}: {problem}")
    if told and (after, now) != (before, pointer):
        count.wrong(f"{where}: refused, and the log went on from {before} to {after}")
    if told and "No space left" not in told:
        count.wrong(f"{where}: says {told}")
    if not told and after != before + 1:
        count.wrong(f"{where}: done, and the log stands at {after}")
    return not told


def test_a_publisher_whose_disk_is_full_from_any_call_on_leaves_nothing_half_done(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counting("F13", "a publisher whose disk is full from the n-th call on") as count, quick_disk() as disk:
        Publisher(disk / "template")
        committed = 0
        for first in range(1, 1_000):
            root = disk / "tried"
            shutil.copytree(disk / "template", root)
            publisher = object.__new__(Publisher)
            publisher.root = root
            full = FullFrom(first)
            with monkeypatch.context() as patched:
                patched.setattr("recsys.store.tree.os", full)
                patched.setattr("recsys.store.local.os", full)
                committed += _attempt(publisher, f"full from call {first}", count)
            if not full.failed:
                break
            count.survived()
            if publisher.publish("c") != publisher.seen()[0]:
                count.wrong(f"full from call {first}: and then, with room again, the next publish is not the newest")
            shutil.rmtree(root)
        count.notes["committed before it was full"] = committed - 1
        assert count.count >= 20


def test_a_publisher_on_a_small_disk_leaves_nothing_half_done_however_much_is_free(
    tmp_path: Path, counting: Counting
) -> None:
    with (
        counting("F13", "a publisher with n pages left on its disk") as count,
        small_disk(tmp_path / "disk", size_bytes=2 * _MEGABYTE) as disk,
    ):
        publisher, ballast = Publisher(disk), Ballast(disk)
        for pages in range(40):
            ballast.fill(leave_pages=pages)
            committed = _attempt(publisher, f"{pages} pages left", count, mark=f"p{pages}")
            ballast.drop()
            count.survived()
            if committed:
                break
        assert committed
        assert count.count > 5
