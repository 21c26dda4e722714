"""One recorded answer, found by its id among the events of its tenant.

A request id of ours is a UUIDv7 and says when it was made; a file's name says on which day it was written, and when it
was begun. So a file or two for each worker is looked into, wherever records lie: no engine, no index.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TypeVar
from uuid import RFC_4122, UUID

import msgspec

from recsys.encoding import Invalid, decode
from recsys.errors import NotFound
from recsys.events import Exposure, Outcome, event_files
from recsys.events.layout import EventFile, Stream, utc_day
from recsys.store import Missing, Store

__all__ = ["LOOK_BACK_S", "Found", "NotRecorded", "Records", "moment_of"]

LOOK_BACK_S = 7 * 86_400.0
"""How far back is looked for an id that does not say when it was made, where nobody says how far."""
_LATE_S = 60.0
"""A line may be written this long after its id was made: a disk hung, or a clock was set."""
_ACTS_S = 86_400.0
"""What was done with an answer is looked for on its day and the next: attribution looks no further by default."""
_LOOKS = 10
"""How often a spool whose files move is looked at again; each file moves twice in its life."""
_DAY_S = 86_400.0

E = TypeVar("E", Exposure, Outcome)


class NotRecorded(NotFound):
    """No record of an answer where it was looked for; says where that was, and in which time."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A record, and where it lies. ``others``: more answers that bear the client's id it was found by."""

    exposure: Exposure
    where: str
    others: tuple[str, ...] = ()


def moment_of(request_id: str) -> float | None:
    """Return when an id was made, seconds since 1970; ``None`` for one that does not say: no UUIDv7."""
    try:
        named = UUID(request_id)
    except ValueError:
        return None
    if named.variant != RFC_4122 or named.version != 7 or str(named) != request_id:
        return None
    return (named.int >> 80) / 1000


class _File(msgspec.Struct, frozen=True):
    """An event file of the host or the store. ``born_s``: when it was begun, where its name says so."""

    name: str
    day: str
    born_s: float | None
    path: Path | None
    """``None``: it is an object of the store."""


