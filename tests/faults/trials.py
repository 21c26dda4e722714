"""Changes whose replies get lost on the way, and what their callers were told, held against the log.

How a reply gets lost is the business of a :class:`Line`: above the store, or on a real wire below its client.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.faults.checker import check, records
from tests.faults.counts import Count
from tests.unit.releases.shop import TENANT, config, publish

from recsys.errors import OutcomeUnknown, RecsysError
from recsys.releases import Change, Releases, create_tenant
from recsys.store import Store

__all__ = ["ENDS", "Line", "Trials", "Trouble", "lay_out"]

ENDS = ("committed", "nothing to do", "refused or failed", "unknown")


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What befalls one change: so many sends in a row are struck, and so many reads once a record was sent."""

    writes: int
    reads: int
    delay: int
    """A write that timed out arrives after so many more calls, or at :meth:`Line.flush`."""
    blobs: bool
    """Whether sending blobs is struck too."""
    meanwhile: Callable[[], None]
    """To be called just before a record is sent: others may be faster."""


class Line(Protocol):
    """Between a client and a store, where replies get lost."""

    def client(self, trouble: Trouble) -> Store:
        """Return the store as the caller of one change has it."""
        ...

    def flush(self) -> None:
        """End the trouble, and let arrive whatever is still on its way."""
        ...


class Trials:
    """Changes on one store, each through a client of its own to which the store behaves badly."""

    def __init__(self, store: Store, line: Line, dice: random.Random, count: Count) -> None:
        self._store, self._line, self._dice, self._count = store, line, dice, count
        create_tenant(store, TENANT, actor="test")
        self._others = Releases(store, TENANT, actor="others")
        self._manifests = [publish(store, likes=likes) for likes in range(1, 9)]
        self._others.ship("home", self._manifests[0])
        self.told: list[tuple[int, str]] = []
        self.ends = dict.fromkeys(ENDS, 0)

    def one(self, trial: int) -> None:
        """Ask for one change, and hold what was told against the log."""
        dice, ids = self._dice, (f"{trial}-{n}" for n in range(10))
        trouble = Trouble(
            writes=dice.choice((1, 2, 60)),
            reads=dice.choice((0, 1, 3, 90)),
            meanwhile=self._meanwhile(trial) if dice.random() < 0.3 else lambda: None,
            delay=dice.choice((0, 1, 5, 10_000)),
            blobs=dice.random() < 0.1,
        )
        own = Releases(self._line.client(trouble), TENANT, actor="us", new_id=lambda: next(ids))
        asked, attempt = dice.choice(self._doings(trial)), f"{trial}-0"
        try:
            change = asked(own)
        except OutcomeUnknown as error:
            self._resumed(trial, asked, error.attempt)
            return
        except RecsysError:
            self._line.flush()
            self._judged(trial, "refused or failed", attempt, stands=0)
            return
        self._line.flush()
        if change.changed:
            self.told.append((change.release.generation, change.release.attempt))
        self._judged(trial, "committed" if change.changed else "nothing to do", attempt, stands=int(change.changed))

    def judge(self, folder: Path) -> list[str]:
        """Copy the store into a folder and say what is wrong with its history as a whole."""
        lay_out(self._store, folder)
        assert len(records(folder, TENANT)) > len(self.told) > 0
        return check(folder, TENANT, acknowledged=self.told)

    def _doings(self, trial: int) -> list[Callable[..., Change]]:
        manifest, max_k = self._dice.choice(self._manifests), self._dice.randint(1, 99)
        return [
            lambda own, **more: own.ship("home", manifest, evidence=[b'{"trial":%d}' % trial], **more),
            lambda own, **more: own.put_config(config(limits={"max_k": max_k}), **more),
            lambda own, **more: own.withdraw([f"item-{trial}"], **more),
            lambda own, **more: own.hold(surface=f"s{trial}", **more),
            lambda own, **more: own.rollback("config", to=1, **more),
        ]

    def _meanwhile(self, trial: int) -> Callable[[], None]:
        left: Iterator[int] = iter(range(2))

        def another() -> None:
            for n in left:
                self._others.withdraw([f"other-{trial}-{n}"])
                return

        return another

    def _resumed(self, trial: int, asked: Callable[..., Change], attempt: str) -> None:
        """Resume before or after what was on its way arrives: it is committed once, or refused and never."""
        late = self._dice.random() < 0.5
        if not late:
            self._line.flush()
        if self._dice.random() < 0.5:
            self._others.withdraw([f"after-{trial}"])
        try:
            change = asked(Releases(self._store, TENANT, actor="us"), attempt=attempt)
            stands = int(change.changed)
            if change.changed:
                self.told.append((change.release.generation, change.release.attempt))
        except RecsysError:
            stands = 0
        self._line.flush()
        self._judged(trial, "unknown", f"{trial}-0", stands=stands)

    def _judged(self, trial: int, end: str, attempt: str, *, stands: int) -> None:
        self._count.survived()
        self.ends[end] += 1
        newest = self._others.current().generation
        last = [self._others.read(n) for n in range(max(1, newest - 20), newest + 1)]
        found = sum(release.attempt == attempt for release in last)
        if found != stands:
            self._count.wrong(f"trial {trial}: {end}, and {attempt} stands {found} times")


def lay_out(store: Store, folder: Path) -> None:
    """Copy every object and every record to a file, for the judge of histories."""
    found = {key: store.objects.read(key) for prefix in ("releases/", "blobs/") for key in store.objects.keys(prefix)}
    for number in range(1, store.releases.head(TENANT) + 1):
        found[f"releases/{TENANT}/{number:010d}.json"] = store.releases.read(TENANT, number)
    for key, data in found.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
