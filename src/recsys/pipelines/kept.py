"""What an incremental run goes on from: the days its folder keeps, and how far each source was read."""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from recsys.encoding import canonical, digest
from recsys.errors import Refused, UsageError
from recsys.pipelines.canonical import Days, who_is, write_stream
from recsys.pipelines.engine import Engine, literal
from recsys.pipelines.errors import BadInput
from recsys.pipelines.partitions import STREAMS, open_partitions
from recsys.pipelines.rundir import Partition, RunFolder
from recsys.pipelines.sources import FileEvents
from recsys.signals import SmallTable

__all__ = ["Incremental", "KeptDays", "alone", "kept_days", "no_days"]

_FORMAT = 1
"""Raised when kept days no longer mean what they did."""
_STEP = "days"
_ENOUGH_EVENTS = 50
"""With fewer, a day says nothing by having fewer yet."""


class Incremental(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a run goes on from the one before.

    ``days``: how many the window holds, the last included. ``backfill_days``: so many of the days that were read before
    are read again, for what came late; what comes later yet is left out. ``rebuild``: keep nothing, read the window.
    """

    days: int = 90
    backfill_days: int = 3
    rebuild: bool = False

    def __post_init__(self) -> None:
        if self.days < 1:
            raise ValueError("days must be at least 1")
        if not 0 <= self.backfill_days < self.days:
            raise ValueError("backfill_days must lie in 0..days-1")


class _Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``days.json``: replaced as a whole once everything it names is on disk, so that a run that dies changes nothing.

    ``basis``: what the numbers and columns of the kept days depend on. ``erased``: whose events are out of them.
    ``position``: how far the source was read.
    """

    basis: str
    erased: str
    first: str
    last: str
    partitions: tuple[Partition, ...]
    position: dict[str, Any]


class KeptDays:
    """The days of a window that need not be read.

    Attributes
    ----------
    reading
        The days to read.
    earlier
        Partitions of the days of the window before those.
    adds
        Whether what is read is only what is new of these days.
    """

    def __init__(
        self,
        run: RunFolder,
        *,
        window: Days,
        reading: Days,
        before: _Checkpoint | None,
        basis: str | None,
    ) -> None:
        self._run = run
        self._window = window
        self._basis = basis
        self._before = before
        self.reading = reading
        self.adds = False
        kept = before.partitions if before is not None else ()
        self.earlier = tuple(p for p in kept if str(window.first) <= p.day < str(reading.first))
        self._same = tuple(p for p in kept if str(reading.first) <= p.day <= str(reading.last))

    @property
    def keeps(self) -> bool:
        """Tell whether days are kept for the next run."""
        return self._basis is not None

    @property
    def position(self) -> Mapping[str, Any] | None:
        """Return how far the source was read; ``None`` when all of ``reading`` has to be."""
        return None if self._before is None else self._before.position

    def open(self, engine: Engine, *, erased: frozenset[str], adds: bool) -> None:
        """Make the views of what is kept: ``earlier_*`` of the days before those that are read; ``kept_*`` of these
        themselves, empty unless the source ``adds`` to them; and ``kept_people``. Erased users are in none.
        """
        self.adds = adds
        names = SmallTable((("name", "VARCHAR"),), tuple((name,) for name in sorted(erased)))
        engine.table("erased_names", names)
        engine.make("erased_people", engine.script("erased_people", who=who_is("name")))
        if self._before is not None and erased and self._before.erased != _digest(sorted(erased)):
            self._forget(engine)
        open_partitions(engine, self._run, self.earlier, streams=STREAMS, prefix="earlier")
        open_partitions(engine, self._run, self._same if adds else (), streams=STREAMS, prefix="same")
        for stream in STREAMS:
            engine.run(f"CREATE OR REPLACE VIEW kept_{stream} AS SELECT * FROM same_{stream}{_unerased(stream)}")  # noqa: S608 - ours
        people = "(SELECT CAST(NULL AS BIGINT) AS who, CAST(NULL AS VARCHAR) AS name LIMIT 0)"
        if self._before is not None and self._run.people.exists():
            people = f"read_parquet({literal(str(self._run.people))})"
        still = "who IN (SELECT DISTINCT who FROM earlier_events UNION SELECT DISTINCT who FROM kept_events)"
        engine.make("kept_people", f"SELECT who, name FROM {people} WHERE {still}")  # noqa: S608 - ours

    def _forget(self, engine: Engine) -> None:
        """Take what erased users did out of the earlier days."""
        events = tuple(part for part in self.earlier if part.stream == "events")
        open_partitions(engine, self._run, events, streams=("events",), prefix="earlier")
        select = f"SELECT *, CAST(ts AS DATE) AS dt FROM earlier_events{_unerased('events')}"  # noqa: S608 - ours
        written = write_stream(engine, self._run, "events", select, self._window)
        self.earlier = tuple(part for part in self.earlier if part.stream != "events") + tuple(written)

    def save(self, written: Sequence[Partition], *, position: Mapping[str, Any], erased: frozenset[str]) -> None:
        """Make the earlier days and these the ones to go on from.

        Raises
        ------
        BadInput
            A day that was read again came back with less than half of its events: files were left out. Nothing changed.
        """
        assert self._basis is not None
        if not self.adds:
            self._check_whole(written)
        checkpoint = _Checkpoint(
            basis=self._basis,
            erased=_digest(sorted(erased)),
            first=str(self._window.first),
            last=str(self._window.last),
            partitions=(*self.earlier, *written),
            position=dict(position),
        )
        self._run.write(_STEP, checkpoint, durable=True)

    def _check_whole(self, written: Sequence[Partition]) -> None:
        now = {part.day: part.rows for part in written if part.stream == "events"}
        for part in self._same:
            seen = now.get(part.day, 0)
            if part.stream == "events" and part.rows >= _ENOUGH_EVENTS and 2 * seen < part.rows:
                raise BadInput(
                    f"{part.day} had {part.rows} events when it was read before and has {seen} now",
                    next_step=f"give every file that holds days from {self.reading.first} on, also those read before; "
                    "or, if it is as it should be: --rebuild",
                )


def no_days(run: RunFolder, window: Days) -> KeptDays:
    """Keep nothing: the whole window is read. Raises :class:`UsageError` for a folder that keeps days."""
    if run.read_if_there(_STEP, _Checkpoint) is not None:
        raise UsageError(
            f"{run.path} keeps the days of an incremental run",
            next_step="go on with --incremental, or name another folder",
        )
    return KeptDays(run, window=window, reading=window, before=None, basis=None)


def kept_days(run: RunFolder, window: Days, how: Incremental, *, basis: Mapping[str, Any]) -> KeptDays:
    """Open what the folder keeps. ``basis`` has the ``feed`` of the source beside what else the days depend on.

    Raises
    ------
    UsageError
        The days were kept under another basis (another source, mapping, key or version of the engine): new ones would
        not fit them. Or the window begins or ends before them: files are then read whole, but another source may no
        longer have what was read, and its position lies behind days that the window has not.
    """
    now = _digest({"format": _FORMAT, **basis})
    before = None if how.rebuild else run.read_if_there(_STEP, _Checkpoint)
    if before is not None and before.basis != now:
        raise UsageError(
            f"the days kept in {run.path} were read from another source, or with another mapping, kind of ids, key or "
            "version",
            next_step="read the whole window again: --rebuild",
        )
    reading = window
    if before is not None:
        first, last = date.fromisoformat(before.first), date.fromisoformat(before.last)
        goes_back = window.first < first or window.last < last
        if goes_back and basis["feed"] != FileEvents.feed:
            raise UsageError(
                f"the window of {window} goes back behind the days kept in {run.path}, which are those of "
                f"{Days(first, last)}",
                next_step="name another folder, and it is read whole: --work; or keep nothing of these: --rebuild",
            )
        if goes_back or window.first > last + timedelta(days=1):
            before = None
        else:
            again = last + timedelta(days=1 - how.backfill_days)
            reading = Days(min(max(window.first, again), window.last), window.last)
    return KeptDays(run, window=window, reading=reading, before=before, basis=now)


def _digest(value: object) -> str:
    return digest(canonical(value))


def _unerased(stream: str) -> str:
    return " WHERE who NOT IN (SELECT who FROM erased_people)" if stream == "events" else ""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder that outlives its run; raises :class:`Refused` while another run does."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another run works in {folder}", next_step="wait for it; status shows it") from None
        yield
    finally:
        os.close(handle)
