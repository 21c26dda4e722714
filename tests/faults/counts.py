"""What a fault test counted: one line for people, one JSON file for the page of reliability."""

import json
import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

__all__ = ["FULL", "Count", "seed_of"]

FULL = os.environ.get("RECSYS_FAULTS") == "full"
"""The figures of the goals, in minutes; otherwise a seeded sample of them, in seconds."""

_MOST_SHOWN = 10


def seed_of(fault: str) -> int:
    """Return the seed of a fault's choices: the same each time, unless ``RECSYS_FAULTS_SEED`` says another."""
    return int(os.environ.get("RECSYS_FAULTS_SEED", fault.lstrip("F").rstrip("abcdefgh") or "0"))


class Count:
    """Counts faults survived in a ``with`` block; at its end says how many, and fails if any was not.

    ``fault``: its number (``F3``). ``what``: the fault and what must hold, in a line. ``test``: pytest's name of the
    test, to run it again by. ``tell``: what the line is given to.
    """

    def __init__(
        self, fault: str, what: str, *, test: str, seed: int | None = None, tell: Callable[[str], None] = print
    ) -> None:
        self.fault = fault
        self.what = what
        self.test = test
        self.seed = seed_of(fault) if seed is None else seed
        self.count = 0
        self._tell = tell
        self.bad: list[str] = []
        self.notes: dict[str, int | float | str] = {}

    def __enter__(self) -> "Count":
        self._began = time.monotonic()
        return self

    def survived(self, times: int = 1) -> None:
        """Count faults that were injected; those that were not survived are counted too."""
        self.count += times

    def wrong(self, where: str) -> None:
        """Note a fault that was not survived, with the point at which it was injected."""
        self.bad.append(where)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            return
        if error is not None:
            self.wrong(f"{kind.__name__ if kind else ''}: {error}")
        self.seconds = round(time.monotonic() - self._began, 1)
        self._tell(self.line())
        directory = os.environ.get("RECSYS_FAULTS_REPORT")
        if directory:
            self._write(Path(directory))
        if error is None:
            assert not self.bad, self._told()
            assert self.count > 0, f"{self.fault}: no fault was injected"

    def line(self) -> str:
        """Say it in one line."""
        notes = "".join(f", {name} {value}" for name, value in self.notes.items())
        return (
            f"{self.fault} {self.what}: {self.count:,} counted, {len(self.bad)} bad{notes}; {self.seconds} s, "
            f"seed {self.seed}, {'full' if FULL else 'short'} form"
        )

    def command(self) -> str:
        """Return what runs it again, with the same choices."""
        full = "RECSYS_FAULTS=full " if FULL else ""
        return f"{full}RECSYS_FAULTS_SEED={self.seed} python -m pytest -n0 {shlex.quote(self.test)}"

    def _told(self) -> str:
        shown = "\n  ".join(self.bad[:_MOST_SHOWN])
        return f"{self.line()}\n  {shown}\nagain with: {self.command()}"

    def _write(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        name = f"{self.fault}-{self.test.rpartition('::')[2]}".replace("/", "-")
        document = {
            "fault": self.fault,
            "what": self.what,
            "count": self.count,
            "bad": len(self.bad),
            "notes": self.notes,
            "seconds": self.seconds,
            "seed": self.seed,
            "full": FULL,
            "command": self.command(),
            "examples": self.bad[:_MOST_SHOWN],
        }
        (directory / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")
