"""What every command speaks through: people on the terminal, or one JSON document on standard output."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from rich import markup
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from recsys.progress import Advance

__all__ = ["Terminal", "escape", "terminal"]


_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160)) if code not in (9, 10)}


def escape(text: str) -> str:
    """Make text from outside harmless on a terminal: no markup of ours, and no control sequence of theirs."""
    return markup.escape(text.translate(_CONTROL))


_DEFAULT_STORE = "var/store"


class Terminal:
    """How this run of the command talks, and the settings given before or after the command's name."""

    def __init__(self) -> None:
        self.json = False
        self.verbose = False
        self.store = _DEFAULT_STORE
        self.log: str | None = None
        self.people = Console(highlight=False)
        self.errors = Console(stderr=True, highlight=False)

    def configure(self, *, store: str, log: str | None, json: bool, verbose: bool) -> None:
        """Take the global settings. With ``json`` everything for people goes to standard error."""
        self.store, self.log, self.json, self.verbose = store, log or None, json, verbose
        self.people = Console(stderr=json, highlight=False)

    def command(self, line: str) -> str:
        """Complete a printed command so that it meets the same store when it is pasted: before its own words, because
        what follows a ``--`` there is no option any more.
        """
        where = self._elsewhere()
        return line.replace("recsys", f"recsys {where}", 1) if line and where else line

    def next_step(self, text: str) -> str:
        """Complete a next step that names commands, which are to meet the same store too."""
        where = self._elsewhere()
        named = "recsys " in text and not text.endswith("--help")
        return f"{text} (add {where})" if named and where else text

    def _elsewhere(self) -> str:
        """Return the options that say where the store is, as far as a command would not find it without."""
        options = []
        if self.store not in (_DEFAULT_STORE, os.environ.get("RECSYS_STORE")):
            options.append(f"--store {shlex.quote(self.store)}")
        if self.log not in (None, os.environ.get("RECSYS_LOG")):
            options.append(f"--log {shlex.quote(_without_password(str(self.log)))}")
        return " ".join(options)

    def environment(self) -> dict[str, str]:
        """Return the environment in which a command started from here meets the same store: no address among its
        arguments, which others on this machine can read.
        """
        return {**os.environ, "RECSYS_STORE": self.store, **({"RECSYS_LOG": self.log} if self.log else {})}

    def say(self, text: str = "") -> None:
        """Print a line for people; rich markup is allowed, so escape what comes from outside."""
        self.people.print(text, soft_wrap=True)

    def finish(self, document: object, people: Callable[[], None]) -> None:
        """End a command with its result: the document for machines, or ``people`` called to print it."""
        if self.json:
            data = msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2)
            sys.stdout.write(data.decode() + "\n")
            sys.stdout.flush()  # or a full disk would be met after the command had its exit code
        else:
            people()

    def confirm(self, question: str) -> bool:
        """Ask once; anything but yes, or no terminal to ask on, is no."""
        if not sys.stdin.isatty():
            return False
        self.errors.print(f"{question} [dim](y/N)[/dim] ", end="")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def typed(self, question: str) -> str:
        """Ask for a word and return it; empty when there is no terminal to ask on."""
        if not sys.stdin.isatty():
            return ""
        self.errors.print(f"{question} ", end="")
        return sys.stdin.readline().strip()

    @contextmanager
    def progress(self, stage: str, *, total: int | None = None) -> Iterator[Advance]:
        """Show one stage of long work on standard error; silent when that is not a terminal."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.errors, disable=not self.errors.is_terminal, transient=True) as bars:
            task = bars.add_task(stage, total=total)
            yield lambda units: bars.advance(task, units)

    def warn(self, text: str) -> None:
        """Print something to look at, on standard error."""
        self.errors.print(f"[yellow]note:[/yellow] {escape(text)}", soft_wrap=True)

    def fail(self, message: str, next_step: str) -> None:
        """Print an error: one line saying what and where, one saying what to do."""
        self.errors.print(f"[bold red]error:[/bold red] {escape(message)}", soft_wrap=True)
        if next_step:
            self.errors.print(f"[dim]→[/dim] {escape(next_step)}", soft_wrap=True)


def _without_password(address: str) -> str:
    """Leave the password out of an address: the driver finds it in PGPASSWORD or in a password file."""
    return re.sub(r"(?<=//)([^:@/?]*):[^@/?]*@", r"\1@", re.sub(r"([?&])password=[^&]*", r"\1", address))


terminal = Terminal()
"""The one terminal of this process; commands import it."""
