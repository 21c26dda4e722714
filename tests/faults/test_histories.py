"""F24: a log put back from an older backup, then gone another way, then restored, under readers at every generation.

Each reader is a follower with the copies of its host, as in a service, without its processes. After every step of each
it is noted which release its workers would answer from, and with which items. A judge that knows the layout of the
store's files, and nothing of the code, decides whether anybody mixed two histories.
"""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL, seed_of
from tests.integration.serving.shops import Shop, until

from recsys.ranking import RecommendRequest
from recsys.releases import Releases
from recsys.releases.restore import restore
from recsys.serving.follower import Follower
from recsys.serving.host_state import Places, TenantState, read_host_state
from recsys.serving.hosted import Hosted
from recsys.snapshot import recommend
from recsys.store import open_store

TIMES = 60 if FULL else 3
_NOW = 1_795_348_800.0
_READERS = 4

Served = tuple[str, str]
"""A release by its generation and the attempt that made it, which no other record of that number has; and the mark of
the items that were answered.
"""


class Host:
    """A reader: what it was seen to serve stands in ``served``, in its order."""

    def __init__(self, shop: Shop, name: str) -> None:
        self.name = name
        settings = shop.settings(host_dir=str(shop.root / name), host_name=name, retry_rejected_s=0.05)
        self._follower = Follower(settings, run="r1")
        self._places = Places(settings.host_path)
        self._workers = Hosted(self._places, run="r1")
        self.served: list[Served] = []

    @property
    def state(self) -> TenantState:
        found = read_host_state(self._places.state)
        return found.tenants.get("demo", TenantState()) if found else TenantState()

    def step(self) -> None:
        self._follower.step()
        self._workers.take_over()
        view = self._workers.view("demo")
        if view is None or view.snapshot is None:
            return
        answer = recommend(view.snapshot, RecommendRequest(surface="home", k=3), now=_NOW)
        (mark,) = {item.item_id.partition("-")[0] for item in answer.items}
        release = view.snapshot.release
        now = (f"{release.generation} {release.attempt}", mark)
        if self.served[-1:] != [now]:
            self.served.append(now)

    def until(self, holds: Callable[[TenantState], bool], what: str) -> None:
        def stepped() -> bool:
            self.step()
            return holds(self.state)

        until(stepped, f"{self.name} {what}")

    def follow(self, generation: int) -> None:
        self.until(lambda state: state.generation == generation and not state.problem, f"to serve {generation}")

    def says_forked(self) -> None:
        before = self.served[-1]
        self.until(lambda state: "LOG_FORKED" in state.problem, "to say that the log is another one")
        for _ in range(3):
            self.step()
        assert self.served[-1] == before, "what was served goes on"

    def beat(self) -> None:
        self._follower._beat()

    def close(self) -> None:
        self._follower.close()


