"""Real processes on one store on disk, racing each other and a hold. Run as a module.

Children are forked from this single-threaded process, so that hundreds of them cost seconds and not minutes. What was
acknowledged goes through a pipe, one line a commit, written only after the call had returned: the parent then holds the
log against exactly what somebody was told.
"""

import json
import os
import random
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.faults import checker
from tests.faults.processes import main
from tests.unit.releases.shop import TENANT, Interposed, config, publish, rules

from recsys.errors import Refused
from recsys.releases import Change, Held, Releases, create_tenant
from recsys.store import Store, open_store

Acknowledge = Callable[[object], None]
Told = tuple[int, str]
_MEETING_S = 60.0


class Child:
    """A forked process and what it acknowledged."""

    def __init__(self, work: Callable[[Acknowledge], None]) -> None:
        ours, theirs = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                os.close(ours)
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

    def end(self) -> tuple[int, list[Any]]:
        """Wait for the end; return the exit code and what was acknowledged after `first`."""
        said = [json.loads(line) for line in self._pipe.read().splitlines()]
        self._pipe.close()
        _, status = os.waitpid(self._pid, 0)
        return os.waitstatus_to_exitcode(status), said


def releases(path: Path, actor: str, *, polite: bool = True) -> Releases:
    """Open the tenant; who is not ``polite`` does not queue, as publishers of other hosts do not."""
    store = open_store(path)
    return Releases(store if polite else replace(store, releases=Interposed(store.releases)), TENANT, actor=actor)


def begun(path: Path) -> tuple[Store, list[str]]:
    store = open_store(path)
    create_tenant(store, TENANT, actor="test")
    return store, [publish(store, "home", likes=likes) for likes in range(1, 9)]


# -- everyone does everything


def crowd(folder: Path, *, processes: int, commits: int, seed: int) -> dict[str, Any]:
    """Everyone ships, holds, withdraws, switches rules, puts configs and rolls back at once.

    Each release says in its reason what was asked for, so that the log can be computed again from what it says.
    """
    path = folder / "store"
    first, manifests = gathered(open_store(path), processes)

    def work(say: Acknowledge, who: int) -> None:
        own = releases(path, f"p{who}", polite=who % 4 == 0)
        busy(say, own, who, commits=commits, seed=seed, manifests=manifests[who], first=first)

    children = [Child(partial(work, who=who)) for who in range(processes)]
    ends = [child.end() for child in children]
    told: list[Told] = [(generation, attempt) for _, said in ends for generation, attempt in said]
    bad = [f"process {who} ended with {code}" for who, (code, _) in enumerate(ends) if code != 0]
    bad += judged(path, told, first=first)
    actions = {record["action"] for record in checker.records(path, TENANT)[first:]}
    return {"count": len(told), "bad": bad, "actions": len(actions)}


def racer(
    folder: Path, *, of: int, address: str, log: str, who: int, commits: int, seed: int, manifests: str, first: int
) -> dict[str, Any]:
    """Be one of a crowd, in a process of its own from its start: not every client survives a fork. All begin when
    ``of`` of them have come to ``folder``.
    """
    store = open_store(address, log=log or None)
    appended, told = Interposed(store.releases), []
    own = Releases(replace(store, releases=appended), TENANT, actor=f"p{who}")
    own.current()  # it has found its way to the store
    (folder / f"{who}.ready").touch()
    deadline = time.monotonic() + _MEETING_S
    while len(list(folder.glob("*.ready"))) < of:
        assert time.monotonic() < deadline, "the others did not come"
        time.sleep(0.005)  # others need the processor to get here
    busy(told.append, own, who, commits=commits, seed=seed, manifests=manifests.split(), first=first)
    store.close()
    return {"told": told, "appends": appended.appends}


