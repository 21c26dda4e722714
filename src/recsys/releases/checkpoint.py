"""Checkpoints: what a log held at one moment, small enough to keep elsewhere and to prove the log by.

A chain proves that nothing before its end was changed since the end was written; it cannot prove its own end. A
checkpoint is an end that whoever changes the store cannot change.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

import msgspec

from recsys.access.records import STREAM
from recsys.encoding import canonical, decode, digest, rfc3339
from recsys.errors import Failed, NotFound, UsageError
from recsys.releases.errors import DamagedRecord
from recsys.releases.finding import Finding, spanned
from recsys.releases.history import Entry, History, broken_link
from recsys.releases.signing import PublicKeys, Signature, Signer
from recsys.store import Missing, Store

__all__ = [
    "Checkpoint",
    "Mark",
    "access_findings",
    "lost_since",
    "read_checkpoint",
    "release_findings",
    "signature_findings",
    "take_checkpoint",
]

FORMAT = 1
KIND = "recsys-checkpoint"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a tenant's log: the digest of the bytes of record ``generation``, and the log it is of."""

    log: str
    generation: int
    digest: str


class AccessMark(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the log of tenants and keys; number 0 and no digest when it is empty."""

    number: int
    digest: str | None


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The ends of the logs of one store. ``at`` is a label."""

    kind: str
    format: int
    store: str
    at: str
    access: AccessMark
    tenants: Mapping[str, Mark]
    signature: Signature | None = None

    def mark(self, tenant: str) -> Mark:
        """Return a tenant's mark; raises :class:`~recsys.errors.NotFound`."""
        if tenant not in self.tenants:
            known = ", ".join(sorted(self.tenants)) or "nobody"
            raise NotFound(
                f"the checkpoint of {self.at} does not speak of tenant {tenant}", next_step=f"it speaks of {known}"
            )
        return self.tenants[tenant]

    def encode(self) -> bytes:
        """Write it as it was signed; without the field ``signature`` when nobody signed."""
        document = msgspec.to_builtins(self)
        if self.signature is None:
            del document["signature"]
        return canonical(document)


def take_checkpoint(
    store: Store,
    tenants: Iterable[str] | None = None,
    *,
    signer: Signer | None = None,
    clock: Callable[[], float] = time.time,
) -> Checkpoint:
    """Note where the logs of these tenants end (default: of all), and the log of tenants and keys.

    Raises as the store, and when the newest record of a log cannot be read.
    """
    names = sorted(store.releases.streams()) if tenants is None else sorted(tenants)
    checkpoint = Checkpoint(
        kind=KIND,
        format=FORMAT,
        store=store.id,
        at=rfc3339(clock()),
        access=_access_mark(store),
        tenants={name: _mark(store, name) for name in names},
    )
    if signer is None:
        return checkpoint
    return msgspec.json.decode(signer.signed_checkpoint(checkpoint.encode()), type=Checkpoint)


def read_checkpoint(data: bytes, *, what: str = "checkpoint") -> Checkpoint:
    """Read a checkpoint. A later version that says more in one raises its format.

    Raises
    ------
    UsageError
        When it is none.
    Failed
        When it is of a later format.
    """
    try:
        found = msgspec.json.decode(data, type=_Kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = _Kind()
    if found.kind != KIND:
        raise UsageError(f"{what} is not a checkpoint", next_step="make one: recsys releases checkpoint --out FILE")
    if found.format > FORMAT:
        raise Failed(
            f"{what} has format {found.format}, and this version reads up to {FORMAT}",
            next_step="upgrade recsys-suite on this host",
        )
    return decode(data, Checkpoint, what=what)


def release_findings(checkpoint: Checkpoint, store: Store, tenant: str, standing: list[Entry]) -> list[Finding]:
    """Say what a tenant's log lost or changed since the checkpoint; ``standing``: the records that could be read.

    Together with a chain that holds, nothing found here means that records 1 to the mark's are as they were.
    """
    mark = checkpoint.mark(tenant)
    found: list[Finding] = []
    if checkpoint.store != store.id:
        found.append(Finding(0, "checkpoint", f"it was made of store {checkpoint.store}, and this is store {store.id}"))
    records = {entry.release.generation: entry for entry in standing}
    end = max(records, default=0)
    there = records.get(mark.generation)
    when = f"the checkpoint of {checkpoint.at}"
    if there is None and end < mark.generation:
        gone = spanned(end + 1, mark.generation)
        found.append(Finding(end + 1, "checkpoint", f"the log ends at {end}: {gone} gone that {when} saw"))
    elif there is None:
        found.append(Finding(mark.generation, "checkpoint", f"the record that {when} saw cannot be read"))
    elif there.digest != mark.digest:
        found.append(Finding(mark.generation, "checkpoint", _replaced(there, mark, when, records)))
    return found


def _replaced(there: Entry, mark: Mark, when: str, records: Mapping[int, Entry]) -> str:
    taken = there.release.supersedes
    if taken is not None and taken.log == mark.log:
        gone = spanned(taken.generation + 1, mark.generation)
        return f"the log was restored from generation {taken.generation}: {gone} gone that {when} saw"
    began = records.get(1)
    if began is not None and mark.log not in (began.release.log, there.release.log):
        return f"this is log {there.release.log}, and {when} is of log {mark.log}: the whole log was replaced"
    return f"it is another record than {when} saw: it, or one before it, was changed, dropped or put elsewhere"


def lost_since(checkpoint: Checkpoint, store: Store) -> list[Finding]:
    """Say which of its logs no longer go on from a checkpoint: its record is gone, another one, or not chained to the
    newest. Quick: what came before the checkpoint is not read.
    """
    found = access_findings(checkpoint, store)
    for tenant, mark in checkpoint.tenants.items():
        history = History(store.releases, store.blobs, tenant)
        standing: list[Entry] = []
        try:
            newest = history.head()
            standing = [history.entry(n) for n in range(mark.generation, newest.release.generation)] + [newest]
        except (DamagedRecord, NotFound):
            pass  # told below: without its record the log does not go on from it
        lost = release_findings(checkpoint, store, tenant, standing)
        broken = [problem for a, b in pairwise(standing) if (problem := broken_link(a, b))]
        lost += [Finding(mark.generation, "chain", f"after it, a record {problem}") for problem in broken]
        found += [msgspec.structs.replace(one, what=f"{one.what} of {tenant}") for one in lost]
    return found


def access_findings(checkpoint: Checkpoint, store: Store) -> list[Finding]:
    """Say what the log of tenants and keys lost or changed up to the checkpoint, by its own chain."""
    number, wanted = checkpoint.access.number, checkpoint.access.digest
    when = f"the checkpoint of {checkpoint.at}"
    for at in range(number, 0, -1):
        try:
            data = store.access.read(STREAM, at)
        except Missing:
            return [Finding(0, f"access record {at}", f"it is missing, and {when} saw {number} of them")]
        if digest(data) != wanted:
            whose = f"than {when} saw" if at == number else "than the one after it names"
            return [Finding(0, f"access record {at}", f"it is another one {whose}")]
        try:
            wanted = msgspec.json.decode(data, type=_Chained).previous
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [Finding(0, f"access record {at}", "it cannot be read")]
    return []


def signature_findings(checkpoint: Checkpoint, keys: PublicKeys) -> list[Finding]:
    """Say what is wrong with a checkpoint's own signature."""
    problem = keys.problem_of_checkpoint(checkpoint.encode())
    if problem is None:
        problem = "nobody signed it"
    return [Finding(0, "checkpoint", problem)] if problem else []


def _mark(store: Store, tenant: str) -> Mark:
    head = History(store.releases, store.blobs, tenant).head()
    return Mark(log=head.release.log, generation=head.release.generation, digest=head.digest)


def _access_mark(store: Store) -> AccessMark:
    number = store.access.head(STREAM)
    return AccessMark(number=number, digest=digest(store.access.read(STREAM, number)) if number else None)


class _Kind(msgspec.Struct, frozen=True):
    kind: str = ""
    format: int = 0


class _Chained(msgspec.Struct, frozen=True):
    previous: str | None = None
