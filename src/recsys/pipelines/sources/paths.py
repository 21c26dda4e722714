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
    """Files and globs, local or ``s3://bucket/…``, mixed. They have no position: each fetch is of all of them."""

    def __init__(self, patterns: Sequence[str | Path], *, environment: Mapping[str, str]) -> None:
        self._local = [one for one in patterns if not str(one).startswith(_S3)]
        self._buckets = [_bucket(str(one), environment) for one in patterns if str(one).startswith(_S3)]
        named = [str(one) for one in patterns]
        self.name = ", ".join(named[:_SHOWN]) + (", …" if len(named) > _SHOWN else "")

    def fetch(
        self,
        into: Path,
        *,
        first: datetime.date,  # noqa: ARG002 - files are read whole
        last: datetime.date,  # noqa: ARG002
        since: Mapping[str, Any] | None,  # noqa: ARG002
        progress: Progress,
    ) -> Fetched:
        files = find_files(self._local)
        for bucket in self._buckets:
            files += bucket.download(into, progress=progress)
        return Fetched(files=tuple(dict.fromkeys(files)))

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


def _fields(path: Path) -> tuple[str, ...]:
    """Return the fields of a text file; of Parquet, and what is packed, only a whole file tells them."""
    packed = path.suffix == ".gz" or format_of(path) == "parquet"
    return () if packed else sniff(path, mapped=True).fields


def _bucket(url: str, environment: Mapping[str, str]) -> "BucketFiles":
    from recsys.pipelines.sources.bucket import BucketFiles  # its client is only loaded where it is used

    return BucketFiles(url, environment)
