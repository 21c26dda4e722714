"""The replay gate: what users asked lately, answered by the release to come and by the one that is live.

Its report is the release's evidence. The core that ranks is the one that serves.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from recsys.documents import Rule
from recsys.documents.groups import Gate
from recsys.encoding import canonical, parse_rfc3339
from recsys.events.observed import Observed
from recsys.pipelines.errors import Exceeded, GateFailed
from recsys.ranking import Shelf
from recsys.releases import Release
from recsys.releases.record import read_release
from recsys.releases.ship import manifest_of
from recsys.snapshot import Snapshot, SnapshotRejected, narrowed, open_snapshot, prepare, recommend
from recsys.snapshot.sampled import Asked, recent_requests
from recsys.store import Store

__all__ = ["GateReport", "ReplayGate", "violations"]

REQUESTS = 200
"""A share of 5% is then known to three hundredths, and ranking them twice takes less than a second."""
LOOK_BACK_S = 86_400.0
"""Requests of the last day: they are asked at the moment they were asked at, with what was known then."""
TOP = 20
"""How far down lists are compared."""


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came out. Pairs are of the live release and of the one to come.

    ``empty_rate``: share of empty lists. ``overlap``: mean share of a live list's items that the new one keeps.
    ``p99_ms``: of ranking one request, here. ``taken``: items that users took after these requests; ``hit_rate``: the
    share of them that the list has (live lists were what users saw, which favours them). ``violations``: requests whose
    new list shows what a rule blocks or a release withdraws.
    """

    schema: Literal["gate.v1"] = "gate.v1"
    tenant: str
    surface: str
    manifest: str
    generation: int
    requests: int
    empty_rate: tuple[float, float]
    overlap: float
    p99_ms: tuple[float, float]
    taken: int
    hit_rate: tuple[float, float] | None
    violations: tuple[str, ...]
    limits: Gate
    failed: tuple[str, ...]
    forced: bool = False


class ReplayGate:
    """Judges a release that would be committed; called again when config or rules change on the way.

    Parameters
    ----------
    cache
        Where releases are prepared.
    force
        Let it pass whatever comes out; the report says so.
    """

    def __init__(self, store: Store, surface: str, *, cache: Path, now_s: float, force: bool) -> None:
        self._store, self._surface, self._cache, self._now_s, self._force = store, surface, cache, now_s, force

    def __call__(self, release: Release) -> tuple[str, ...]:
        """Return the digest of the report, which is stored; nothing where nothing could be replayed.

        Raises
        ------
        GateFailed
            The release does not keep to the gate.
        """
        live = read_release(self._store.releases.read(release.tenant, release.generation - 1))
        if manifest_of(live, self._surface) is None:
            return ()
        with Observed(self._store, release.tenant, since_s=self._now_s - LOOK_BACK_S) as observed:
            asked = recent_requests(observed, surface=self._surface, most=REQUESTS)
            taken = observed.acted_on([one.request_id for one in asked if one.request_id is not None])
        before = self._live(live) if asked else None
        if before is None:
            return ()
        after = self._opened(release)
        report = self._judged(release, asked, before, after, taken)
        named = self._store.blobs.put(release.tenant, canonical(report))
        if report.failed and not self._force:
            raise GateFailed(self._surface, stopped_by=tuple(_failed(report)), requests=len(asked), report=named)
        return (named,)

    def _live(self, live: Release) -> Snapshot | None:
        """Open what is live; ``None`` where it cannot be: a damaged artifact must not stop the run that mends it."""
        try:
            return self._opened(live)
        except SnapshotRejected:
            return None

    def _opened(self, release: Release) -> Snapshot:
        one = narrowed(release, self._surface, candidate=False)
        return open_snapshot(prepare(one, blobs=self._store.blobs, root=self._cache))

    def _judged(
        self,
        release: Release,
        asked: Sequence[Asked],
        before: Snapshot,
        after: Snapshot,
        taken: Mapping[str, frozenset[str]],
    ) -> GateReport:
        limits = after.config.at(self._surface).gate
        old, new = _Lists(before, asked), _Lists(after, asked)
        kept = [len(set(a) & set(b)) / len(a) for a, b in zip(old.items, new.items, strict=True) if a]
        wanted = [(items, at) for at, one in enumerate(asked) if (items := taken.get(one.request_id or ""))]
        all_taken = sum(len(items) for items, _ in wanted)
        manifest = manifest_of(release, self._surface)
        assert manifest is not None, "a manifest is shipped"
        report = GateReport(
            tenant=release.tenant,
            surface=self._surface,
            manifest=manifest,
            generation=before.generation,
            requests=len(asked),
            empty_rate=(old.empty_rate(), new.empty_rate()),
            overlap=round(float(np.mean(kept)), 4) if kept else 1.0,
            p99_ms=(old.p99_ms(), new.p99_ms()),
            taken=all_taken,
            hit_rate=(old.hits(wanted) / all_taken, new.hits(wanted) / all_taken) if all_taken else None,
            violations=tuple(violations(after, asked, new.items)),
            limits=limits,
            failed=(),
            forced=self._force,
        )
        return msgspec.structs.replace(report, failed=tuple(one.said for one in _failed(report)))


