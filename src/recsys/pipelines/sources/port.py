"""What a source of events must do, and how what it lays down is taken away again."""

import datetime
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

import msgspec

from recsys.pipelines.errors import BadInput
from recsys.progress import Progress

__all__ = ["ConfiguredSource", "EventSource", "Fetched", "SourceCheck", "Unconfirmed", "laid_down", "new_file"]


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What a fetch brought.

    Attributes
    ----------
    files
        In the folder that was given, or the source's own where it is files; read as any file is.
    position
        Where to go on, in JSON values; empty for a source that has none.
    whole_days
        Everything of the days asked for; else only what is new since the position.
    """

    files: tuple[Path, ...]
    position: Mapping[str, Any] = {}
    whole_days: bool = True


@runtime_checkable
class EventSource(Protocol):
    """Where events come from.

    ``name`` is for errors and records, and holds no secret. ``feed`` says what its positions are of, however it is
    reached.
    """

    @property
    def name(self) -> str: ...

    @property
    def feed(self) -> str: ...

    def fetch(
        self,
        into: Path,
        *,
        first: datetime.date,
        last: datetime.date,
        since: Mapping[str, Any] | None,
        progress: Progress,
    ) -> Fetched:
        """Lay down events of UTC days ``first`` to ``last``, both included, as files in the empty folder ``into``.

        Days are told by the source's own time (of a message, of a row); rows of other days may come along. What
        arrived later than ``last`` by that time is left for the next fetch, so that none is passed by.

        Parameters
        ----------
        since
            A position that an earlier fetch gave: then what came after it, and nothing before it. ``None``: all.

        Raises
        ------
        SourceAway, SourceDenied, PositionGone
            Naming the connection.
        BadInput
            What was named is not there, or is not events.
        """

    def confirm(self, position: Mapping[str, Any]) -> None:
        """Hear that all up to ``position`` is durable here. Called after the canonical partitions are on disk."""


class SourceCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What a source would read. ``found`` counts, by what; ``fields`` are those of its first row, without values."""

    source: str
    credentials: str
    found: Mapping[str, int | str]
    fields: tuple[str, ...] = ()


class ConfiguredSource(EventSource, Protocol):
    """A source that a document describes."""

    def check(self) -> SourceCheck:
        """Connect and say what there is to read; raises as :meth:`fetch` does."""


class Unconfirmed:
    """A source that hears of no position: for a trial, after which everything is to be as before."""

    def __init__(self, source: EventSource) -> None:
        self.name, self.feed, self.fetch = source.name, source.feed, source.fetch

    def confirm(self, position: Mapping[str, Any]) -> None:
        """Keep it from the source."""


@contextmanager
def laid_down(
    source: EventSource | None,
    into: Path,
    *,
    first: datetime.date,
    last: datetime.date,
    since: Mapping[str, Any] | None = None,
    progress: Progress,
) -> Iterator[Fetched]:
    """Fetch into a folder that is this user's alone, and remove it when the block ends, however it ends: raw ids are in
    it. What a killed process left there is removed first. Without a source the folder is empty.
    """
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(mode=0o700)
    try:
        if source is None:
            yield Fetched(files=())
        else:
            yield source.fetch(into, first=first, last=last, since=since, progress=progress)
    except BadInput as error:
        if f"{into}/" not in error.message:
            raise
        whose = f"{source.name}: " if source else ""
        raise BadInput(error.message.replace(f"{into}/", whose), next_step=error.next_step) from error
    finally:
        shutil.rmtree(into, ignore_errors=True)


def new_file(path: Path) -> BinaryIO:
    """Open a new file for writing that only its owner may read, whatever the umask."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
