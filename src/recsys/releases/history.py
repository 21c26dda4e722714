"""Reading a tenant's log: records as values, each with the digest the next one must name."""

from collections.abc import Iterator

import msgspec

from recsys.encoding import digest
from recsys.errors import RecsysError
from recsys.releases.errors import DamagedRecord, LogForked, NewerRecord, NoReleases, UnknownGeneration
from recsys.releases.record import FORMAT, Release, Requires, read_release
from recsys.releases.succession import Entry, broken_link, not_taken_over
from recsys.store import Blobs, Denied, Log, Missing, Unavailable

__all__ = ["Entry", "History", "broken_link"]


class History:
    """One tenant's records. What was read once is kept: records never change, and :meth:`follow` does not
    rely on it.
    """

    def __init__(self, log: Log, blobs: Blobs, tenant: str) -> None:
        self._log = log
        self._blobs = blobs
        self.tenant = tenant
        self._kept: dict[int, Entry] = {}

    def newest(self) -> Entry | None:
        """Return the newest record; ``None`` when the tenant has none.

        Raises :class:`LogForked` when the newest that was read before does not stand there any more: who writes must
        not build on a past that this log does not have. Where a restoration is declared that takes up what was read,
        all of it is forgotten, and the restored log is read anew.
        """
        last = max(self._kept, default=0)
        number = self._log.head(self.tenant, at_least=last)
        if last:
            seen = self._kept[last]
            fork = self._fork(seen)
            if fork is not None:
                self._kept.clear()
                try:
                    self._go_over(seen.release, number, fork)
                except RecsysError:
                    self._kept = {last: seen}  # the next try must meet it too
                    raise
        return self.entry(number) if number else None

    def _fork(self, seen: Entry) -> LogForked | None:
        """Read anew what was seen before, and say so when it is not there any more."""
        generation = seen.release.generation
        try:
            fresh = self._read(generation)
        except UnknownGeneration:
            return LogForked(self.tenant, generation, "is not there any more")
        if fresh != seen:
            return LogForked(self.tenant, generation, f"is another one, of attempt {fresh.release.attempt}")
        return None

    def _go_over(self, seen: Release, newest: int, fork: LogForked) -> None:
        """Raise ``fork`` unless a restoration is declared that takes up what was seen; where one does not, with why."""
        try:
            why = not_taken_over(self, log=seen.log, seen=seen.generation, head=newest)
        except (Unavailable, Denied):
            raise
        except RecsysError:
            raise fork from None
        if why:
            raise LogForked(self.tenant, seen.generation, f"{fork.problem}; {why}")
        if why is None:
            raise fork

    def head(self) -> Entry:
        """Return the newest record; raises :class:`NoReleases`."""
        entry = self.newest()
        if entry is None:
            raise NoReleases(self.tenant)
        return entry

    def entry(self, generation: int) -> Entry:
        """Return one record; raises :class:`UnknownGeneration`, :class:`DamagedRecord`."""
        if generation not in self._kept:
            self._kept[generation] = self._read(generation)
        return self._kept[generation]

    def record(self, generation: int) -> Release:
        """Return one release; as :meth:`entry`."""
        return self.entry(generation).release

    def document(self, digest: str) -> bytes:
        """Return the verified bytes of a blob."""
        return self._blobs.read(self.tenant, digest)

    def back_from(self, newest: int, *, until: int = 0) -> Iterator[Release]:
        """Yield releases from ``newest`` down to the one above ``until``."""
        for generation in range(newest, until, -1):
            yield self.record(generation)

    def follow(self, seen: Release) -> Release:
        """Return the newest release, having made sure that it continues the log in which ``seen`` stands.

        Raises :class:`LogForked` when record ``seen.generation`` is gone or another one, or when the
        records after it do not continue it link by link; unless the log was restored from a backup, and declares that
        it takes up this one above ``seen``.
        """
        self._kept.clear()  # a log put back from a copy is met here, and only fresh bytes can tell
        newest = self._log.head(self.tenant, at_least=seen.generation)
        try:
            last = self.entry(seen.generation)
        except UnknownGeneration:
            raise LogForked(self.tenant, seen.generation, "is not there any more") from None
        if last.release != seen:
            fork = LogForked(self.tenant, seen.generation, f"is another one, of attempt {last.release.attempt}")
            self._go_over(seen, newest, fork)
            return self.record(newest)
        for generation in range(seen.generation + 1, newest + 1):
            entry = self.entry(generation)
            problem = broken_link(last, entry)
            if problem:
                raise LogForked(self.tenant, generation, problem)
            last = entry
        return last.release

    def data(self, generation: int) -> bytes:
        """Return the bytes of one record, read anew; raises as :meth:`entry` when it is not there."""
        try:
            return self._log.read(self.tenant, generation)
        except Missing:
            newest = self._log.head(self.tenant)
            if generation < newest:
                raise DamagedRecord(self.tenant, generation, "it is missing") from None
            raise UnknownGeneration(self.tenant, generation, newest) from None

    def _read(self, generation: int) -> Entry:
        data = self.data(generation)
        try:
            release = read_release(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            newer = _format_in(data)
            if newer > FORMAT:
                raise NewerRecord(self.tenant, generation, needs=newer, known=FORMAT) from None
            raise DamagedRecord(self.tenant, generation, str(error)) from None
        if (release.tenant, release.generation) != (self.tenant, generation):
            owner = f"it says it is generation {release.generation} of {release.tenant}"
            raise DamagedRecord(self.tenant, generation, owner)
        return Entry(release, digest(data))


class _Needs(msgspec.Struct, frozen=True):
    requires: Requires = Requires()


def _format_in(data: bytes) -> int:
    """Return the format that a record asks for, of one that means nothing else to this version."""
    try:
        return msgspec.json.decode(data, type=_Needs).requires.format
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0
