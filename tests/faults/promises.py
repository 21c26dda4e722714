"""What the ceiling promises to keep, read from bare records. It shares no code with the collector it judges.

It knows the layout of ``docs/reference/store.md`` and the list of ``docs/how-to/collect-garbage.md``, and nothing else.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

__all__ = ["Promises", "named_in"]

Record = dict[str, Any]
_DOCUMENTS = ("config", "rules", "overlay", "withdrawn", "erased", "condemned")


def named_in(record: Record) -> set[str]:
    """Return the digests a record names itself."""
    served = list(record.get("surfaces", {}).values())
    surfaces = served + [one["candidate"] for one in served if one.get("candidate")]
    named = [record.get(name) for name in _DOCUMENTS] + list(record.get("evidence", ()))
    named += [one.get(name) for one in surfaces for name in ("manifest", "config", "rules")]
    return {digest for digest in named if digest}


class Promises:
    """The promises of one log. ``read`` returns a blob's bytes, or ``None``; what a manifest names is remembered."""

    def __init__(self, read: Callable[[str], bytes | None], *, keep: int) -> None:
        self.read = read
        self._keep = keep
        self._inside: dict[str, set[str]] = {}

    def closure(self, digests: Iterable[str]) -> set[str]:
        """Add the artifacts that manifests among the digests name."""
        found = set(digests)
        for digest in tuple(found):
            found |= self._artifacts(digest)
        return found

    def of(self, records: Sequence[Record]) -> set[str]:
        """Return what must be there while the last of these records is the newest."""
        newest = records[-1]
        promised = named_in(newest)
        for hold in newest.get("holds", ()):
            begun = hold.get("generation")
            for generation in (begun, begun and begun - 1):
                promised |= named_in(records[generation - 1]) if generation else set()
        last: dict[str, list[str]] = {}
        for record in reversed(records):
            promised |= {*record.get("evidence", ()), *filter(None, [record.get("condemned")])}
            for part, digest in _levers(record):
                seen = last.setdefault(part, [])
                if digest not in seen and len(seen) < self._keep:
                    seen.append(digest)
        return self.closure(promised.union(*last.values()))

    def _artifacts(self, digest: str) -> set[str]:
        if digest not in self._inside:
            data = self.read(digest)
            if data is None:
                return set()
            self._inside[digest] = _refs(data)
        return self._inside[digest]


def _levers(record: Record) -> list[tuple[str, str]]:
    served = [(f"artifacts:{name}", one.get("manifest")) for name, one in record.get("surfaces", {}).items()]
    return [
        (part, digest) for part, digest in (("config", record["config"]), ("rules", record["rules"]), *served) if digest
    ]


def _refs(data: bytes) -> set[str]:
    try:
        manifest = json.loads(data)
        signals = manifest["signals"].values()
    except (ValueError, TypeError, KeyError, AttributeError):
        return set()
    refs = [ref for of_signal in signals for ref in of_signal] + [manifest.get("catalog")]
    return {ref["artifact"] for ref in refs if ref}