class _Lists:
    """The lists of some requests by one release, and how long each took."""

    def __init__(self, snapshot: Snapshot, asked: Sequence[Asked]) -> None:
        self.items: list[list[str]] = []
        took_s = []
        for one in asked:
            request = msgspec.structs.replace(one.request, k=TOP)
            begun = time.perf_counter()
            answer = recommend(snapshot, request, now=one.now)
            took_s.append(time.perf_counter() - begun)
            self.items.append([item.item_id for item in answer.items])
        self._took_ms = 1000 * np.array(took_s[1:] or took_s)  # the first one compiles rules and touches pages

    def empty_rate(self) -> float:
        return sum(not items for items in self.items) / len(self.items)

    def p99_ms(self) -> float:
        return round(float(np.percentile(self._took_ms, 99)), 3)

    def hits(self, wanted: Sequence[tuple[frozenset[str], int]]) -> int:
        return sum(len(items.intersection(self.items[at])) for items, at in wanted)


def _failed(report: GateReport) -> Iterator[Exceeded]:
    limits, (live, new) = report.limits, report.empty_rate
    if new > max(limits.max_empty_rate, live):
        said = f"{new:.1%} of the lists are empty ({live:.1%} are now; max_empty_rate {limits.max_empty_rate:g})"
        yield Exceeded(name="max_empty_rate", seen=new, limit=limits.max_empty_rate, said=said)
    if report.overlap < limits.min_overlap:
        said = f"lists keep {report.overlap:.1%} of their items (min_overlap {limits.min_overlap:g})"
        yield Exceeded(name="min_overlap", seen=report.overlap, limit=limits.min_overlap, said=said)
    if limits.max_p99_ms is not None and report.p99_ms[1] > limits.max_p99_ms:
        said = f"ranking takes {report.p99_ms[1]:g} ms at p99 (max_p99_ms {limits.max_p99_ms:g})"
        yield Exceeded(name="max_p99_ms", seen=report.p99_ms[1], limit=limits.max_p99_ms, said=said)
    if report.violations:
        said = f"{len(report.violations)} lists show what is blocked or withdrawn"
        yield Exceeded(name="violations", seen=len(report.violations), limit=0, said=said)


def violations(snapshot: Snapshot, asked: Sequence[Asked], lists: Sequence[Sequence[str]]) -> list[str]:
    """Name the requests whose list shows what it must not; found from the documents, not by the code that ranks."""
    found = []
    for one, items in zip(asked, lists, strict=True):
        surface, segment = one.request.surface, one.request.segment
        shelf = snapshot.shelf(surface, segment)
        blocks = [rule for rule in snapshot.rules if _blocks(rule, surface, segment, one.now)]
        shown = snapshot.withdrawn.intersection(items) or (
            shelf is not None and any(_hits(rule, item, shelf) for rule in blocks for item in items)
        )
        if shown:
            found.append(one.request_id or surface)
    return found


def _blocks(rule: Rule, surface: str, segment: str | None, now: float) -> bool:
    here = rule.enabled and rule.action in ("block", "exclude")
    here = here and rule.surface in (None, surface) and rule.segment in (None, segment)
    begun = rule.valid_from is None or parse_rfc3339(rule.valid_from, what="valid_from") <= now
    return here and begun and (rule.valid_until is None or now < parse_rfc3339(rule.valid_until, what="valid_until"))


def _hits(rule: Rule, item_id: str, shelf: Shelf) -> bool:
    if rule.target_type == "item":
        return item_id in rule.item_ids
    labels, item = shelf.labels[rule.target_type], shelf.find(item_id)
    code = None if rule.target_key is None else labels.names.find(rule.target_key)
    return item is not None and code is not None and code in labels.of(item)