def gathered(store: Store, processes: int) -> tuple[int, list[list[str]]]:
    """Make the tenant of a crowd; return the newest generation, and two manifests for each."""
    create_tenant(store, TENANT, actor="test")
    everyone = range(processes)
    own = Releases(store, TENANT, actor="test")
    first = own.put_rules(rules(*(f"r{who}" for who in everyone))).release.generation
    return first, [[publish(store, f"s{who}", likes=likes) for likes in (1, 2)] for who in everyone]


def busy(
    say: Acknowledge, own: Releases, who: int, *, commits: int, seed: int, manifests: list[str], first: int
) -> None:
    """Change something until so many changes are committed, and say each."""
    dice, done = random.Random(f"{seed} {who}"), 0
    while done < commits:
        asked, change = _drawn(dice, own, who, done, manifests, first)
        try:
            ended = change(reason=asked)
        except Refused:
            continue  # a config put by another meanwhile, or a surface held: nothing may have been committed
        if ended.changed:
            done += 1
            say([ended.release.generation, ended.release.attempt])


def judged(path: Path, told: list[Told], *, first: int) -> list[str]:
    """Say what is wrong with what a crowd left, and with what it was told."""
    records = checker.records(path, TENANT)
    bad = checker.check(path, TENANT, acknowledged=told)
    if sorted(generation for generation, _ in told) != list(range(first + 1, len(records) + 1)):
        bad.append(f"{len(told)} commits were acknowledged, and {len(records) - first} stand")
    return bad + _lost_updates(path, records)


def _drawn(
    dice: random.Random, own: Releases, who: int, n: int, manifests: list[str], first: int
) -> tuple[str, Callable[..., Change]]:
    surface, item, manifest, max_k = f"s{who}", f"{who}-{n}", dice.choice(manifests), dice.randint(1, 99)
    return dice.choice(
        [
            (f"withdraw {item}", partial(own.withdraw, [item])),
            (f"ship {surface} {manifest}", partial(own.ship, surface, manifest)),
            (f"hold {surface}", partial(own.hold, surface=surface, levers=["artifacts"])),
            (f"resume {surface}", partial(own.resume, surface=surface, levers=["artifacts"])),
            (f"disable r{who}", partial(own.disable_rule, f"r{who}")),
            (f"enable r{who}", partial(own.enable_rule, f"r{who}")),
            (f"config {max_k}", partial(own.put_config, config(limits={"max_k": max_k}))),
            (f"rollback {first}", partial(own.rollback, "config", to=first)),
        ]
    )


def _lost_updates(path: Path, records: list[checker.Record]) -> list[str]:
    """Compute each release from the one before and from what it was asked for; say where another one stands."""
    return [
        f"generation {after['generation']} ({after['reason']}) has {_content(path, after)}"
        for before, after in pairwise(records)
        if after["actor"] != "test" and _applied(path, _content(path, before), after, records) != _content(path, after)
    ]


def _content(path: Path, record: checker.Record) -> dict[str, Any]:
    return {
        "withdrawn": set(_document(path, record["withdrawn"]) if record["withdrawn"] else ()),
        "manifests": {name: surface["manifest"] for name, surface in record["surfaces"].items()},
        "held": {hold["surface"] for hold in record["holds"]},
        "disabled": {rule["id"] for rule in _document(path, record["rules"]) if rule.get("enabled") is False},
        "max_k": _document(path, record["config"]).get("limits", {}).get("max_k"),
    }


def _applied(
    path: Path, content: dict[str, Any], record: checker.Record, records: list[checker.Record]
) -> dict[str, Any]:
    verb, what, *more = record["reason"].split()
    match verb:
        case "withdraw":
            return content | {"withdrawn": content["withdrawn"] | {what}}
        case "ship":
            return content | {"manifests": content["manifests"] | {what: more[0]}}
        case "hold":
            return content | {"held": content["held"] | {what}}
        case "resume":
            return content | {"held": content["held"] - {what}}
        case "disable":
            return content | {"disabled": content["disabled"] | {what}}
        case "enable":
            return content | {"disabled": content["disabled"] - {what}}
        case "config":
            return content | {"max_k": int(what)}
        case _:
            return content | {"max_k": _content(path, records[int(what) - 1])["max_k"]}


