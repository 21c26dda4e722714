"""Verify a tenant's log: its chain, every digest it names, and the closure of what is in force."""

from typing import Any

import msgspec

from recsys.errors import RecsysError
from recsys.releases.closure import Closure, read_manifest
from recsys.releases.errors import DamagedRecord, UnfitRelease
from recsys.releases.history import Entry, History, broken_link
from recsys.releases.record import Release
from recsys.store import Blobs, Denied, Log, Truncated, Unavailable

__all__ = ["Finding", "Verification", "verify"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong. ``generation`` is the oldest release it concerns."""

    generation: int
    what: str
    problem: str

    def __str__(self) -> str:
        return f"generation {self.generation}, {self.what}: {self.problem}"


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """How much was read, and what is wrong with it."""

    tenant: str
    generations: int
    blobs: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def document(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {"sound": self.sound, **msgspec.to_builtins(self)}


def verify(log: Log, blobs: Blobs, tenant: str) -> Verification:
    """Read everything a tenant's log names. What is wrong becomes a finding; only a store that is away is
    raised.
    """
    findings: list[Finding] = []
    history = History(log, blobs, tenant)
    try:
        newest = log.head(tenant)
    except Truncated as error:
        newest = error.pointer
        findings.append(Finding(error.pointer, "pointer", error.message))
    standing = _check_chain(history, newest, findings)
    if not standing and not findings:
        findings.append(Finding(0, "log", f"tenant {tenant} has no release"))
    seen = _check_blobs(standing, blobs, tenant, findings)
    if standing:
        try:
            Closure(blobs, tenant).check_whole(standing[-1].release)
        except UnfitRelease as error:
            if not any(error.what.startswith(finding.what) for finding in findings):
                findings.append(Finding(standing[-1].release.generation, "closure", error.message))
    return Verification(tenant=tenant, generations=len(standing), blobs=seen, findings=tuple(findings))


def _check_chain(history: History, newest: int, findings: list[Finding]) -> list[Entry]:
    standing: list[Entry] = []
    for generation in range(1, newest + 1):
        try:
            entry = history.entry(generation)
        except (Unavailable, Denied):
            raise
        except RecsysError as error:
            problem = error.problem if isinstance(error, DamagedRecord) else "it is missing"
            findings.append(Finding(generation, "record", problem))
            continue
        if standing and standing[-1].release.generation == generation - 1:
            problem = broken_link(standing[-1], entry)
            if problem:
                findings.append(Finding(generation, "chain", f"it {problem}"))
        if generation == 1 and entry.release.previous is not None:
            findings.append(Finding(1, "chain", f"the first record names {entry.release.previous} before it"))
        standing.append(entry)
    return standing


def _check_blobs(standing: list[Entry], blobs: Blobs, tenant: str, findings: list[Finding]) -> int:
    """Read every blob once, manifests before what they name; return how many were read."""
    seen: set[str] = set()

    def read(generation: int, what: str, named: str) -> bytes | None:
        if named in seen:
            return None
        seen.add(named)
        try:
            return blobs.read(tenant, named)
        except (Unavailable, Denied):
            raise
        except RecsysError as error:
            findings.append(Finding(generation, f"{what} {named}", error.message))
            return None

    for entry in standing:
        release = entry.release
        for what, named in _named(release):
            data = read(release.generation, what, named)
            if data is None or not what.startswith("manifest"):
                continue
            try:
                manifest = read_manifest(data)
            except RecsysError as error:
                findings.append(Finding(release.generation, f"{what} {named}", error.message))
                continue
            for ref in manifest.artifacts():
                read(release.generation, f"artifact of {manifest.surface}", ref.artifact)
    return len(seen)


def _named(release: Release) -> list[tuple[str, str]]:
    found = [("config", release.config), ("rules", release.rules)]
    found += [
        (what, named)
        for what, named in (
            ("overlay", release.overlay),
            ("withdrawn", release.withdrawn),
            ("erased", release.erased),
        )
        if named is not None
    ]
    found += [("evidence", named) for named in release.evidence]
    found += [
        (f"manifest of {surface}", served.manifest)
        for surface, served in sorted(release.surfaces.items())
        if served.manifest is not None
    ]
    return found
