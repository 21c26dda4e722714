"""The folder of one run: what each step made, so that the next can follow in another process."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from recsys.encoding import canonical, decode
from recsys.pipelines.errors import StepMissing
from recsys.signals.artifact import Scope

__all__ = ["Computed", "Finding", "Ingested", "Made", "Partition", "RunFolder", "Severity", "Validated"]

T = TypeVar("T")
Severity = Literal["error", "warning"]


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Partition(_Record, frozen=True):
    """One UTC day of one stream, and the digest of its file. ``anonymous``: how many of its events name no user."""

    day: str
    stream: str
    rows: int
    digest: str
    anonymous: int = 0


class Ingested(_Record, frozen=True):
    """What ``ingest`` made: canonical events, and what it counted on the way."""

    tenant: str
    surface: str
    segment: str | None
    start: str
    end: str
    partitions: tuple[Partition, ...]
    counts: dict[str, int]
    dropped: dict[str, int] = {}
    problems: dict[str, int] = {}
    catalog: str | None = None
    catalog_items: int = 0
    catalog_bytes: int = 0
    key_id: str = ""


class Finding(_Record, frozen=True):
    """One check, on events or on artifacts. ``said``: what is wrong, where it is not ``ok``; only an ``error`` stops a
    run.
    """

    name: str
    seen: float
    limit: float
    ok: bool
    severity: Severity = "error"
    said: str = ""

    @classmethod
    def of(
        cls, name: str, seen: float, limit: float, said: str, *, ok: bool, severity: Severity = "error"
    ) -> "Finding":
        """Return what a check found; ``said`` stays only where it is not ``ok``."""
        return cls(name=name, seen=round(seen, 4), limit=limit, ok=ok, severity=severity, said="" if ok else said)


class Validated(_Record, frozen=True):
    """What ``validate`` looked at; unless ``forced``, it raised if anything was not as it must be."""

    findings: tuple[Finding, ...]
    forced: bool = False


class Made(_Record, frozen=True):
    """One artifact, by the name of its file in the folder."""

    signal: str
    scope: Scope
    segment: str | None
    file: str
    digest: str
    rows: int
    size_bytes: int
    params: dict[str, object]


class Computed(_Record, frozen=True):
    """What ``compute`` made."""

    artifacts: tuple[Made, ...]
    notes: tuple[str, ...] = ()


class RunFolder:
    """``ingest.json``, ``validate.json``, ``compute.json`` beside the canonical data and the artifacts."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def fetched(self) -> Path:
        """Name the folder of what a source laid down, while it is read."""
        return self.path / "fetched"

    @property
    def people(self) -> Path:
        """Name the file of whose number is whose pseudonym."""
        return self.path / "people.parquet"

    @property
    def keeps_days(self) -> bool:
        """Tell whether it outlives its run: an incremental one goes on from it."""
        return (self.path / "days.json").exists()

    def partition(self, part: Partition) -> Path:
        """Name the file of one day of a stream: by its content, so that a day read again never overwrites what a run
        goes on from.
        """
        return self.day(part.stream, part.day) / f"{part.digest[7:23]}.parquet"

    def day(self, stream: str, day: str) -> Path:
        """Name the folder of one day of a stream."""
        return self.path / stream / f"dt={day}"

    def write(self, step: str, made: object, *, durable: bool = False) -> None:
        """Record what a step made; whole or not at all. ``durable``: once it returns, the disk has it."""
        target = self.path / f"{step}.json"
        unfinished = target.with_suffix(".tmp")
        with unfinished.open("wb") as file:
            file.write(canonical(made))
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(unfinished, target)  # noqa: PTH105 - both names are here
        if durable:
            _sync(self.path)

    def copy_kept(self, into: Path) -> None:
        """Give another folder of this disk what an incremental run goes on from. Files are shared: none is ever written
        into, a new one takes its place.
        """
        kept = [self.path / "days.json", self.people, *self.path.glob("*/dt=*/*"), *self.path.glob("partials/*/*")]
        for path in kept:
            if path.exists():
                place = into / path.relative_to(self.path)
                place.parent.mkdir(parents=True, exist_ok=True)
                try:
                    place.hardlink_to(path)
                except OSError:  # a disk that knows no links
                    shutil.copyfile(path, place)

    def settle(self, partitions: Iterable[Partition]) -> None:
        """Have the disk keep where these lie; their files it has already."""
        folders = {self.path}
        for part in partitions:
            folders |= {self.day(part.stream, part.day), self.path / part.stream}
        for folder in folders:
            _sync(folder)

    def sweep(self, partitions: Iterable[Partition]) -> None:
        """Remove the files of days that none of these is."""
        kept = {self.partition(part) for part in partitions}
        for path in self.path.glob("*/dt=*/*"):
            if path not in kept:
                path.unlink()
        for folder in self.path.glob("*/dt=*"):
            if not any(folder.iterdir()):
                folder.rmdir()

    def read(self, step: str, kind: type[T], *, wanted_by: str) -> T:
        """Return what a step made; raises :class:`StepMissing` when it did not run here."""
        found = self.read_if_there(step, kind)
        if found is None:
            raise StepMissing(wanted_by, step, where=str(self.path))
        return found

    def read_if_there(self, step: str, kind: type[T]) -> T | None:
        """Return what a step made; ``None`` when it did not run here."""
        try:
            return decode((self.path / f"{step}.json").read_bytes(), kind, what=f"{self.path}/{step}.json")
        except FileNotFoundError:
            return None

    def forget(self, *steps: str) -> None:
        """Remove the records of steps that must run again."""
        for step in steps:
            (self.path / f"{step}.json").unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