def _document(path: Path, digest: str) -> Any:
    name = digest.removeprefix("sha256:")
    return json.loads((path / "blobs" / TENANT / "sha256" / name[:2] / name).read_bytes())


# -- two on one surface, and on two


def two(folder: Path, *, rounds: int) -> dict[str, Any]:
    """Two ship the same surface at the same moment, and two different ones."""
    path = folder / "store"
    store, manifests = begun(path)
    pdp = publish(store, "pdp")
    same, apart = [], []
    for n in range(rounds):
        one, other = manifests[(2 * n) % 8], manifests[(2 * n + 1) % 8]
        ends, before, head = _both(path, ("home", one), ("home", other))
        same.append({"ends": ends, "before": before, "head": head["generation"]})
        releases(path, "test").rollback("all", to=1, no_hold=True)
        ends, before, head = _both(path, ("home", one), ("pdp", pdp))
        served = {name: surface["manifest"] for name, surface in head["surfaces"].items()}
        apart.append(
            {
                "codes": [code for code, _ in ends],
                "before": before,
                "head": head["generation"],
                "served": served == {"home": one, "pdp": pdp},
            }
        )
        releases(path, "test").rollback("all", to=1, no_hold=True)
    return {"same": same, "apart": apart, "bad": checker.check(path, TENANT)}


def _both(path: Path, *jobs: tuple[str, str]) -> tuple[list[tuple[int, list[Any]]], int, checker.Record]:
    before = len(checker.records(path, TENANT))

    def work(say: Acknowledge, surface: str, manifest: str) -> None:
        say(releases(path, "racer", polite=False).ship(surface, manifest).release.generation)

    pair = [Child(partial(work, surface=surface, manifest=manifest)) for surface, manifest in jobs]
    ends = [child.end() for child in pair]
    return ends, before, checker.records(path, TENANT)[-1]


# -- a hold against publishers that never stop


def holds(folder: Path, *, publishers: int, trials: int) -> dict[str, Any]:
    """Nothing ships once a hold is acknowledged, and rollbacks pass it."""
    path = folder / "store"
    _, manifests = begun(path)
    own = releases(path, "operator")
    own.ship("home", manifests[0])
    own.ship("home", manifests[1])
    bad, rollbacks, shipped = [], 0, 0

    def work(say: Acknowledge, who: int) -> None:
        mine = releases(path, f"p{who}", polite=who % 4 == 0)
        for n in range(10_000):
            try:
                mine.ship("home", manifests[(who + n) % 8])
            except Held:
                return
            except Refused:
                pass
            say(n)

    for trial in range(trials):
        before = own.current().generation
        children = [Child(partial(work, who=who)) for who in range(publishers)]
        children[trial % publishers].first()  # they are at it
        held = own.hold(surface="home", levers=["artifacts"], reason=f"trial {trial}").release
        rolled = own.rollback("artifacts", surface="home", to=2, reason="incident")
        rollbacks += rolled.release.surfaces["home"].manifest == manifests[0]
        codes = [child.end()[0] for child in children]
        bad += [f"trial {trial}: publishers ended with {codes}"] * (codes != [0] * publishers)
        since = checker.records(path, TENANT)[before:]
        late = [one["generation"] for one in since if one["action"] == "ship" and one["generation"] > held.generation]
        bad += [f"trial {trial}: shipped in {late}, after the hold of {held.generation}"] * bool(late)
        shipped += sum(one["action"] == "ship" for one in since)
        own.resume(surface="home", reason="next trial")
    bad += checker.check(path, TENANT)
    return {"count": trials, "bad": bad, "rollbacks": rollbacks, "shipped": shipped}


if __name__ == "__main__":
    main({"crowd": crowd, "racer": racer, "two": two, "holds": holds})
