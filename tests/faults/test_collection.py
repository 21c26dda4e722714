"""F16: garbage is collected while others publish, go back and read, and whoever collects is killed: nothing is lost."""

import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.contract.faulty import StillClock
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.processes import side_by_side
from tests.faults.promises import Promises, named_in
from tests.faults.scheduled import Actor, Schedule
from tests.unit.releases.shop import TENANT, Shop, config, publish
from tests.unit.releases.test_collect import stored_in

from recsys.errors import RecsysError
from recsys.releases import Releases, collect_garbage
from recsys.releases.commit import Committer
from recsys.store import Store
from recsys.store.log import ObjectLog
from recsys.store.memory import MemoryObjects

pytestmark = pytest.mark.long

KEEP = 2


@cache
def published() -> dict[int, dict[str, bytes]]:
    """Return what publishing one of five contents writes, by key, the manifest last."""
    found = {}
    for likes in range(1, 6):
        shop = Shop()
        publish(shop.store, likes=likes)
        found[likes] = {key: shop.store.objects.read(key) for key in shop.store.objects.keys("blobs/")}
        assert len(found[likes]) == 3
    return found


def put(store: Store, likes: int) -> str:
    """Publish as the pipelines do, manifest last."""
    data = sorted(published()[likes].values(), key=lambda data: data.startswith(b"{"))
    return [store.blobs.put(TENANT, one) for one in data][-1]


class Judge:
    """Looks at every change of the store when it is made."""

    def __init__(self, objects: MemoryObjects) -> None:
        self._objects = objects
        self.promises = Promises(self._blob, keep=KEEP)
        self.records: list[dict[str, Any]] = []
        for key in objects.keys(f"releases/{TENANT}/"):
            if not key.endswith("current.json"):
                self.records.append(json.loads(objects.read(key)))
        self.promised = self.promises.of(self.records)
        self.wrong: list[str] = []
        self.deleted = 0

    def __call__(self, what: str, key: str, data: bytes) -> None:
        if what == "created" and key.startswith("releases/"):
            record = json.loads(data)
            self.records.append(record)
            for digest in self.promises.closure(named_in(record)):
                if self._blob(digest) is None:
                    self.wrong.append(f"generation {record['generation']} names {digest[:19]}, which is not there")
            self.promised = self.promises.of(self.records)
        if what == "deleted" and key.startswith("blobs/"):
            self.deleted += 1
            digest = "sha256:" + key.rpartition("/")[2]
            if digest in self.promised:
                self.wrong.append(f"{digest[:19]} was deleted while generation {len(self.records)} keeps it")

    def _blob(self, digest: str) -> bytes | None:
        name = digest.removeprefix("sha256:")
        key = f"blobs/{TENANT}/sha256/{name[:2]}/{name}"
        return self._objects.read(key) if self._objects.exists(key) else None


def scheduled(objects: MemoryObjects | Actor) -> Store:
    """A store in which who waits for a lock waits in steps of the schedule, and not by the clock on the wall."""
    clock = StillClock()
    log = ObjectLog(objects, "releases", clock=clock, sleep=clock.sleep)
    return replace(stored_in(objects), releases=log)


def publisher(dice: random.Random) -> Callable[[Actor], None]:
    """Publish and ship, change the config, go back, hold and resume; refused ones go on with the next."""

    def work(actor: Actor) -> None:
        store = scheduled(actor)
        own = Releases(store, TENANT, actor=actor.actor)
        for _ in range(3):
            what = dice.choice(["ship", "ship", "config", "back", "hold", "undo"])
            try:
                if what == "ship":
                    own.ship(dice.choice(["home"]), put(store, dice.randint(1, 5)))
                elif what == "config":
                    own.put_config(config(limits={"max_k": dice.randint(1, 4)}))
                elif what == "back":
                    own.rollback("artifacts", to=dice.randint(2, 7), no_hold=True)
                elif what == "hold":
                    own.hold(surface="pdp")
                else:
                    own.undo()
            except RecsysError:
                continue

    return work


def collector(grace_s: float) -> Callable[[Actor], None]:
    def work(actor: Actor) -> None:
        for _ in range(2):
            try:
                collect_garbage(scheduled(actor), TENANT, actor=actor.actor, keep=KEEP, grace_s=grace_s)
            except RecsysError:
                continue

    return work


def schedule(seed: int) -> tuple[Judge, Schedule]:
    """Play one schedule: two publishers against two collectors that may die, and a third that comes after."""
    dice = random.Random(seed)
    ticks = [0.0]

    def clock() -> float:
        ticks[0] += 1.0
        return ticks[0]

    objects = MemoryObjects(clock=clock)
    store = scheduled(objects)
    releases = Releases(store, TENANT, actor="begin")
    releases.create()
    for likes in dice.sample(range(1, 6), 4):
        releases.ship("home", put(store, likes))
    for k in (1, 2, 3):
        releases.put_config(config(limits={"max_k": k}))
    judge = Judge(objects)
    grace_s = dice.choice([0.0, 0.0, 30.0])
    works = {
        Actor("one", objects, judge): publisher(random.Random(dice.random())),
        Actor("two", objects, judge): publisher(random.Random(dice.random())),
        Actor("gc one", objects, judge): collector(grace_s),
        Actor("gc two", objects, judge): collector(grace_s),
    }
    played = Schedule(dice, works, kill=dice.choice([0.0, 0.01, 0.05]))
    played.run(mortal=frozenset({"gc one", "gc two", "two"}))
    last = Actor("gc last", objects, judge)
    Schedule(dice, {last: collector(0.0)}, kill=0.0).run()
    ended = Releases(store, TENANT, actor="end")
    judge.wrong += [str(finding) for finding in ended.verify().findings]
    if ended.current().condemned is not None:
        judge.wrong.append("the last collection did not end")
    return judge, played


def test_no_interleaving_of_collectors_and_publishers_deletes_what_is_kept(counting: Counting):
    with counting(
        "F16", "schedules of store operations: collectors killed, publishers racing; nothing kept is deleted"
    ) as count:
        kills = deleted = steps = 0
        for n in range(5_000 if FULL else 8):
            judge, played = schedule(1_000_000 * count.seed + n)
            kills, deleted, steps = kills + played.kills, deleted + judge.deleted, steps + played.steps
            count.survived()
            for wrong in judge.wrong:
                count.wrong(f"schedule {n}: {wrong}")
        count.notes |= {"operations": steps, "killed": kills, "blobs deleted": deleted}
        assert kills > 0
        assert deleted > 0


def test_the_judge_sees_what_a_publisher_would_lose_that_did_not_ask_what_is_being_deleted(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(Committer, "_check_not_condemned", lambda *_: None)
    assert any(schedule(16_000_000 + n)[0].wrong for n in (48, *range(60)))


def test_garbage_is_collected_under_publishers_and_readers_by_processes_that_are_killed(
    tmp_path: Path, counting: Counting
):
    with counting(
        "F16", "changes while collectors loop and are killed and others pause; nothing kept is lost"
    ) as count:
        publishes = 600 if FULL else 25
        cores = len(os.sched_getaffinity(0))
        runs = [{"publishes": publishes // cores, "seed": 1_000 * count.seed + n} for n in range(cores)]
        notes = dict.fromkeys(("collections", "deleted", "finished", "kills", "pauses", "reads"), 0)
        for seen in side_by_side("collecting", "collected", tmp_path, runs):
            count.survived(seen["changes"])
            count.bad += seen["bad"]
            for name in notes:
                notes[name] += seen[name]
        count.notes |= notes
        assert notes["kills"] > 0
        assert notes["deleted"] > 0
