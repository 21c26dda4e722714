"""Every action of the publishing side, struck at any of its system calls, and what must hold then. Run as a module."""

import contextlib
import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults import checker
from tests.faults.injected import Point, Run, points, run
from tests.faults.processes import main
from tests.unit.releases.shop import TENANT, config, publish, rules

from recsys.cli import app
from recsys.releases import Releases, create_tenant
from recsys.store import open_store
from recsys.store.log import ObjectLog

ACTIONS = {
    "ship": "releases ship --surface home --manifest {new} --evidence {report}",
    "rollback": "releases rollback --lever artifacts --surface home",
    "rollback of a part": "releases rollback --lever config --surface home --to 1",
    "hold": "releases hold --surface home",
    "config": "config put {config}",
    "rules": "rules disable promo",
    "withdraw": "items withdraw cup",
    "items": "items update {folder}/news.csv",
    "undo": "releases undo",
    "gc": "releases gc --grace 0s",
}
"""What is struck, as it is typed."""

COMMITS = {"gc": 2}
"""How many releases an action makes, where it is not one."""

CHANGING = {"write", "fsync", "linkat", "unlinkat", "renameat", "mkdirat", "utimensat", "link", "unlink", "rename"}
"""The calls that change what is on disk, or whether it stays."""

ERRORS = ("EIO", "ENOSPC", "EINTR")
LASTING = ("EIO", "ENOSPC")
"""The errors a call meets; those that stay, from there on."""
LOOKING = 100
"""Calls that only look, of the thousand and more of an action, that meet an error in the full form: an hour less."""

PATIENCE_S = 0.2
"""How long a struck run tries to settle its write. Nobody else writes, so that more would only be waiting."""


class Scene:
    """A store with some history, copied for each strike, and one action to strike."""

    def __init__(self, folder: Path, action: str) -> None:
        self.action = action
        self.commits = COMMITS.get(action, 1)
        self.base, self.copy = folder / "base", folder / "copy"
        store = open_store(self.base)
        create_tenant(store, TENANT, actor="test")
        own = Releases(store, TENANT, actor="test")
        own.ship("home", publish(store, likes=1))
        own.ship("home", publish(store, likes=2))
        own.put_rules(rules("promo"))
        own.put_config(config(surfaces={"home": {"limits": {"max_k": 7}}}))
        self.told = [(record["generation"], record["attempt"]) for record in checker.records(self.base, TENANT)]
        files = {"config": config(limits={"max_k": 9}), "report": b'{"decision":"ship"}'}
        for name, data in files.items():
            (folder / name).write_bytes(data)
        (folder / "news.csv").write_text("item_id,price\ncup,2\n")
        words = ACTIONS[action].format(
            new=publish(store, likes=3), folder=folder, **{name: folder / name for name in files}
        )
        self.arguments = ["--store", str(self.copy), "--json", *words.split(), "--tenant", TENANT]

    def fresh(self) -> None:
        for left in (self.copy, Path(f"{self.copy}.cache")):
            shutil.rmtree(left, ignore_errors=True)
        shutil.copytree(self.base, self.copy)

    def points(self) -> list[Point]:
        """Run the action once, whole, and return its system calls."""
        self.fresh()
        with contextlib.redirect_stdout(io.StringIO()):
            assert app.run([*self.arguments, "--dry-run"]) == 0  # whatever is imported late is imported now
        whole = run(self.arguments)
        assert whole.code == 0, whole.err
        assert self.grown() == self.commits
        return points(whole.trace)

    def strike(self, inject: str) -> Run:
        self.fresh()
        return run(self.arguments, inject=inject)

    def grown(self) -> int:
        """Return how many releases came with the strike."""
        return len(checker.records(self.copy, TENANT)) - len(self.told)

    def problems(self, ended: Run) -> list[str]:
        """Say what is wrong after a strike: with the files, for a reader, for whoever was told, for who comes next."""
        told = [*self.told]
        said = ended.said or {}
        if said.get("committed"):
            told.append((said["generation"], said["attempt"]))
        wrong = checker.check(self.copy, TENANT, acknowledged=told)
        grown = self.grown()
        if not 0 <= grown <= self.commits:
            wrong.append(f"it made {grown} releases")
        reader = Releases(open_store(self.copy), TENANT, actor="next")
        seen = reader.current().generation
        if seen != len(self.told) + grown:
            wrong.append(f"a reader sees generation {seen} of {len(self.told) + grown}")
        wrong += [str(finding) for finding in reader.verify().findings]
        return wrong

    def goes_on(self) -> list[str]:
        """Publish something else; say what is wrong then."""
        store = open_store(self.copy)
        change = Releases(store, TENANT, actor="next").ship("pdp", publish(store, "pdp", likes=4))
        told = [(change.release.generation, change.release.attempt)]
        wrong = checker.check(self.copy, TENANT, acknowledged=told)
        return wrong if change.changed else [*wrong, "the next publish changed nothing"]


