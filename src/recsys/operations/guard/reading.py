"""What was written to a tenant's event log since the last look, from the store and from this host's spool.

A file bears the same name wherever it lies, so what was read of it here is not read again there. Only whole lines are
read, and of each file it is known how far.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from recsys.encoding import Invalid, parse_rfc3339
from recsys.events.layout import EventFile, Stream, event_files, utc_day
from recsys.store import Missing, Store

__all__ = ["NewLines", "host_of"]

_PIECE_BYTES = 8 << 20
_MOST_HOLES = 100
"""Told: one is enough to promote nothing."""


class _Ts(msgspec.Struct):
    ts: str


class _Read:
    """How far a file was read. ``whole``: to its end, and nobody appends to it any more."""

    __slots__ = ("seen", "upto", "whole")

    def __init__(self) -> None:
        self.upto, self.seen, self.whole = 0, 0, False


class NewLines:
    """Reads one stream of one tenant, each line once. Memory grows with the number of files of two days.

    Parameters
    ----------
    spool
        This host's spool, where there is one: what is not in the store yet.
    """

    def __init__(self, store: Store, tenant: str, *, stream: Stream = "exposures", spool: Path | None = None) -> None:
        self._store, self._tenant, self._stream, self._spool = store, tenant, stream, spool
        self._read: dict[str, _Read] = {}
        self.newest_s: dict[str, float] = {}
        """By host: the moment of the newest line that was read, seconds since 1970."""
        self.holes: list[str] = []
        """What is gone and was not read to its end, and lines that cannot be read."""

    def lines(self, *, from_s: float) -> Iterator[bytes]:
        """Yield the lines that are new of the days since ``from_s``, without their newlines.

        Raises
        ------
        Unavailable, Denied
            The store does not answer. What this host's spool had was read before; the rest is read the next time.
        """
        first_day = utc_day(from_s)
        self._read = {place: read for place, read in self._read.items() if _day_of(place) >= first_day}
        held: set[str] = set()
        if self._spool is not None:
            for file in event_files(self._spool, tenant=self._tenant, stream=self._stream):
                if file.day >= first_day:
                    held.add(file.place)
                    yield from self._of_host(file)
        for place in self._stored(first_day):
            held.add(place)
            yield from self._of_store(place)
        for place, read in self._read.items():
            if place not in held and not read.whole:
                read.whole = True
                self._note(f"{place} is gone, and was read to byte {read.upto:,} of at least {read.seen:,}")

    def _stored(self, first_day: str) -> Iterator[str]:
        prefix = f"events/{self._tenant}/{self._stream}/"
        for folder in self._store.objects.folders(prefix):
            if folder >= f"dt={first_day}":
                for key in self._store.objects.keys(f"{prefix}{folder}/"):
                    yield key.removeprefix("events/")

    def _of_host(self, file: EventFile) -> Iterator[bytes]:
        read = self._read.setdefault(file.place, _Read())
        if read.whole:
            return
        try:
            with file.path.open("rb") as opened:
                opened.seek(read.upto)
                while piece := opened.read(_PIECE_BYTES):
                    end = piece.rfind(b"\n") + 1
                    read.seen = max(read.seen, read.upto + len(piece))
                    if not end:
                        break
                    yield from self._split(file.place, piece[:end], read)
                    opened.seek(read.upto)
        except FileNotFoundError:
            return  # it moved on under our feet: where it is now, the next look finds it
        read.whole = not file.growing

    def _of_store(self, place: str) -> Iterator[bytes]:
        read = self._read.setdefault(place, _Read())
        if read.whole:
            return
        try:
            data = self._store.objects.read(f"events/{place}")
        except Missing:
            return
        if data[read.upto :]:
            yield from self._split(place, data[read.upto :], read)
        read.whole = True

    def _note(self, hole: str) -> None:
        if len(self.holes) < _MOST_HOLES:
            self.holes.append(hole)

    def _split(self, place: str, data: bytes, read: _Read) -> Iterator[bytes]:
        lines = data.splitlines(keepends=True)
        for line in lines:
            yield line.rstrip(b"\r\n")
            read.upto += len(line)  # only now: whoever fails over a line is given it again
        try:
            at_s = parse_rfc3339(msgspec.json.decode(lines[-1], type=_Ts).ts)
        except (msgspec.DecodeError, UnicodeDecodeError, Invalid):
            self._note(f"the last line of {place} cannot be read")
        else:
            host = host_of(place)
            self.newest_s[host] = max(at_s, self.newest_s.get(host, 0.0))


def host_of(place: str) -> str:
    """Return the host that wrote a file: its name is ``<host>-<worker>-<n>.jsonl``, and a worker's ``worker-0``."""
    name = place.rpartition("/")[2].removesuffix(".jsonl").rpartition("-")[0]
    before, worker, _ = name.rpartition("-worker-")
    return before if worker else name.rpartition("-")[0]


def _day_of(place: str) -> str:
    return place.split("/")[2].removeprefix("dt=")
