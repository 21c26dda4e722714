"""Runs the suite's own command line as a person would: each command a process, shown as it is typed."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from recsys.errors import Failed

__all__ = ["Shell"]


class Shell:
    """Types ``recsys`` commands against one store and says them aloud.

    Parameters
    ----------
    environment
        The whole environment of the commands; ``RECSYS_STORE`` names the store.
    says
        Hears each command as it is typed, long words cut.
    """

    def __init__(self, environment: Mapping[str, str], *, says: Callable[[str], object]) -> None:
        self._environment = dict(environment)
        self._says = says

    def run(self, *words: str, expect: int = 0) -> Any:
        """Run one command with ``--json`` and return its document.

        Raises
        ------
        Failed
            When it exits with another code than ``expect``.
        """
        done = self.tried(*words)
        if done.returncode != expect or not done.stdout.strip():
            said = (done.stderr or done.stdout).decode().strip()
            raise Failed(
                f"recsys {' '.join(words)} exited {done.returncode}, and not {expect} with a document", next_step=said
            )
        return msgspec.json.decode(done.stdout)

    def tried(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        """Run one command with ``--json``, whatever it exits with."""
        self._says(f"recsys {' '.join(_quoted(word) for word in words)}")
        return subprocess.run(
            [sys.executable, "-m", "recsys", "--json", *words],
            env=self._environment,
            capture_output=True,
            check=False,
        )

    def timed(self, *words: str) -> tuple[Any, float]:
        """Run a command and return its document and when it had returned, on the monotonic clock."""
        document = self.run(*words)
        return document, time.monotonic()


def _quoted(word: str) -> str:
    shown = str(Path(word)) if word.startswith("/") else word
    shown = shown if len(shown) < 60 else shown[:19] + "…"
    return f"'{shown}'" if " " in shown else shown
