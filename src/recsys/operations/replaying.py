"""Recorded answers computed again from the store, each compared with the digest that was recorded of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from recsys.encoding import Invalid
from recsys.errors import RecsysError
from recsys.events import Decision, Exposure
from recsys.ranking import ALGO_VERSION, Answer, Ranked
from recsys.releases import Release
from recsys.releases.collected import collections
from recsys.releases.errors import DamagedRecord, NewerRecord, UnknownGeneration
from recsys.releases.history import History
from recsys.releases.manifest import read_manifest
from recsys.releases.reach import manifests_of, single_blobs
from recsys.serving.answering import answer_digest
from recsys.snapshot import Snapshot, SnapshotRejected, narrowed, open_snapshot, prepare, replay
from recsys.store import Missing, Store

__all__ = ["Computed", "Replayed", "Replays", "Result"]

Result = Literal["exact", "differs", "unreplayable"]
_MOST_BINDING = 200
"""How many later lists of withdrawn items are tried: what a host had seen of the log is not on record, and a replay by
each takes a millisecond.
"""
_MOST_TOLD = 3


class Computed(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of a replay, and what it was computed on. ``bound_by``: the later generation whose withdrawn items
    the host had left out already.
    """

    snapshot: Snapshot
    answer: Answer
    bound_by: int | None = None


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a replay. ``because``: what differs, or what is missing; empty where the answer is the same.

    ``computed``: where it came so far.
    """

    result: Result
    because: str = ""
    next_step: str = ""
    computed: Computed | None = None


class Replays:
    """Computes answers of one tenant again. Keeps the releases it opened, each for the one surface it is asked about.

    ``cache``: where releases are prepared. ``history``: the tenant's log, as it is read.
    """

    def __init__(self, store: Store, tenant: str, *, cache: Path) -> None:
        self._store, self._tenant, self._cache = store, tenant, cache
        self.history = History(store.releases, store.blobs, tenant)
        self._opened: dict[bytes, Snapshot] = {}

    def of(self, exposure: Exposure) -> Replayed:
        """Replay a recorded answer.

        Raises
        ------
        Unavailable, Denied, OSError
            The store does not answer: nothing was found out about the answer.
        """
        decision = exposure.decision
        if decision is None:
            return _unreplayable("its record has no decision record", "the service writes one with every answer")
        if decision.rung == "floor":
            return _unreplayable(
                "the floor of a host answered, a small file of popular items that is not kept in the store",
                "why it did: recsys status, recsys doctor, and the health of that host at that time",
            )
        try:
            release = self._made_of(decision)
        except (UnknownGeneration, DamagedRecord, NewerRecord) as error:
            return _unreplayable(f"its release cannot be read: {error.message}", error.next_step)
        try:
            snapshot = self._open(release)
            computed = Computed(snapshot=snapshot, answer=replay(snapshot, decision))
        except SnapshotRejected as error:
            return self.closed(release, error)
        except Invalid as error:
            return _other_version(decision) or _unreplayable(
                f"this version cannot read the request of its record: {error.problem}", "ask the version that served it"
            )
        if answer_digest(computed.answer.items) == decision.answer:
            return _same(exposure, computed)
        bound = self._bound(snapshot, decision)
        if bound is not None:
            return _same(exposure, bound)
        return msgspec.structs.replace(self._differing(exposure, decision, release, computed), computed=computed)

    def forget(self) -> None:
        """Let the opened releases go: for who goes through a long log, one release after the other."""
        self._opened.clear()

    def _made_of(self, decision: Decision) -> Release:
        surface = str(decision.request.get("surface", ""))
        return narrowed(self.history.record(decision.generation), surface, candidate=decision.arm == "candidate")

    def _open(self, release: Release) -> Snapshot:
        key = release.encode()
        if key not in self._opened:
            self._opened[key] = open_snapshot(prepare(release, blobs=self._store.blobs, root=self._cache))
        return self._opened[key]

    def _bound(self, snapshot: Snapshot, decision: Decision) -> Computed | None:
        """Replay as a host did that served an older release, and had seen which items newer ones withdraw."""
        for generation, withdrawn in self._later_withdrawals(snapshot.release):
            bound = snapshot.without(withdrawn)
            answer = replay(bound, decision)
            if answer_digest(answer.items) == decision.answer:
                return Computed(snapshot=bound, answer=answer, bound_by=generation)
        return None

    def _later_withdrawals(self, release: Release) -> Iterator[tuple[int, frozenset[str]]]:
        tried = {release.withdrawn}
        newest = self.history.head().release.generation
        for generation in range(release.generation + 1, newest + 1):
            named = self.history.record(generation).withdrawn
            if named is None or named in tried or not self._store.blobs.exists(self._tenant, named):
                continue
            tried.add(named)
            if len(tried) > _MOST_BINDING:
                return
            yield generation, frozenset(msgspec.json.decode(self.history.document(named), type=list[str]))

    def _differing(self, exposure: Exposure, decision: Decision, release: Release, computed: Computed) -> Replayed:
        """Say why an answer is not the same: first what would explain it, then what is seen."""
        other = _other_version(decision)
        if other is not None:
            return other
        gone = self.personal_gone(release)
        if gone:
            because = f"{' and '.join(gone)} held personal data and were deleted after their last day"
            return _unreplayable(because, _CONTENT_STANDS)
        told = list(
            _other_documents(
                exposure.context, computed.snapshot.arm(str(decision.request.get("surface", "")), decision.arm)
            )
        )
        told += _places(exposure, computed.answer.items)
        return Replayed(
            result="differs",
            because="; ".join(told) or "the same items in the same places, and another score",
            next_step=f"is the store what it was? recsys releases verify --tenant {self._tenant}",
        )

    def personal_gone(self, release: Release) -> list[str]:
        """Name the personal signals of a release that were deleted after their last day."""
        gone = set()
        for surface, named in manifests_of(release):
            for signal, refs in read_manifest(self.history.document(named)).signals.items():
                lost = (ref for ref in refs if ref.personal)
                if any(not self._store.blobs.exists(self._tenant, ref.artifact) for ref in lost):
                    gone.add(f"{signal} of {surface}")
        return sorted(gone)

    def closed(self, release: Release, error: SnapshotRejected) -> Replayed:
        """Say why a release does not open: collected, or else what the opening says."""
        gone = self._gone(release)
        if not gone:
            because = f"generation {release.generation} does not open: {error.reason}"
            return _unreplayable(because, f"find the damage with: recsys releases verify --tenant {self._tenant}")
        because = f"of generation {release.generation} is gone: {', '.join(dict.fromkeys(gone.values()))}"
        return _unreplayable(because + self._collected_by(gone), _CONTENT_STANDS)

    def _gone(self, release: Release) -> Mapping[str, str]:
        """Return what a release needs and the store has no more, by digest, with what it is."""
        blobs = self._store.blobs
        found = {named: what for what, named in single_blobs(release) if not blobs.exists(self._tenant, named)}
        for surface, named in manifests_of(release):
            try:
                refs = read_manifest(self.history.document(named)).artifacts()
            except Missing:
                found[named] = f"the manifest of {surface}"
                continue
            except RecsysError:
                continue  # it is there, and damaged: what the opening says is the truer word
            for ref in refs:
                if not ref.personal and not blobs.exists(self._tenant, ref.artifact):
                    found[ref.artifact] = f"an artifact of {surface}"
        return found

    def _collected_by(self, gone: Mapping[str, str]) -> str:
        known = collections(self.history.head().release, self.history)
        by = sorted({known[named].generation for named in gone if named in known})
        return f"; collected by generation {by[0]}" if by else ""


_CONTENT_STANDS = (
    "what was shown and by which versions stands here all the same; recsys releases gc --keep N keeps more"
)


def _same(exposure: Exposure, computed: Computed) -> Replayed:
    """Call it exact, if the list of the record is the one its own digest names."""
    other = list(_places(exposure, computed.answer.items))
    if not other:
        return Replayed(result="exact", computed=computed)
    return Replayed(
        result="differs",
        because=f"the record lists other items than its own digest names: {'; '.join(other)}",
        next_step="the record was changed after it was written: compare it with another copy",
        computed=computed,
    )


def _unreplayable(because: str, next_step: str) -> Replayed:
    return Replayed(result="unreplayable", because=because, next_step=next_step)


def _other_version(decision: Decision) -> Replayed | None:
    if decision.algo_version == ALGO_VERSION:
        return None
    return _unreplayable(
        f"it was ranked by {decision.algo_version}, and this program ranks by {ALGO_VERSION}",
        "ask with the version of the program that served it, on the same store",
    )


def _other_documents(context: Mapping[str, str], snapshot: Snapshot) -> Iterator[str]:
    for name, found in (("config", snapshot.config_version), ("rules", snapshot.rules_version)):
        if context.get(f"{name}_version") not in (None, found):
            yield f"generation {snapshot.generation} has another {name} than the one recorded: the log was replaced"


def _places(exposure: Exposure, again: tuple[Ranked, ...]) -> Iterator[str]:
    """Name the first places that differ."""
    shown = [item.item_id for item in exposure.items]
    now = [item.item_id for item in again]
    if len(shown) != len(now):
        yield f"{len(shown)} items were shown, the replay gives {len(now)}"
    other = [(rank, a, b) for rank, (a, b) in enumerate(zip(shown, now, strict=False), 1) if a != b]
    for rank, a, b in other[:_MOST_TOLD]:
        yield f"place {rank} was {a}, the replay gives {b}"
    if len(other) > _MOST_TOLD:
        yield f"and {len(other) - _MOST_TOLD} more places"