class Judge:
    """What was really written, read from the files by their layout alone: every record that ever stood in the store."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "store/releases/demo"
        self._records: dict[str, dict[str, Any]] = {}
        self._served: dict[str, str] = {}
        self._marks: dict[str, str] = {}

    def knows(self, manifest: str, mark: str) -> None:
        self._marks[manifest] = mark

    def look(self) -> None:
        for path in self._folder.glob("0*.json"):
            data = path.read_bytes()
            record = json.loads(data)
            named = "sha256:" + hashlib.sha256(data).hexdigest()
            self._records[named] = record
            self._served[f"{record['generation']} {record['attempt']}"] = named

    def wrong(self, served: list[Served]) -> list[str]:
        """Say where a reader mixed histories."""
        found = [f"{one} was answered, and that has no such items" for one in served if one[1] != self._mark(one[0])]
        for before, after in pairwise(served):
            if not self._goes_on(self._served[before[0]], self._served[after[0]]):
                found.append(f"went from {before} to {after}")
        return found

    def _mark(self, name: str) -> str:
        record = self._records[self._served[name]]
        return self._marks[record["surfaces"]["home"]["manifest"]]

    def _goes_on(self, before: str, after: str) -> bool:
        """Tell whether a record has another one before it: by its links, or by a declared restoration of its log."""
        old, new = self._records[before], self._records[after]
        if new["generation"] <= old["generation"]:
            return False
        if before in self._before(after):
            return True
        logs = {old["log"]}
        declared = [self._records[one] for one in self._before(after) if self._records[one]["action"] == "restore"]
        for record in sorted(declared, key=lambda record: record["generation"]):
            taken = record["supersedes"]
            if taken["log"] in logs and (taken["log"] != old["log"] or taken["generation"] <= old["generation"]):
                logs.add(record["log"])
        above = any(r["generation"] > old["generation"] and r["log"] in logs for r in declared)
        return new["log"] in logs - {old["log"]} and above

    def _before(self, named: str | None) -> set[str]:
        """Return a record and all that stand before it."""
        found = set()
        while named is not None:
            found.add(named)
            named = self._records[named]["previous"]
        return found


class Stage:
    """A shop, its hosts, and somebody who keeps backups."""

    def __init__(self, root: Path) -> None:
        self.shop = Shop(root)
        self.judge = Judge(root)
        self.hosts = [Host(self.shop, f"host-{number}") for number in range(_READERS)]
        self._mark = 0

    @property
    def releases(self) -> Releases:
        """Whoever changes something now has not seen what stood there before."""
        return Releases(open_store(self.shop.root / "store"), "demo", actor="tests")

    @property
    def head(self) -> int:
        return self.releases.current().generation

    def ship(self) -> int:
        self._mark += 1
        manifest = self.shop.manifest(f"m{self._mark}")
        self.judge.knows(manifest, f"m{self._mark}")
        generation = self.releases.ship("home", manifest, reason=f"m{self._mark}").release.generation
        self.judge.look()
        return generation

    def back_up(self) -> Path:
        """As docs/how-to/back-up-and-restore.md says: records before blobs, without the pointers."""
        to = self.shop.root / f"backup-{self._mark}"
        shutil.copytree(self.shop.root / "store", to, ignore=shutil.ignore_patterns("current.json", "tmp", "replicas"))
        return to

    def put_back(self, backup: Path) -> None:
        shutil.rmtree(self.shop.root / "store")
        shutil.copytree(backup, self.shop.root / "store")

    def restore(self, **how: Any) -> int:
        restore(self.releases, reason="put back", **how)
        self.judge.look()
        return self.head

    def wrong(self) -> list[str]:
        return [f"{host.name} {problem}" for host in self.hosts for problem in self.judge.wrong(host.served)]


@contextmanager
def staged(root: Path) -> Iterator[Stage]:
    root.mkdir(parents=True)
    stage = Stage(root)
    try:
        yield stage
    finally:
        for host in stage.hosts:
            host.close()


@pytest.mark.timeout(300)
@pytest.mark.long
def test_nobody_mixes_histories_when_a_backup_is_put_back(tmp_path: Path, counting: Counting):
    chance = random.Random(seed_of("F24"))
    with counting("F24", "a log put back from an older backup, and restored: no reader mixes histories") as count:
        moved = forked = diverged = 0
        for number in range(TIMES):
            with staged(tmp_path / f"h{number}") as stage:
                story = _play(stage, chance)
                problems = stage.wrong()
                if problems:
                    count.wrong(f"history {number} ({story}): {problems}")
                count.survived(len(stage.hosts))
                forked += story.count("forked")
                moved += story.count("moved")
                diverged += story.count("diverged")
            shutil.rmtree(tmp_path / f"h{number}")
        count.notes.update({"forks told": forked, "readers that went over": moved, "that had diverged": diverged})


def _play(stage: Stage, chance: random.Random) -> str:
    """Tell one history of a store: what happened to it, and what each reader said."""
    story = []
    backup_at = chance.randrange(2, 5)
    stops = [chance.randrange(2, 7) for _ in stage.hosts]
    stops[0] = 6  # somebody has seen it all
    backup = Path()
    for generation in range(2, 7):
        assert stage.ship() == generation
        if generation == backup_at:
            backup = stage.back_up()
        for host, stop in zip(stage.hosts, stops, strict=True):
            if stop == generation:
                host.follow(generation)
    stage.put_back(backup)
    story.append(f"put back to {backup_at}")
    own_way = chance.randrange(0, 4)
    for _ in range(own_way):
        stage.ship()
    if own_way:
        story.append(f"diverged by {own_way}")
    lost = [host for host, stop in zip(stage.hosts, stops, strict=True) if stop > backup_at]
    for host in lost:
        host.says_forked()
        host.beat()
        story.append(f"{host.name} forked")
    base = stage.head
    top = stage.restore()
    story.append(f"restored from {base} to {top}")
    for host, stop in zip(stage.hosts, stops, strict=True):
        if host in lost and stop < base:
            host.says_forked()  # it went another way before the restoration began
            story.append(f"{host.name} stays")
        else:
            host.follow(top)
            story.append(f"{host.name} moved" if host in lost else f"{host.name} followed")
    stage.releases.resume(reason="looked at")
    last = stage.ship()
    for host, stop in zip(stage.hosts, stops, strict=True):
        if host not in lost or stop >= base:
            host.follow(last)
    return ", ".join(story)


@pytest.mark.timeout(120)
def test_a_reader_that_was_not_asked_stays_where_it_is_until_it_is_restored_above_it(tmp_path: Path):
    with staged(tmp_path / "shop") as stage:
        asked, silent, late = stage.hosts[:3]
        stage.ship()
        backup = stage.back_up()
        for _ in range(3):
            stage.ship()
        asked.follow(5)
        late.follow(5)
        stage.ship()
        silent.follow(6)
        stage.put_back(backup)
        asked.says_forked()
        asked.beat()
        (stage.shop.root / "store/replicas/host-1.json").unlink(missing_ok=True)
        assert stage.restore() == 6
        asked.follow(6)
        silent.says_forked()
        stage.releases.resume()
        assert stage.ship() == 8
        asked.follow(8)
        silent.says_forked()
        assert "restored up to generation 6 only" in silent.state.problem
        assert "restore --tenant demo --above 6" in silent.state.problem
        silent.beat()
        assert stage.restore() == 9
        for host in (asked, silent, late):  # the last one was away for both
            host.follow(9)
        assert "took the place of generation 6" in silent.state.restored
        assert stage.wrong() == []


@pytest.mark.timeout(120)
def test_two_copies_that_go_different_ways_are_two_logs(tmp_path: Path):
    with staged(tmp_path / "shop") as stage:
        here, there = stage.hosts[:2]
        stage.ship()
        fork = stage.back_up()
        stage.ship()
        stage.ship()
        here.follow(4)
        ours = stage.back_up()
        stage.put_back(fork)
        for _ in range(4):
            stage.ship()
        there.follow(6)
        here.says_forked()
        stage.put_back(ours)
        there.says_forked()
        here.follow(4)
        stage.ship()
        here.follow(5)
        assert stage.wrong() == []


@pytest.mark.timeout(120)
def test_a_restoration_stopped_half_way_moves_nobody_back(tmp_path: Path):
    with staged(tmp_path / "shop") as stage:
        high, low = stage.hosts[:2]
        stage.ship()
        backup = stage.back_up()
        stage.ship()
        low.follow(3)
        stage.ship()
        stage.ship()
        high.follow(5)
        stage.put_back(backup)
        assert stage.restore(above=3) == 4  # as one that was ended after its second record
        low.follow(4)
        high.says_forked()
        high.beat()
        assert stage.restore() == 6
        low.follow(6)
        high.follow(6)
        assert stage.wrong() == []


def test_the_judge_sees_a_mixture(tmp_path: Path):
    with staged(tmp_path / "shop") as stage:
        stage.ship()
        backup = stage.back_up()
        stage.ship()
        old = stage.releases.current()
        stage.put_back(backup)
        stage.ship()
        stage.ship()
        new = stage.releases.current()
        names = [f"{one.generation} {one.attempt}" for one in (old, new)]
        assert stage.judge.wrong([(names[0], "m2"), (names[1], "m4")])
        assert stage.judge.wrong([(names[1], "m2")])
        stage.restore(above=6)
        over = stage.releases.current()
        assert not stage.judge.wrong([(names[1], "m4"), (f"{over.generation} {over.attempt}", "m4")])
        assert stage.judge.wrong([(f"{over.generation} {over.attempt}", "m4"), (names[1], "m4")])
