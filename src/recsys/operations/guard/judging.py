"""The decision look: an evaluation of the candidate's experiment on all its logs, beside the looks that go on.

It takes its time, so it runs in a process of its own: a candidate that begins to fail meanwhile is seen at once.
"""

import multiprocessing
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import msgspec

from recsys.errors import RecsysError
from recsys.evaluation import Report, evaluate, read_report
from recsys.evaluation.config import Config
from recsys.evaluation.experiment.balance import HOLDS_BELOW
from recsys.operations.guard.mirror import Mirror
from recsys.store import Store, open_store

__all__ = ["Aside", "Here", "Judging", "Question", "Unjudged", "unsure"]

_NOT_YET = frozenset({"enough_units", "arms_measured"})
"""Checks that hold because there is little to judge by, and not because it is wrong."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be judged: one candidate, by a config, on what was recorded from one moment to another."""

    tenant: str
    candidate: str
    config: Config
    since_s: float
    until_s: float


class Unjudged(msgspec.Struct, frozen=True):
    """Why no report came out."""

    why: str


class Judging(Protocol):
    """Judges one question at a time."""

    @property
    def busy(self) -> bool:
        """Whether a question is being judged."""

    def ask(self, question: Question) -> None:
        """Begin with a question; only when not busy."""

    def answer(self) -> Report | Unjudged | None:
        """Return what came out, once; ``None`` while nothing has."""

    def close(self) -> None:
        """Let go of what is under way and of the copies."""


class Here:
    """Judges at once, in this process: for a single look."""

    def __init__(self, store: Store, *, spool: Path | None = None) -> None:
        self._store, self._spool = store, spool
        self._folder = tempfile.TemporaryDirectory(prefix="recsys-guard-")
        self._found: Report | Unjudged | None = None

    @property
    def busy(self) -> bool:
        return False

    def ask(self, question: Question) -> None:
        self._found = _judged(lambda: self._store, question, Path(self._folder.name), self._spool)

    def answer(self) -> Report | Unjudged | None:
        found, self._found = self._found, None
        return found

    def close(self) -> None:
        self._folder.cleanup()


class Aside:
    """Judges in a process of its own.

    Parameters
    ----------
    address, log
        Where the store is, as of :func:`~recsys.store.open_store`.
    """

    def __init__(self, address: str, log: str | None, *, spool: Path | None = None) -> None:
        self._address, self._log, self._spool = address, log, spool
        self._folder = tempfile.TemporaryDirectory(prefix="recsys-guard-")
        self._running: tuple[Any, Connection] | None = None

    @property
    def busy(self) -> bool:
        return self._running is not None

    def ask(self, question: Question) -> None:
        spawning = multiprocessing.get_context("spawn")
        here, there = spawning.Pipe(duplex=False)
        given = (there, self._address, self._log, question, self._folder.name, self._spool)
        process = spawning.Process(target=_judge_aside, args=given, daemon=True)
        process.start()
        there.close()
        self._running = process, here

    def answer(self) -> Report | Unjudged | None:
        if self._running is None or not self._running[1].poll():
            return None
        process, here = self._running
        try:
            kind, said = here.recv()
        except EOFError:
            kind, said = "unjudged", "the evaluation's process was killed: is there memory enough for these logs?"
        self._end(process, here)
        return read_report(said) if kind == "report" else Unjudged(said)

    def close(self) -> None:
        if self._running is not None:
            self._running[0].terminate()
            self._end(*self._running)
        self._folder.cleanup()

    def _end(self, process: Any, here: Connection) -> None:
        here.close()
        process.join()
        self._running = None


def _judge_aside(  # noqa: PLR0917 - a process is given its arguments by place
    there: Connection, address: str, log: str | None, question: Question, folder: str, spool: Path | None
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the guard's, who ends us
    found = _judged(lambda: open_store(address, log=log, create=False), question, Path(folder), spool)
    with suppress(BrokenPipeError):
        there.send(("unjudged", found.why) if isinstance(found, Unjudged) else ("report", found.to_json()))


def _judged(opened: Callable[[], Store], question: Question, folder: Path, spool: Path | None) -> Report | Unjudged:
    try:
        mirror = Mirror(
            opened(),
            question.tenant,
            folder,
            since_s=question.since_s,
            before_s=question.config.attribution.window_h * 3600,
            spool=spool,
        )
        dataset = mirror.dataset(until_s=question.until_s)
        return evaluate(dataset=dataset, config=question.config, experiment_id=question.candidate)
    except (RecsysError, OSError) as error:
        return Unjudged(str(error).replace(f"{folder}/", ""))


def unsure(report: Report) -> str:
    """Return why a report that holds for its data is no reason to freeze yet; empty where it is.

    Too few units are a reason to wait. And the arms' sizes are tested at every look here: what is fooled by so many
    looks, and would not be by a test that may be looked at all the time, is not believed.
    """
    if report.decision.rule != "integrity" or report.experiment is None:
        return ""
    holding = [check for check in report.integrity if check.state == "hold"]
    (whole,) = [line for line in report.experiment.sample_ratio if line.part == "all"]
    by_chance = {"sample_ratio"} if whole.p_sequential >= HOLDS_BELOW else set[str]()
    if any(check.name not in _NOT_YET | by_chance for check in holding):
        return ""
    return "; ".join(check.sentence for check in holding)
