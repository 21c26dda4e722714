"""Power losses at every moment of a publisher's life, and what is found afterwards. Run as a module."""

import hashlib
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults import checker
from tests.faults.lossy_disk import LossyDisk, Tree
from tests.faults.processes import main
from tests.unit.releases.shop import TENANT, config, publish, rules

from recsys.errors import Refused
from recsys.releases import Change, Releases, create_tenant
from recsys.store import local, open_store, opening, tree

_EVERY = 20
"""Every so many states also see the next publish: it writes, and writing is slow."""


class Life:
    """A life of a publisher on a disk that remembers: a new store, a tenant, ``actions`` changes that ``dice`` draw."""

    def __init__(self, root: Path, *, actions: int, dice: random.Random) -> None:
        root.mkdir()
        self.disk = LossyDisk(root)
        with self.disk.beneath(local, tree, opening):
            store = open_store(root)
            self._tell(create_tenant(store, TENANT, actor="test"))
            own = Releases(store, TENANT, actor="test")
            manifests = [publish(store, likes=1)]
            self._tell(own.ship("home", manifests[0]))
            self._tell(own.put_rules(rules("promo")))
            for n in range(actions):
                doings: list[Callable[[], Change]] = [
                    lambda n=n: own.ship("home", manifests.append(publish(store, likes=n + 2)) or manifests[-1]),
                    lambda: own.ship("home", dice.choice(manifests)),
                    lambda n=n: own.put_config(config(limits={"max_k": n + 1})),
                    lambda: own.rollback("config", to=1),
                    lambda: own.rollback("artifacts", surface="home", to=2),
                    lambda n=n: own.withdraw([f"item-{n}"]),
                    lambda: own.hold(surface="home"),
                    lambda: own.resume(surface="home"),
                    lambda: own.disable_rule("promo"),
                    lambda: own.enable_rule("promo"),
                    own.undo,
                ]
                try:
                    self._tell(dice.choice(doings)())
                except Refused:
                    continue

    def _tell(self, change: Change) -> None:
        if change.committed:
            self.disk.tell(change.release.generation, change.release.attempt)


def losses(folder: Path, *, states: int, seed: int) -> dict[str, Any]:
    """Cut the power at moments drawn until ``states`` different things were found afterwards."""
    dice = random.Random(seed)
    made = Materials(folder / "pool")
    seen: set[str] = set()
    lives, bad = 0, []
    while len(seen) < states:
        lives += 1
        disk = Life(folder / f"life-{lives}", actions=6, dice=dice).disk
        assert _without_tmp(disk.left(len(disk.changes), lambda _: 1)) == _without_tmp(_found(disk.root))
        moments = list(range(1, len(disk.changes) + 1))
        dice.shuffle(moments)
        for moment in moments:
            told = disk.told(moment)
            for left in disk.losses(moment, dice):
                name = f"{len(told)} {_name_of(_without_tmp(left))}"
                if name in seen or len(seen) >= states:
                    continue
                seen.add(name)
                wrong = _judged(made, folder / "left", left, told, goes_on=len(seen) % _EVERY == 0)
                bad += [f"life {lives}, before change {moment} of {len(disk.changes)}: {one}" for one in wrong]
        shutil.rmtree(disk.root)
    return {"count": len(seen), "lives": lives, "bad": bad}


def _judged(made: "Materials", path: Path, left: Tree, told: list[tuple[int, str]], *, goes_on: bool) -> list[str]:
    made.lay(path, left)
    wrong = checker.check(path, TENANT, acknowledged=told)
    standing = checker.records(path, TENANT) if not wrong else []
    try:
        store = open_store(path)
        reader = Releases(store, TENANT, actor="test")
        head = reader.head()
        if (head.generation if head else 0) != len(standing):
            wrong.append(f"a reader sees {head and head.generation} of {len(standing)} releases")
        if standing:
            told_of = reader.verify().findings
            wrong += [str(finding) for finding in told_of if finding.what != "pointer"]  # it is no part of the promise
        if goes_on:
            create_tenant(store, TENANT, actor="next")
            change = reader.ship("pdp", publish(store, "pdp", likes=99))
            wrong += checker.check(
                path, TENANT, acknowledged=[*told, (change.release.generation, change.release.attempt)]
            )
    except Exception as error:  # whatever is raised is what is wrong
        wrong.append(f"{type(error).__name__}: {error}")
    shutil.rmtree(path)
    return wrong


class Materials:
    """Lays out trees as directories. Files of the same bytes are one file: the store never writes into a file."""

    def __init__(self, pool: Path) -> None:
        pool.mkdir()
        self._pool = pool

    def lay(self, path: Path, what: Tree) -> None:
        path.mkdir()
        for name, content in what.items():
            if isinstance(content, dict):
                self.lay(path / name, content)
            else:
                os.link(self._kept(content), path / name)

    def _kept(self, content: bytes) -> Path:
        kept = self._pool / hashlib.sha256(content).hexdigest()
        if not kept.exists():
            kept.write_bytes(content)
        return kept


def _found(path: Path) -> Tree:
    return {entry.name: _found(entry) if entry.is_dir() else entry.read_bytes() for entry in path.iterdir()}


def _without_tmp(what: Tree) -> Tree:
    return {name: content for name, content in what.items() if name != "tmp"}


def _name_of(what: Tree) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(what.items()):
        inner = _name_of(content) if isinstance(content, dict) else hashlib.sha256(content).hexdigest()
        digest.update(f"{name} {isinstance(content, dict)} {inner}\n".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    main({"losses": losses})
