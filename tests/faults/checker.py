"""A reader of a store's files that decides whether a history is whole. It shares no code with what it judges.

It knows the layout of ``docs/reference/store.md`` and nothing else: JSON, SHA-256 and a directory.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["attempts", "check", "named_blobs", "records"]

Record = dict[str, Any]
_RECORD = re.compile(r"(\d{10})\.json")
_DOCUMENTS = ("config", "rules", "overlay", "withdrawn", "erased", "condemned")


def records(store: Path, tenant: str) -> list[Record]:
    """Return a tenant's releases in their order; what cannot be read is told by :func:`check`."""
    folder = store / "releases" / tenant
    return [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json")) if _RECORD.fullmatch(path.name)]


def attempts(store: Path, tenant: str) -> dict[str, int]:
    """Return the generation of each attempt that stands in the log."""
    return {record["attempt"]: record["generation"] for record in records(store, tenant)}


def check(
    store: Path,
    tenant: str,
    *,
    acknowledged: Iterable[tuple[int, str]] = (),
    complete: Iterable[int] | None = None,
) -> list[str]:
    """Say everything that is wrong with a tenant's history.

    ``acknowledged``: (generation, attempt) that somebody was told is committed. ``complete``: the generations whose
    blobs must all be there; all of them, unless a collection has run.
    """
    folder = store / "releases" / tenant
    found: dict[int, bytes] = {}
    problems: list[str] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        number = _RECORD.fullmatch(path.name)
        if number:
            found[int(number[1])] = path.read_bytes()
        elif path.name != "current.json":
            problems.append(f"{path.name} lies among the releases")
    if sorted(found) != list(range(1, len(found) + 1)):
        problems.append(f"the log has gaps: {sorted(found)}")
    history = list(_read(found, problems))
    problems += _chain(history, tenant)
    problems += _acknowledged(history, acknowledged)
    problems += _pointer(folder / "current.json", tenant, newest=max(found, default=0))
    wanted = {record["generation"] for _, record in history} if complete is None else set(complete)
    whole: set[str] = set()
    for _, record in history:
        if record["generation"] in wanted:
            missing = named_blobs(store, tenant, record, whole)
            problems += [f"generation {record['generation']}: {problem}" for problem in missing]
    return problems


def _read(found: dict[int, bytes], problems: list[str]) -> Iterator[tuple[bytes, Record]]:
    for number, data in sorted(found.items()):
        try:
            record = json.loads(data)
        except ValueError as error:
            problems.append(f"generation {number} is not JSON: {error}")
            continue
        if record.get("generation") != number:
            problems.append(f"generation {number} says it is {record.get('generation')}")
        yield data, record


def _chain(history: list[tuple[bytes, Record]], tenant: str) -> list[str]:
    problems: list[str] = []
    previous, log = None, None
    for data, record in history:
        number = record["generation"]
        if record["previous"] != previous:
            problems.append(f"generation {number} names {record['previous']} as the one before, which is {previous}")
        if record["tenant"] != tenant:
            problems.append(f"generation {number} is of tenant {record['tenant']}")
        if log is not None and record["log"] != log and record["action"] != "restore":
            problems.append(f"generation {number} is of another log")
        previous, log = "sha256:" + hashlib.sha256(data).hexdigest(), record["log"]
    for attempt, times in Counter(record["attempt"] for _, record in history).items():
        if times > 1:
            problems.append(f"attempt {attempt} stands {times} times")
    return problems


def _acknowledged(history: list[tuple[bytes, Record]], told: Iterable[tuple[int, str]]) -> list[str]:
    standing = {record["generation"]: record["attempt"] for _, record in history}
    return [
        f"generation {generation} was acknowledged to {attempt}, and is {standing.get(generation, 'gone')}"
        for generation, attempt in told
        if standing.get(generation) != attempt
    ]


def _pointer(path: Path, tenant: str, *, newest: int) -> list[str]:
    """A pointer may be lost, cut short or behind; one that is whole never names what is not there."""
    try:
        pointer = json.loads(path.read_bytes())
        number = pointer["number"]
        checked = pointer["check"] == hashlib.sha256(f"{tenant} {number}".encode()).hexdigest()[:16]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [f"the pointer names {number}, the newest is {newest}"] if checked and number > newest else []


def named_blobs(store: Path, tenant: str, record: Record, whole: set[str]) -> list[str]:
    """Say which blobs that a release names are missing or damaged. ``whole``: digests known to be right; grows."""
    surfaces = record.get("surfaces", {}).values()
    candidates = [surface["candidate"] for surface in surfaces if surface.get("candidate")]
    singles = [record.get(name) for name in _DOCUMENTS] + list(record.get("evidence", ()))
    singles += [candidate.get(name) for candidate in candidates for name in ("config", "rules")]
    manifests = [one.get("manifest") for one in (*surfaces, *candidates)]
    problems: list[str] = []
    for digest in filter(None, singles):
        _blob(store, tenant, digest, whole, problems)
    for digest in filter(None, manifests):
        if digest in whole:
            continue
        data = _blob(store, tenant, digest, set(), problems)
        if data is None:
            continue
        manifest = json.loads(data)
        refs = [ref for of_signal in manifest["signals"].values() for ref in of_signal]
        before = len(problems)
        for ref in refs + ([manifest["catalog"]] if manifest.get("catalog") else []):
            _blob(store, tenant, ref["artifact"], whole, problems)
        if len(problems) == before:
            whole.add(digest)
    return problems


def _blob(store: Path, tenant: str, digest: str, whole: set[str], problems: list[str]) -> bytes | None:
    """Return a blob's bytes, or say what is wrong with it; ``None`` also for one known to be whole."""
    if digest in whole:
        return None
    name = digest.removeprefix("sha256:")
    try:
        data = (store / "blobs" / tenant / "sha256" / name[:2] / name).read_bytes()
    except OSError as error:
        problems.append(f"{digest[:19]} is not there ({error.strerror})")
        return None
    if hashlib.sha256(data).hexdigest() != name:
        problems.append(f"{digest[:19]} is damaged ({len(data)} bytes)")
        return None
    whole.add(digest)
    return data
