"""Files and globs as a source: local ones are read where they lie, those in buckets are brought here."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from recsys.pipelines.sources.files import find_files, format_of, sniff
from recsys.pipelines.sources.port import Fetched, SourceCheck
from recsys.progress import Progress

if TYPE_CHECKING:
    from recsys.pipelines.sources.bucket import BucketFiles

__all__ = ["FileEvents"]

_S3 = "s3://"
_SHOWN = 3


class FileEvents:
    """Files and globs, local or ``s3://bucket/…``, mixed.

    Their position says, by file, in which state it was read and the last day it can hold: that of the read. A file that
    is as it was, and can hold none of the days asked for, is left out.
    """

    feed = "files"
    """Whichever are named: files come and go."""

    def __init__(self, patterns: Sequence[str | Path], *, environment: Mapping[str, str]) -> None:
        self._local = [one for one in patterns if not str(one).startswith(_S3)]
        self._buckets = [_bucket(str(one), environment) for one in patterns if str(one).startswith(_S3)]
        named = [str(one) for one in patterns]
        self.name = ", ".join(named[:_SHOWN]) + (", …" if len(named) > _SHOWN else "")

    def fetch(
        self,
        into: Path,
        *,
        first: datetime.date,
        last: datetime.date,
        since: Mapping[str, Any] | None,
        progress: Progress,
    ) -> Fetched:
        seen = _Seen(since or {}, first=first, last=last)
        files = [path for path in find_files(self._local) if seen.may_hold(str(path), _state(path))]
        for bucket in self._buckets:
            found = [one for one in bucket.find() if seen.may_hold(bucket.url(one), [one.size_bytes, one.etag])]
            files += bucket.download(found, into, progress=progress)
        return Fetched(files=tuple(dict.fromkeys(files)), position=seen.position)

    def confirm(self, position: Mapping[str, Any]) -> None:
        """Nothing waits for it."""

    def check(self) -> SourceCheck:
        local = find_files(self._local)
        sizes = [path.stat().st_size for path in local]
        with TemporaryDirectory(prefix="recsys-look-") as folder:
            look = local[:1]
            for bucket in self._buckets:
                found = bucket.find()
                sizes += [one.size_bytes for one in found]
                look = look or [bucket.begin(found[0], Path(folder))]
            fields = _fields(look[0])
        return SourceCheck(
            source=self.name,
            credentials=self._buckets[0].credentials if self._buckets else "none needed",
            found={"files": len(sizes), "bytes": sum(sizes)},
            fields=fields,
        )


class _Seen:
    """Which files need not be read, and the position after those that were.

    ``first`` and ``last``: the days asked for.
    """

    def __init__(self, since: Mapping[str, Any], *, first: datetime.date, last: datetime.date) -> None:
        self._since = since
        self._first = str(first)
        self._last = str(last)
        self.position: dict[str, Any] = {}

    def may_hold(self, name: str, state: list[Any]) -> bool:
        """Note a file; tell whether it may hold any of the days."""
        known = self._since.get(name, [])
        last = known[-1] if known[:-1] == state else self._last
        self.position[name] = [*state, last]
        return bool(last >= self._first)


def _state(path: Path) -> list[Any]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _fields(path: Path) -> tuple[str, ...]:
    """Return the fields of a text file; of Parquet, and what is packed, only a whole file tells them."""
    packed = path.suffix == ".gz" or format_of(path) == "parquet"
    return () if packed else sniff(path, mapped=True).fields


def _bucket(url: str, environment: Mapping[str, str]) -> "BucketFiles":
    from recsys.pipelines.sources.bucket import BucketFiles  # its client is only loaded where it is used

    return BucketFiles(url, environment)
