"""Reading a tenant's log: records as values, each with the digest the next one must name."""

from collections.abc import Iterator

import msgspec

from recsys.encoding import digest
from recsys.releases.errors import DamagedRecord, LogForked, NoReleases, UnknownGeneration
from recsys.releases.record import Release
from recsys.store import Blobs, Log, Missing

__all__ = ["Entry", "History", "broken_link"]


class Entry(msgspec.Struct, frozen=True):
    """A record and the digest of its bytes."""

    release: Release
    digest: str


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
        not build on a past that this log does not have.
        """
        last = max(self._kept, default=0)
        number = self._log.head(self.tenant, at_least=last)
        if last:
            self._still_stands(self._kept[last])
        return self.entry(number) if number else None

    def _still_stands(self, seen: Entry) -> None:
        generation = seen.release.generation
        try:
            fresh = self._read(generation)
        except UnknownGeneration:
            raise LogForked(self.tenant, generation, "is not there any more") from None
        if fresh != seen:
            raise LogForked(self.tenant, generation, f"is another one, of attempt {fresh.release.attempt}")

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
        records after it do not continue it link by link.
        """
        self._kept.clear()  # a log put back from a copy is met here, and only fresh bytes can tell
        newest = self._log.head(self.tenant, at_least=seen.generation)
        try:
            last = self.entry(seen.generation)
        except UnknownGeneration:
            raise LogForked(self.tenant, seen.generation, "is not there any more") from None
        if last.release != seen:
            raise LogForked(self.tenant, seen.generation, f"is another one, of attempt {last.release.attempt}")
        for generation in range(seen.generation + 1, newest + 1):
            entry = self.entry(generation)
            problem = broken_link(last, entry)
            if problem:
                raise LogForked(self.tenant, generation, problem)
            last = entry
        return last.release

    def _read(self, generation: int) -> Entry:
        try:
            data = self._log.read(self.tenant, generation)
        except Missing:
            newest = self._log.head(self.tenant)
            if generation < newest:
                raise DamagedRecord(self.tenant, generation, "it is missing") from None
            raise UnknownGeneration(self.tenant, generation, newest) from None
        try:
            release = msgspec.json.decode(data, type=Release)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DamagedRecord(self.tenant, generation, str(error)) from None
        if (release.tenant, release.generation) != (self.tenant, generation):
            owner = f"it says it is generation {release.generation} of {release.tenant}"
            raise DamagedRecord(self.tenant, generation, owner)
        return Entry(release, digest(data))


def broken_link(before: Entry, after: Entry) -> str:
    """Say how a record fails to continue the one before it; empty when it continues it."""
    if after.release.previous != before.digest:
        return f"names {after.release.previous} as the record before it, which is {before.digest}"
    if after.release.log != before.release.log:
        return f"belongs to log {after.release.log}, the record before it to {before.release.log}"
    return ""
