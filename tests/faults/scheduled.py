"""Processes on one store in memory whose every operation waits until a seeded scheduler lets it through.

Each is a thread, and one runs at a time: up to its next operation on the store. So a seed is a schedule, and the same
seed is the same schedule again. A killed one has its next operation carried out, or not, and gets no further; its
locks are freed, as the system frees those of the dead.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recsys.errors import RecsysError
from recsys.store import Creation, Entry
from recsys.store.memory import MemoryObjects

__all__ = ["Actor", "Killed", "Schedule", "Watch"]

Watch = Callable[[str, str, bytes], None]
"""Told of each change when it is made: what (``created``, ``deleted``), the key, and the bytes created."""

_MOST_STEPS = 20_000


class Killed(BaseException):
    """What a killed process ends with."""


class Actor:
    """One process: its operations on the shared store, each at a moment of the scheduler's choice."""

    def __init__(self, name: str, shared: MemoryObjects, watch: Watch) -> None:
        self.actor = name
        self._shared = shared
        self._watch = watch
        self._go = threading.Semaphore(0)
        self._here = threading.Semaphore(0)
        self._dying: bool | None = None  # whether the operation at which it dies is carried out
        self.ended = False
        self.error: BaseException | None = None

    # -- the scheduler's side

    def begin(self, work: Callable[["Actor"], None]) -> None:
        def run() -> None:
            try:
                self._wait()
                work(self)
            except (Killed, RecsysError):
                pass
            except BaseException as error:
                self.error = error
            finally:
                self.ended = True
                self._here.release()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        self._here.acquire()

    def step(self) -> None:
        """Let it run to its next operation."""
        self._go.release()
        self._here.acquire()

    def kill(self, *, carried_out: bool) -> None:
        """Let it die at its next operation."""
        self._dying = carried_out

    def _wait(self) -> None:
        self._here.release()
        self._go.acquire()

    def _operation(self, do: Callable[[], Any]) -> Any:
        if self._dying is None:
            self._wait()
        if self._dying is None:
            return do()
        carried_out, self._dying = self._dying, False
        if carried_out:
            do()
        raise Killed

    # -- the store's side

    @property
    def name(self) -> str:
        return self._shared.name

    def create(self, key: str, data: bytes) -> Creation:
        def do() -> Creation:
            made = self._shared.create(key, data)
            if made is Creation.CREATED:
                self._watch("created", key, data)
            return made

        return self._operation(do)

    def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        self._operation(lambda: self._shared.replace(key, data, durable=durable))

    def read(self, key: str) -> bytes:
        return self._operation(lambda: self._shared.read(key))

    def fetch(self, key: str, into: Path) -> None:
        self._operation(lambda: self._shared.fetch(key, into))

    def exists(self, key: str) -> bool:
        return self._operation(lambda: self._shared.exists(key))

    def confirm(self, key: str) -> None:
        self._operation(lambda: self._shared.confirm(key))

    def renew(self, key: str) -> None:
        self._operation(lambda: self._shared.renew(key))

    def now_s(self) -> float:
        return self._operation(self._shared.now_s)

    def entries(self, prefix: str) -> Iterator[Entry]:
        yield from self._operation(lambda: list(self._shared.entries(prefix)))

    def keys(self, prefix: str) -> Iterator[str]:
        yield from self._operation(lambda: list(self._shared.keys(prefix)))

    def folders(self, prefix: str) -> list[str]:
        return self._operation(lambda: self._shared.folders(prefix))

    def delete(self, key: str) -> None:
        def do() -> None:
            self._shared.delete(key)
            self._watch("deleted", key, b"")

        self._operation(do)

    @contextmanager
    def alone(self, prefix: str) -> Iterator[None]:
        taken = self._shared.alone(prefix)
        self._operation(taken.__enter__)
        try:
            yield
        finally:
            taken.__exit__(None, None, None)  # at its end or its death, whichever comes


class Schedule:
    """Runs actors to their ends in an order of its own. ``kill``: the share (0..1) of steps at which a mortal dies."""

    def __init__(self, dice: random.Random, actors: dict[Actor, Callable[[Actor], None]], *, kill: float) -> None:
        self._dice = dice
        self._kill = kill
        self._works = actors
        self.kills = 0
        self.steps = 0

    def run(self, *, mortal: frozenset[str] = frozenset()) -> None:
        """Step all to their ends. Each is slow or quick in its own way, and goes on in bursts: some stand still while
        others do everything.
        """
        for actor, work in self._works.items():
            actor.begin(work)
        pace = {actor: self._dice.choice([0.05, 1.0, 1.0, 5.0]) for actor in self._works}
        while alive := [actor for actor in self._works if not actor.ended]:
            actor = self._dice.choices(alive, [pace[one] for one in alive])[0]
            for _ in range(self._dice.choice([1, 1, 2, 3, 8, 40, 200])):
                if actor.ended:
                    break
                if actor.actor in mortal and self._dice.random() < self._kill:
                    actor.kill(carried_out=self._dice.random() < 0.5)
                    self.kills += 1
                actor.step()
                self.steps += 1
            assert self.steps < _MOST_STEPS, "an actor never ends"
        for actor in self._works:
            actor.thread.join()
            if actor.error is not None:
                raise actor.error