def _chosen(found: list[Point], most: int, dice: random.Random) -> list[Point]:
    """Return ``most`` points (0: all), half of them of the calls that change something."""
    if not most:
        return found
    changing = [point for point in found if point.call in CHANGING]
    others = [point for point in found if point.call not in CHANGING]
    half = min(len(changing), (most + 1) // 2)
    return dice.sample(changing, half) + dice.sample(others, min(len(others), most - half))


def kills(folder: Path, *, action: str, most: int, seed: int) -> dict[str, Any]:
    """SIGKILL on entering each system call of an action."""
    scene = Scene(folder, action)
    killed, bad = 0, []
    for point in _chosen(scene.points(), most, random.Random(seed)):
        ended = scene.strike(f"{point.call}:signal=KILL:when={point.number}")
        killed += ended.code == -9
        bad += [f"{action}, {point}: {wrong}" for wrong in _tried(scene.problems, ended) + _tried(scene.goes_on)]
    return {"count": killed, "bad": bad}


def errors(folder: Path, *, action: str, most: int, seed: int) -> dict[str, Any]:
    """System calls of an action failing once, and those that change something failing from there on."""
    scene = Scene(folder, action)
    dice = random.Random(seed)
    defaults = ObjectLog.append.__kwdefaults__
    assert defaults is not None
    defaults["patience_s"] = PATIENCE_S
    failed, bad, codes = 0, [], dict.fromkeys(("0", "1", "2", "3", "5", "other"), 0)
    found = scene.points()
    changing = [point for point in found if point.call in CHANGING]
    if most:
        strikes = [(p, e, "") for e in ERRORS for p in _chosen(found, most, dice)]
    else:  # every call that changes something with every error; of those that only look, some
        others = dice.sample([point for point in found if point.call not in CHANGING], LOOKING)
        strikes = [(p, e, "") for e in ERRORS for p in changing]
        strikes += [(p, ERRORS[n % len(ERRORS)], "") for n, p in enumerate(others)]
    strikes += [(p, e, "+") for e in LASTING for p in _chosen(changing, most and 1, dice)]
    for point, error, on in strikes:
        ended = scene.strike(f"{point.call}:error={error}:when={point.number}{on}")
        failed += "(INJECTED)" in ended.trace
        codes[str(ended.code) if str(ended.code) in codes else "other"] += 1
        wrong = _tried(scene.problems, ended) + _tried(lambda e=ended: _told_truly(scene, e)) + _tried(scene.goes_on)
        bad += [f"{action}, {point}{on} {error}: {one}" for one in wrong]
    return {"count": failed, "bad": bad, "codes": codes}


def _told_truly(scene: Scene, ended: Run) -> list[str]:
    """Say where the exit code is not what happened: 0 committed, 5 unknown, anything else nothing."""
    grown = scene.grown()
    last = ended.err.strip()[-300:]
    if ended.code == 0:
        return [] if grown == scene.commits else [f"exit 0, and {grown} releases stand: {last}"]
    if scene.commits > 1:  # the next one ends what was cut short
        again = run(scene.arguments)
        ended_by = checker.records(scene.copy, TENANT)[-1]
        whole = again.code == 0 and ended_by.get("condemned") is None
        return [] if whole else [f"the next one ended with {again.code}: {again.err.strip()[-300:]}"]
    if ended.code in (1, 2, 3):
        return [f"exit {ended.code}, and it was committed: {last}"] if grown else []
    if ended.code != 5:
        return [f"exit {ended.code}: {last}"]
    attempt = ((ended.said or {}).get("error") or {}).get("attempt") or ended.err.rpartition("--attempt ")[2].split(
        ";"
    )[0]
    if not attempt and not ended.err:
        return []  # it could print nothing at all; the code was all it could say
    again = run([*scene.arguments, "--attempt", attempt.strip()])
    resumed = scene.grown()
    if (again.code, resumed) != (0, 1):
        return [f"resuming {attempt} ended with {again.code}, and {resumed} releases stand: {again.err.strip()[-300:]}"]
    return []


def _tried(check: Callable[..., list[str]], *given: Run) -> list[str]:
    try:
        return check(*given)
    except Exception as error:  # whatever a reader or the next publisher meets is what is wrong
        return [f"{type(error).__name__}: {error}"]


if __name__ == "__main__":
    main({"kills": kills, "errors": errors})
