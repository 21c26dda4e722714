"""A tenant on disk whose garbage is collected without end, by processes that are killed, while others publish, go back,
hold, read and stand still. Run as a module.
"""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults import checker
from tests.faults.processes import main
from tests.faults.promises import Promises, named_in
from tests.faults.racing import Acknowledge, Child, releases
from tests.unit.releases.shop import TENANT, config, publish

from recsys.errors import RecsysError
from recsys.releases import collect_garbage, create_tenant
from recsys.store import Store, open_store

KEEP = 3
GRACE_S = 0.02
"""So tiny that publishers lose what they have just written."""
CONTENTS = 8


def promises(path: Path) -> Promises:
    def read(digest: str) -> bytes | None:
        name = digest.removeprefix("sha256:")
        try:
            return (path / "blobs" / TENANT / "sha256" / name[:2] / name).read_bytes()
        except FileNotFoundError:
            return None

    return Promises(read, keep=KEEP)


def publisher(path: Path, seed: int) -> Any:
    """Publish, change the config, go back, hold and resume, until killed; say what was acknowledged."""

    def work(say: Acknowledge) -> None:
        dice, own, store = random.Random(seed), releases(path, f"publisher {seed}"), open_store(path)
        while True:
            try:
                change = _act(dice, own, store)
            except RecsysError:
                continue  # refused: raced, held, being collected, collected
            if change.committed:
                release = change.release
                say({"generation": release.generation, "attempt": release.attempt, "action": release.action})

    return work


def _act(dice: random.Random, own: Any, store: Store) -> Any:
    what = dice.random()
    if what < 0.6:
        surface = dice.choice(["home", "home", "pdp"])
        return own.ship(surface, publish(store, surface, likes=dice.randint(1, CONTENTS)))
    if what < 0.75:
        return own.put_config(config(limits={"max_k": dice.randint(1, 6)}))
    if what < 0.85:
        return own.rollback("artifacts", surface="home", to=max(2, own.current().generation - dice.randint(1, 9)))
    if what < 0.9:
        return own.hold(surface="home", levers=["rules"])
    return own.resume(surface="home", levers=dice.choice([["rules"], ["artifacts"]]))


def collector(path: Path) -> Any:
    def work(say: Acknowledge) -> None:
        store = open_store(path)
        while True:
            try:
                made = collect_garbage(store, TENANT, actor="collector", keep=KEEP, grace_s=GRACE_S)
            except RecsysError:
                continue
            say({"deleted": made.blobs, "finished": made.finished is not None})

    return work


def reader(path: Path, seed: int) -> Any:
    """Take up a release, read all it names, and say what was not there although every newest release kept it."""

    def work(say: Acknowledge) -> None:
        dice, promised = random.Random(seed), promises(path)
        while True:
            known = checker.records(path, TENANT)
            at = dice.randrange(max(0, len(known) - 8), len(known))
            missing = [digest for digest in promised.closure(named_in(known[at])) if promised.read(digest) is None]
            later = checker.records(path, TENANT) if missing else []
            for digest in missing:
                if all(digest in promised.of(later[: n + 1]) for n in range(len(known) - 1, len(later))):
                    say({"lost": f"generation {at + 1} read while {len(known)}..{len(later)} keep {digest[:19]}"})
            say({"read": True})

    return work


class Mortal(Child):
    """A child that can be stopped for a while, and killed."""

    def pause(self, seconds: float) -> None:
        os.kill(self._pid, signal.SIGSTOP)
        time.sleep(seconds)  # the fault itself: a moment nobody chose
        os.kill(self._pid, signal.SIGCONT)

    def killed(self) -> list[Any]:
        """Kill it wherever it is; return what it had said."""
        os.kill(self._pid, signal.SIGKILL)
        return self.end()[1]


@contextmanager
def _standing(work: Any, said: list[Any]) -> Iterator[Mortal]:
    """Run a child for a block, then kill it and take what it said."""
    child = Mortal(work)
    try:
        yield child
    finally:
        said += child.killed()


def collected(path: Path, *, publishes: int, seed: int) -> dict[str, Any]:
    """Let all of them run until so many changes are acknowledged; kill collectors, and stop others for a while."""
    dice = random.Random(seed)
    store = open_store(path)
    create_tenant(store, TENANT, actor="test")
    releases(path, "test").ship("home", publish(store, likes=1))
    told: list[Any] = []
    read: list[Any] = []
    collections: list[Any] = []
    kills = pauses = 0
    with (
        _standing(publisher(path, 2 * seed), told) as one,
        _standing(publisher(path, 2 * seed + 1), told) as two,
        _standing(reader(path, seed), read) as three,
    ):
        while len(_changes(path)) < publishes:
            with _standing(collector(path), collections):
                for _ in range(dice.choice([1, 3, 5, 20])):
                    dice.choice([one, two, three]).pause(dice.random() * 0.03)
                    pauses += 1
            kills += 1
    with _standing(collector(path), collections) as last:
        last.first()
    return {
        "collections": len({record["condemned"] for record in checker.records(path, TENANT)} - {None}),
        "kills": kills,
        "pauses": pauses,
        "reads": sum("read" in line for line in read),
        "changes": len(told),
        "deleted": _deleted(path),
        "finished": sum(line["finished"] for line in collections),
        "bad": [line["lost"] for line in read if "lost" in line] + _wrong(path, told),
    }


def _changes(path: Path) -> list[Any]:
    return [record for record in checker.records(path, TENANT) if record["action"] != "gc"]


def _deleted(path: Path) -> int:
    """Count the blobs that collections condemned; those that came again and went again count again."""
    lists = {record["condemned"]: record for record in checker.records(path, TENANT) if record["condemned"]}
    return sum(len(json.loads(promises(path).read(named) or b"[]")) for named in lists)


def _wrong(path: Path, told: list[Any]) -> list[str]:
    """Judge what is left: the log, and every generation whose content is kept."""
    records = checker.records(path, TENANT)
    promised = promises(path).of(records)
    complete = [record["generation"] for record in records if named_in(record) <= promised]
    acknowledged = [(line["generation"], line["attempt"]) for line in told]
    problems = checker.check(path, TENANT, acknowledged=acknowledged, complete=complete)
    problems += [str(finding) for finding in releases(path, "test").verify().findings]
    own = releases(path, "test")
    for generation in complete[-3:]:
        own.rollback("all", to=generation, no_hold=True)
    return problems


if __name__ == "__main__":
    main({"collected": collected})
