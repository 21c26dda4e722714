"""The service's own log of a tenant as a source: what was shown and done, from the files that hosts ship to the store.

Files are never changed, and each has a name of its own; so a position is which of them were read. Days are those of
writing. A host that was cut off ships the files of its days when it is back: they are new then, whatever their day.
"""

import datetime
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from recsys.pipelines.errors import BadInput
from recsys.pipelines.sources.config import EventLogDocument
from recsys.pipelines.sources.port import Fetched, SourceCheck
from recsys.progress import Progress
from recsys.store import Store

__all__ = ["EventLogEvents"]

_NAME = re.compile(r"(?P<writer>[^/]+)-(?P<number>\d+)\.jsonl")


class EventLogEvents:
    """The streams of one tenant in its store."""

    def __init__(self, store: Store, tenant: str, document: EventLogDocument) -> None:
        self._store, self._tenant, self._streams = store, tenant, document.streams
        self.name = f"event log of {tenant} in {store.name}"
        self.feed = f"event log of {tenant}"

    def fetch(
        self,
        into: Path,
        *,
        first: datetime.date,
        last: datetime.date,
        since: Mapping[str, Any] | None,
        progress: Progress,
    ) -> Fetched:
        """Copy the files here. The position is, by stream, day and writer, the numbers of the files that were read."""
        seen = _read_position(since or {}, self.name)
        new = [one for one in self._keys(first, last) if one[1] not in seen.get(one[0], ())]
        position: dict[str, set[int]] = defaultdict(set)
        for place, numbers in seen.items():
            if place.split("/")[1] >= f"dt={first}":  # older days are not asked for again
                position[place] |= numbers
        files = []
        with progress("fetch", total=len(new)) as advance:
            for place, number, key in new:
                path = into / key
                path.parent.mkdir(parents=True, exist_ok=True)
                self._store.objects.fetch(key, path)
                path.chmod(0o600)
                files.append(path)
                position[place].add(number)
                advance(1)
        written = {place: _steps(numbers) for place, numbers in sorted(position.items())}
        return Fetched(files=tuple(files), position={"read": written}, whole_days=not since)

    def confirm(self, position: Mapping[str, Any]) -> None:
        """The log stays as it is."""

    def check(self) -> SourceCheck:
        keys = [key for *_, key in self._keys(datetime.date.min, datetime.date.max)]
        found: dict[str, int | str] = dict.fromkeys(self._streams, 0)
        for key in keys:
            found[key.split("/")[2]] = int(found[key.split("/")[2]]) + 1
        days = sorted({key.split("/")[3].removeprefix("dt=") for key in keys})
        found |= {"oldest day": days[0], "newest day": days[-1]} if days else {}
        fields: tuple[str, ...] = ()
        if keys:
            line = self._store.objects.read(keys[0]).split(b"\n", 1)[0]
            fields = tuple(msgspec.json.decode(line, type=dict[str, Any])) if line else ()
        return SourceCheck(source=self.name, credentials="those of the store", found=found, fields=fields)

    def _keys(self, first: datetime.date, last: datetime.date) -> Iterator[tuple[str, int, str]]:
        """List the files of days from ``first`` to ``last``: stream, day and writer; number; key."""
        for stream in self._streams:
            below = f"events/{self._tenant}/{stream}/"
            for folder in self._store.objects.folders(below):
                if not f"dt={first}" <= folder <= f"dt={last}":
                    continue
                for key in self._store.objects.keys(f"{below}{folder}/"):
                    name = _NAME.fullmatch(key.rpartition("/")[2])
                    if name is not None:
                        yield f"{stream}/{folder}/{name['writer']}", int(name["number"]), key


def _steps(numbers: set[int]) -> str:
    """Write many numbers shortly: the first, and each as its distance from the one before. They are milliseconds."""
    ordered = sorted(numbers)
    return " ".join(str(number - before) for before, number in zip([0, *ordered], ordered, strict=False))


def _read_position(position: Mapping[str, Any], name: str) -> dict[str, set[int]]:
    if position and set(position) != {"read"}:
        raise BadInput(
            f"the position {dict(position)} is not one of {name}", next_step="read the whole window again: --rebuild"
        )
    found: dict[str, set[int]] = {}
    for place, steps in position.get("read", {}).items():
        found[place] = set(itertools.accumulate(map(int, steps.split())))
    return found