class Records:
    """Where the records of one tenant lie: on this host, where it can be seen, and in the store.

    Parameters
    ----------
    spool
        This host's spool: what is not in the store yet.
    kept
        A folder to look into instead of both, laid out as either.
    """

    def __init__(self, store: Store, tenant: str, *, spool: Path | None = None, kept: Path | None = None) -> None:
        self._store, self._tenant = store, tenant
        self._folder = kept if kept is not None else spool
        self._with_store = kept is None

    def answer(self, request_id: str, *, since_s: float | None = None, now_s: float | None = None) -> Found:
        """Return the record of an answer, by its id or by the one its client gave it (the newest, then).

        Parameters
        ----------
        since_s
            Look at everything written since this moment. By default at the time the id tells, and where it tells none
            at the last :data:`LOOK_BACK_S`.

        Raises
        ------
        NotRecorded
            It is not there.
        """
        now_s = time.time() if now_s is None else now_s
        request_id = request_id.encode(errors="replace").decode()  # what a shell passes on need not be text
        at = moment_of(request_id) if since_s is None else None
        if at is not None:
            since, until, when = at, at + _LATE_S, f"written on {utc_day(at)}, the day its id tells"
        else:
            since, until = now_s - LOOK_BACK_S if since_s is None else since_s, now_s + _DAY_S
            when = f"written since {utc_day(since)}"
        named: dict[str, Found] = {}
        unread = ""
        for file, line in self._lines("exposures", request_id, since_s=since, until_s=until, near_s=at):
            exposure = _read(line, Exposure)
            if exposure is None:
                unread = f"; a line of {file.name} names it, and this version cannot read it"
                continue
            if exposure.context.get("tenant_id", self._tenant) != self._tenant:
                continue
            if exposure.request_id == request_id:
                return Found(exposure=exposure, where=file.name)
            if exposure.client_request_id == request_id:
                named[exposure.request_id] = Found(exposure=exposure, where=file.name)
        if not named:
            raise self._nowhere(request_id, when + unread, everything=since_s is not None)
        newest, *others = sorted(named.values(), key=lambda found: found.exposure.ts, reverse=True)
        return msgspec.structs.replace(newest, others=tuple(found.exposure.request_id for found in others))

    def exposures(self, *, since_s: float, until_s: float) -> Iterator[bytes]:
        """Yield every line of the days of a time, in seconds since 1970: a line may be on the host and in the store."""
        days = utc_day(since_s), utc_day(until_s)
        for files in (self._held, self._stored):
            for file in files("exposures", days):
                yield from self._bytes(file).splitlines()

    def outcomes(self, request_id: str, *, since_s: float) -> tuple[Outcome, ...]:
        """Return what people did with an answer on its day and the next, oldest first, each once.

        ``since_s``: the moment of the answer.
        """
        found: dict[str, Outcome] = {}
        for _, line in self._lines("outcomes", request_id, since_s=since_s, until_s=since_s + _ACTS_S):
            outcome = _read(line, Outcome)
            if outcome is not None and outcome.request_id == request_id:
                found.setdefault(outcome.event_id or repr(outcome), outcome)
        return tuple(sorted(found.values(), key=lambda outcome: outcome.ts))

    def _nowhere(self, request_id: str, when: str, *, everything: bool) -> NotRecorded:
        places = [str(self._folder)] * (self._folder is not None)
        places += [f"{self._store.name} (events/{self._tenant})"] * self._with_store
        further = "the answer may not have been recorded (see recsys_answers_unrecorded), or its files were removed"
        if not everything:
            further = "look further back with --since 30d, or where records were kept with --events DIR"
        return NotRecorded(
            f"no answer {request_id[:80]} of {self._tenant} in {' and '.join(places)}, {when}",
            next_step=f"is it the meta.request_id of an answer to this tenant? {further}",
        )

    def _lines(
        self, stream: Stream, request_id: str, *, since_s: float, until_s: float, near_s: float | None = None
    ) -> Iterator[tuple[_File, bytes]]:
        """Yield the lines that name an id, the likeliest files first. ``near_s``: when it was made."""
        needle = msgspec.json.encode(request_id)
        days = utc_day(since_s), utc_day(until_s)
        for files in (self._held, self._stored):
            for file in _likeliest(files(stream, days), near_s):
                for line in _holding(self._bytes(file), needle):
                    yield file, line

    def _held(self, stream: Stream, days: tuple[str, str]) -> Iterator[_File]:
        for file in self._on_host(stream):
            if days[0] <= file.day <= days[1]:
                yield _File(str(file.path), file.day, _born(file.path.name), file.path)

    def _stored(self, stream: Stream, days: tuple[str, str]) -> Iterator[_File]:
        if not self._with_store:
            return
        prefix = f"events/{self._tenant}/{stream}/"
        under = prefix if days[0] != days[1] else f"{prefix}dt={days[0]}/"
        for key in self._store.objects.keys(under):
            day = key[len(prefix) :].partition("/")[0].removeprefix("dt=")
            if days[0] <= day <= days[1]:
                yield _File(key, day, _born(PurePosixPath(key).name), None)

    def _bytes(self, file: _File) -> bytes:
        """Read a file; one that moved on since it was listed is read where it is now, and one that is gone is empty."""
        for _ in range(_LOOKS):
            try:
                return self._store.objects.read(file.name) if file.path is None else file.path.read_bytes()
            except Missing:
                return b""
            except FileNotFoundError:
                moved = [one for one in self._on_host() if one.path.name == Path(file.name).name]
                if not moved:
                    return b""
                file = msgspec.structs.replace(file, path=moved[0].path)
        return b""

    def _on_host(self, stream: Stream | None = None) -> list[EventFile]:
        return [] if self._folder is None else event_files(self._folder, tenant=self._tenant, stream=stream)


def _likeliest(files: Iterable[_File], near_s: float | None) -> list[_File]:
    """Order files: those begun before a moment first, the last of them at the front. A writer writes one at a time."""
    newest_first = sorted(files, key=lambda file: (file.day, file.born_s or 0.0), reverse=True)
    if near_s is None:
        return newest_first
    latest = near_s + _LATE_S
    return sorted(newest_first, key=lambda file: file.born_s is None or file.born_s > latest)


def _born(name: str) -> float | None:
    number = name.removesuffix(".jsonl").rpartition("-")[2]
    return int(number) / 1000 if number.isdigit() else None


def _holding(data: bytes, needle: bytes) -> Iterator[bytes]:
    """Yield the lines in which a text stands."""
    at = data.find(needle)
    while at >= 0:
        start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
        end = len(data) if end < 0 else end
        yield data[start:end]
        at = data.find(needle, end)


def _read(line: bytes, kind: type[E]) -> E | None:
    """Read a line; ``None`` for what is torn, or of another schema."""
    try:
        return decode(line, kind, what="event")
    except Invalid:
        return None
