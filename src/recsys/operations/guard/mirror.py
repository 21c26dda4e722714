"""A tenant's logs up to a moment, as files an evaluation reads: what a host writes now is cut off for all alike.

Without the cut an outcome is seen before the exposure it belongs to, which another host has not shipped yet, and the
evaluation would rightly not trust such data.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from recsys.encoding import Invalid, parse_rfc3339
from recsys.events.layout import Stream, event_files, utc_day
from recsys.store import Missing, Store

__all__ = ["Mirror"]

_NONE = ".none"
_ROLES: tuple[Stream, ...] = ("exposures", "outcomes", "assignments")


class _Ts(msgspec.Struct):
    ts: str


class Mirror:
    """Keeps what is finished, so that each file of the store is fetched once.

    Parameters
    ----------
    folder
        Where the copies are; the same one goes on where an earlier mirror ended.
    since_s
        Outcomes and assignments from here on. Exposures also of ``before_s`` seconds before: people still act on them.
    """

    def __init__(
        self, store: Store, tenant: str, folder: Path, *, since_s: float, before_s: float, spool: Path | None = None
    ) -> None:
        self._store, self._tenant, self._folder, self._spool = store, tenant, folder, spool
        self._since_s, self._before_s = since_s, before_s

    def dataset(self, *, until_s: float) -> dict[str, Any]:
        """Bring the copies up to a moment, and return the dataset of an evaluation: a mapping of roles to sources.

        Raises
        ------
        Unavailable, Denied
            The store does not answer.
        OSError
            This host's disk does not take the copies.
        """
        return {
            role: {"type": "jsonl", "ids": "pseudonymous", "path": str(self._bring(role, until_s) / "*/*.jsonl")}
            for role in _ROLES
        }

    def _bring(self, role: Stream, until_s: float) -> Path:
        since_s = self._since_s - (self._before_s if role == "exposures" else 0.0)
        folder = self._folder / role
        kept, now = folder / "kept", folder / "now"
        kept.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(now, ignore_errors=True)
        now.mkdir()
        for name, data, finished in self._files(role, utc_day(since_s), kept):
            lines, whole = _within(data, since_s, until_s)
            if lines:
                (now / name).write_bytes(lines)
            if finished and whole:
                _keep(now / name, kept)
        return folder

    def _files(self, role: Stream, first_day: str, kept: Path) -> Iterator[tuple[str, bytes, bool]]:
        """Yield the files that are not kept yet: a name, the bytes, and whether they are all there will be."""
        seen: set[str] = set()
        if self._spool is not None:
            for file in event_files(self._spool, tenant=self._tenant, stream=role):
                name = _named(file.place)
                if file.day >= first_day and not _is_kept(kept / name):
                    try:
                        data = file.path.read_bytes()
                    except FileNotFoundError:
                        continue  # it moved on; the store has it, or the next look finds it
                    yield name, data, not file.growing
                seen.add(name)
        prefix = f"events/{self._tenant}/{role}/"
        for day in self._store.objects.folders(prefix):
            if day < f"dt={first_day}":
                continue
            for key in self._store.objects.keys(f"{prefix}{day}/"):
                name = _named(key.removeprefix("events/"))
                if name not in seen and not _is_kept(kept / name):
                    try:
                        yield name, self._store.objects.read(key), True
                    except Missing:
                        continue


def _keep(copy: Path, kept: Path) -> None:
    """Keep a copy, whole or not at all; of a file without a line of these days, that there is none."""
    if copy.exists():
        copy.rename(kept / copy.name)
    else:
        (kept / copy.name).with_suffix(_NONE).touch()


def _is_kept(copy: Path) -> bool:
    return copy.exists() or copy.with_suffix(_NONE).exists()


def _named(place: str) -> str:
    """Name the copy of a file: day and name, in one."""
    return "-".join(place.split("/")[2:])


def _within(data: bytes, since_s: float, until_s: float) -> tuple[bytes, bool]:
    """Return the lines from one moment to another, without decision records, and whether none lies after.

    A line that cannot be read is kept as it is: the evaluation is to refuse it.
    """
    kept: list[bytes] = []
    whole = True
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        try:
            fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
            at_s = parse_rfc3339(msgspec.json.decode(line, type=_Ts).ts)
        except (msgspec.DecodeError, UnicodeDecodeError, Invalid):
            kept.append(line)
            continue
        if at_s > until_s:
            whole = False
        elif at_s >= since_s:
            fields.pop("decision", None)
            kept.append(msgspec.json.encode(fields))
    return b"".join(line + b"\n" for line in kept), whole
