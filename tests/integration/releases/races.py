"""Real processes on one store on disk, racing and being killed. Run as a module; prints what it saw as JSON.

Children are forked from this single-threaded process, so that hundreds of them cost seconds and not minutes. What was
acknowledged goes through a pipe, one line a commit, written only after the call had returned: the parent then holds the
log against exactly what somebody was told.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.unit.releases.shop import TENANT, config, publish

from recsys.errors import Refused
from recsys.releases import Held, Releases, create_tenant
from recsys.store import Store, open_store

Acknowledge = Callable[[object], None]


class Child:
    """A forked process and what it acknowledged."""

    def __init__(self, work: Callable[[Acknowledge], None]) -> None:
        ours, theirs = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ours)
            code = 1
            try:
                work(lambda said: os.write(theirs, json.dumps(said).encode() + b"\n") and None)
                code = 0
            except Refused:
                code = 3
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(theirs)
        self._pipe = os.fdopen(ours, "rb")

    def first(self) -> bytes:
        """Wait for the first line."""
        return self._pipe.readline()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> tuple[int, list[object]]:
        """Wait for the end; return the exit code (negative: the signal) and what was acknowledged after `first`."""
        said = [
            json.loads(line) for line in self._pipe.read().splitlines() if line.endswith(b"}") or line[-1:].isdigit()
        ]
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status), said


def releases(path: Path, actor: str) -> Releases:
    return Releases(open_store(path), TENANT, actor=actor)


def begun(path: Path) -> tuple[Store, list[str]]:
    store = open_store(path)
    create_tenant(store, TENANT, actor="test")
    return store, [publish(store, "home", likes=likes) for likes in range(1, 9)]


def killed(path: Path, *, kills: int, seed: int) -> dict[str, object]:
    """Kill a publisher at random points, again and again; each time the log must be whole and go on."""
    dice = random.Random(seed)
    _, manifests = begun(path)
    told: dict[int, str] = {}
    inside = 0

    def work(say: Acknowledge, seed: int) -> None:
        mine, own = random.Random(seed), releases(path, "victim")
        say({"ready": True})
        while True:
            try:
                release = mine.choice(
                    [
                        lambda: own.ship("home", mine.choice(manifests)),
                        lambda: own.put_config(config(limits={"max_k": mine.randint(1, 99)})),
                        lambda: own.rollback("config", to=1),
                        lambda: own.withdraw([f"item-{mine.random()}"]),
                        lambda: own.hold(surface="pdp", levers=["artifacts"]),
                        lambda: own.resume(surface="pdp"),
                    ]
                )().release
            except Refused:
                continue
            say({"generation": release.generation, "attempt": release.attempt})

    for kill in range(kills):
        before = releases(path, "test").current().generation
        own_seed = dice.getrandbits(32)
        child = Child(lambda say, s=own_seed: work(say, s))
        child.first()
        time.sleep(dice.random() * 0.06)  # the fault itself: a moment nobody chose
        child.kill()
        code, said = child.end()
        assert code == -signal.SIGKILL, code
        told |= {line["generation"]: line["attempt"] for line in said}
        after = releases(path, "test").current().generation
        inside += after - before > len(said)  # it was killed after its commit and before it could say so
        change = releases(path, "test").withdraw([f"after-{kill}"])
        told[change.release.generation] = change.release.attempt
    fresh = releases(path, "test")
    verification = fresh.verify()
    lost = [n for n, attempt in told.items() if fresh.read(n).attempt != attempt]
    return {
        "kills": kills,
        "acknowledged": len(told),
        "generations": verification.generations,
        "unacknowledged": inside,
        "lost": lost,
        "unsound": [str(finding) for finding in verification.findings],
    }


def crowd(path: Path, *, processes: int, commits: int) -> dict[str, object]:
    """Everyone withdraws items of their own at once: relative changes, so each must go through and none be lost."""
    begun(path)

    def work(say: Acknowledge, who: int) -> None:
        own = releases(path, f"p{who}")
        for n in range(commits):
            say(own.withdraw([f"{who}-{n}"]).release.generation)

    children = [Child(lambda say, who=who: work(say, who)) for who in range(processes)]
    ends = [child.end() for child in children]
    said = sorted(n for _, lines in ends for n in lines)
    own = releases(path, "test")
    newest = own.current()
    withdrawn = json.loads(open_store(path).blobs.read(TENANT, newest.withdrawn or ""))
    return {
        "codes": [code for code, _ in ends],
        "generations": said,
        "head": newest.generation,
        "withdrawn": len(withdrawn),
        "sound": own.verify().sound,
    }


def two(path: Path, *, rounds: int) -> dict[str, object]:
    """Two ship the same surface at the same moment, and two different ones."""
    store, manifests = begun(path)
    pdp = publish(store, "pdp")
    same, apart = [], []
    for n in range(rounds):
        one, other = manifests[(2 * n) % 8], manifests[(2 * n + 1) % 8]
        before = releases(path, "test").current().generation
        pair = [
            Child(lambda say, m=m: say(releases(path, "racer").ship("home", m).release.generation))
            for m in (one, other)
        ]
        ends = [child.end() for child in pair]
        head = releases(path, "test").current()
        same.append({"ends": ends, "before": before, "head": head.generation})
        releases(path, "test").rollback("all", to=1, no_hold=True)
        before = releases(path, "test").current().generation
        jobs = (("home", one), ("pdp", pdp))
        pair = [
            Child(lambda say, s=s, m=m: say(releases(path, "racer").ship(s, m).release.generation)) for s, m in jobs
        ]
        ends = [child.end() for child in pair]
        head = releases(path, "test").current()
        served = {name: surface.manifest for name, surface in head.surfaces.items()}
        apart.append(
            {
                "codes": [code for code, _ in ends],
                "before": before,
                "head": head.generation,
                "served": served == dict(jobs),
            }
        )
        releases(path, "test").rollback("all", to=1, no_hold=True)
    return {"same": same, "apart": apart, "sound": releases(path, "test").verify().sound}


def holds(path: Path, *, publishers: int, trials: int) -> dict[str, object]:
    """A hold against publishers that never stop: nothing ships once it is acknowledged, and rollbacks pass."""
    _, manifests = begun(path)
    own = releases(path, "operator")
    own.ship("home", manifests[0])
    own.ship("home", manifests[1])
    late, rollbacks, shipped = [], 0, 0
    for trial in range(trials):

        def work(say: Acknowledge, who: int) -> None:
            mine = releases(path, f"p{who}")
            for n in range(10_000):
                try:
                    mine.ship("home", manifests[(who + n) % 8])
                except Held:
                    return
                except Refused:
                    pass
                say(n)

        children = [Child(lambda say, who=who: work(say, who)) for who in range(publishers)]
        children[trial % publishers].first()  # they are at it
        held = own.hold(surface="home", levers=["artifacts"], reason=f"trial {trial}").release
        rolled = own.rollback("artifacts", surface="home", to=2, reason="incident")
        rollbacks += rolled.release.surfaces["home"].manifest == manifests[0]
        codes = [child.end()[0] for child in children]
        assert codes == [0] * publishers, codes
        newest = own.current().generation
        late += [n for n in range(held.generation + 1, newest + 1) if own.read(n).action == "ship"]
        shipped += sum(own.read(n).action == "ship" for n in range(1, newest + 1))
        own.resume(surface="home", reason="next trial")
    return {"trials": trials, "late": late, "rollbacks": rollbacks, "shipped": shipped, "sound": own.verify().sound}


if __name__ == "__main__":
    scenario, where, *numbers = sys.argv[1:]
    given = {name: int(value) for name, value in (number.split("=") for number in numbers)}
    print(json.dumps(globals()[scenario](Path(where), **given)))
