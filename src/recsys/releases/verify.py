"""Verify a tenant's log: its chain, every digest it names, and the closure of what is in force."""

from datetime import date
from typing import Any

import msgspec

from recsys.errors import RecsysError
from recsys.releases.chain import check_chain, check_signatures, newest_named
from recsys.releases.checkpoint import Checkpoint, access_findings, release_findings, signature_findings
from recsys.releases.closure import Closure
from recsys.releases.errors import UnfitRelease
from recsys.releases.finding import Finding
from recsys.releases.history import Entry, History
from recsys.releases.manifest import ArtifactRef, Manifest, read_manifest
from recsys.releases.reach import manifests_of, single_blobs
from recsys.releases.signing import PublicKeys
from recsys.store import Blobs, Corrupt, Denied, Missing, Store, Unavailable

__all__ = ["Finding", "Verification", "verify"]


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """How much was read, and what is wrong with it. ``collected``: named by old releases and deleted by collections,
    as they said. ``proven``: up to this generation a checkpoint kept outside proves the log; what came after it has
    nothing but its own chain. ``None``: no checkpoint, or it does not fit.
    """

    tenant: str
    generations: int
    blobs: int
    collected: int = 0
    findings: tuple[Finding, ...]
    proven: int | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def document(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {"sound": self.sound, **msgspec.to_builtins(self)}


def verify(
    store: Store, tenant: str, *, checkpoint: Checkpoint | None = None, keys: PublicKeys | None = None
) -> Verification:
    """Read everything a tenant's log names. What is wrong becomes a finding; only a store that is away is
    raised, and a checkpoint that does not speak of this tenant.

    ``checkpoint``: also prove the log by it. ``keys``: also require that from the first signed record on every one,
    and the checkpoint, is signed by one of them.
    """
    findings: list[Finding] = []
    blobs = store.blobs
    history = History(store.releases, blobs, tenant)
    standing = check_chain(history, newest_named(store.releases, tenant, findings), findings)
    if keys is not None:
        findings += check_signatures(history, standing, keys)
    proven = _prove(checkpoint, store, tenant, standing, findings)
    if checkpoint is not None and keys is not None:
        findings += signature_findings(checkpoint, keys)
    if not standing and not findings:
        findings.append(Finding(0, "log", f"tenant {tenant} has no release"))
    lost: list[Finding] = []
    seen, collected = _Blobs(blobs, tenant, lost).check(standing)
    findings += sorted(lost, key=lambda finding: finding.generation)
    if standing:
        try:
            Closure(blobs, tenant).check_whole(standing[-1].release)
        except UnfitRelease as error:
            findings.append(Finding(standing[-1].release.generation, "closure", error.message))
    return Verification(
        tenant=tenant,
        generations=len(standing),
        blobs=seen - collected,
        collected=collected,
        findings=tuple(findings),
        proven=proven,
    )


def _prove(
    checkpoint: Checkpoint | None, store: Store, tenant: str, standing: list[Entry], findings: list[Finding]
) -> int | None:
    """Hold the chain against a checkpoint; return the generation up to which it is proven."""
    if checkpoint is None:
        return None
    mark = checkpoint.mark(tenant)
    broken = [one for one in findings if one.what in _OF_THE_CHAIN and 0 < one.generation <= mark.generation]
    against = release_findings(checkpoint, store, tenant, standing)
    findings += against
    findings += access_findings(checkpoint, store)
    return None if broken or against else mark.generation


_OF_THE_CHAIN = frozenset({"chain", "record", "format", "signature"})


class _Blobs:
    """Reads every blob once, manifests before what they name.

    What is gone is right to be gone when a collection condemned it after the last release that names it; or when it
    is personal, and past its last day or condemned at all. Anything else that is gone is a finding.
    """

    def __init__(self, blobs: Blobs, tenant: str, findings: list[Finding]) -> None:
        self._blobs = blobs
        self._tenant = tenant
        self._findings = findings
        self._manifests: dict[str, Manifest | None] = {}
        self._gone: dict[str, tuple[Finding, ArtifactRef | None]] = {}
        self._named_last: dict[str, int] = {}

    def check(self, standing: list[Entry]) -> tuple[int, int]:
        """Return how many blobs are named, and how many of them were collected."""
        for entry in standing:
            release = entry.release
            for what, named in single_blobs(release):
                self._read(release.generation, what, named)
            for surface, named in manifests_of(release):
                self._check_manifest(release.generation, surface, named)
        return len(self._named_last), self._settle(standing)

    def _check_manifest(self, generation: int, surface: str, named: str) -> None:
        what = f"manifest of {surface}"
        data = self._read(generation, what, named)
        if data is not None:
            try:
                self._manifests[named] = read_manifest(data)
            except RecsysError as error:
                self._findings.append(Finding(generation, f"{what} {named}", error.message))
        manifest = self._manifests.setdefault(named, None)
        for ref in manifest.artifacts() if manifest else ():
            self._read(generation, f"artifact of {surface}", ref.artifact, ref)

    def _read(self, generation: int, what: str, named: str, ref: ArtifactRef | None = None) -> bytes | None:
        """Return the bytes where they are read for the first time and are right."""
        seen = named in self._named_last
        self._named_last[named] = generation
        if named in self._gone:
            finding, before = self._gone[named]
            self._gone[named] = (finding, _stricter(before, ref))
        if seen:
            return None
        try:
            return self._blobs.read(self._tenant, named)
        except (Unavailable, Denied):
            raise
        except Missing as error:
            self._gone[named] = (Finding(generation, f"{what} {named}", error.message), ref)
        except RecsysError as error:
            self._findings.append(Finding(generation, f"{what} {named}", error.message))
        return None

    def _settle(self, standing: list[Entry]) -> int:
        """Tell what was collected from what is lost; return how many were."""
        if not self._gone:
            return 0
        condemned = self._condemned(standing)
        today = self._blobs.today()
        collected = 0
        for named, (finding, ref) in self._gone.items():
            when = condemned.get(named, 0)
            personal = ref is not None and ref.personal and (when > 0 or ref.lapsed(today))
            if personal or when > self._named_last[named]:
                collected += 1
            else:
                self._findings.append(finding)
        return collected

    def _condemned(self, standing: list[Entry]) -> dict[str, int]:
        """Return the newest collection that condemned each digest; lists that cannot be read are findings already."""
        found: dict[str, int] = {}
        for entry in standing:
            release = entry.release
            if release.action == "gc" and release.condemned is not None:
                try:
                    data = self._blobs.read(self._tenant, release.condemned)
                    found |= dict.fromkeys(msgspec.json.decode(data, type=list[str]), release.generation)
                except (Missing, Corrupt, msgspec.DecodeError):
                    continue
        return found


def _stricter(one: ArtifactRef | None, other: ArtifactRef | None) -> ArtifactRef | None:
    """Of two that name the same bytes, return the one that can be without them the less; ``None`` never can."""
    if one is None or other is None or one.retain_until is None or other.retain_until is None:
        return None
    return max(one, other, key=lambda ref: ref.retain_until or date.min)
