"""After a lever was pulled: what shows that it helped, and what only time will tell."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from recsys.events.observed import Observed, Sample
from recsys.operations.doctor.checklist import diagnose
from recsys.operations.doctor.finding import Finding
from recsys.operations.doctor.whatif import again, overlap, timed
from recsys.operations.here import Here, look_here
from recsys.operations.imagined import Imagined
from recsys.operations.thresholds import THRESHOLDS
from recsys.progress import Progress, silent
from recsys.ranking.request import RecommendRequest
from recsys.releases import Release, Releases
from recsys.releases.waiting import wait_for_hosts
from recsys.snapshot import open_release, recommend
from recsys.store import Store

__all__ = ["Proof", "Shown", "look_again", "prove", "prove_pin"]

_SAMPLE = 25


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at after the lever: whether it is as it should be, and what was seen."""

    what: str
    ok: bool
    said: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was verified, and what cannot be known yet."""

    shown: tuple[Shown, ...]
    later: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything that was looked at is as it should be."""
        return all(one.ok for one in self.shown)


def prove(
    store: Store,
    finding: Finding,
    *,
    cache: Path,
    timeout_s: float,
    window_s: float = 24 * 3600.0,
    here: Here | None = None,
    progress: Progress = silent,
) -> Proof:
    """Wait until the live hosts serve what was made, then look whether the symptom is gone.

    Parameters
    ----------
    finding
        What was found before the lever was pulled.
    timeout_s
        How long hosts are waited for; the lever stays pulled however that ends.
    """
    tenant = str(finding.tenant)
    head = Releases(store, tenant, actor="doctor").current()
    began = time.monotonic()
    waited = wait_for_hosts(store.objects, tenant, head.generation, timeout_s=timeout_s, progress=progress)
    took = f", {time.monotonic() - began:.1f} s after the lever" if waited.serving and waited.everywhere else ""
    served = Shown(what="served", ok=waited.everywhere, said=waited.told() + took)
    looked = look_again(store, head, finding, cache=cache, window_s=window_s, here=here)
    return msgspec.structs.replace(looked, shown=(served, *looked.shown))


def look_again(
    store: Store,
    head: Release,
    finding: Finding,
    *,
    cache: Path,
    window_s: float = 24 * 3600.0,
    here: Here | None = None,
) -> Proof:
    """Look whether a symptom is gone at ``head``, as far as that can be known at once: what takes time, or what the
    finding lacks the evidence for, is left to ``later``.
    """
    tenant, surface, evidence = head.tenant, finding.surface or "", finding.evidence
    shown: list[Shown | None] = []
    with Observed(store, tenant, since_s=time.time() - window_s, spool=here.spool if here else None) as observed:
        if finding.symptom == "empty-recs":
            shown.append(_answers(store, head, surface, observed, cache))
        elif finding.symptom == "regressed" and "generation_before" in evidence:
            shown.append(_old_lists(store, head, finding, observed, cache))
        elif finding.symptom == "latency" and "ranking_ms_here" in evidence:
            shown.append(_faster(store, head, finding, observed, cache))
    waits = finding.symptom == "stale" and finding.lever == "resume"
    if finding.symptom in ("stale", "not-ready") and not waits:
        left = diagnose(store, [tenant], symptoms=[finding.symptom], window_s=1.0, cache=cache, here=here)
        mine = [one.cause for one in left.findings if one.surface == finding.surface]
        shown.append(Shown(what="symptom", ok=not mine, said="; ".join(mine) or f"{finding.symptom}: nothing found"))
    return Proof(shown=tuple(one for one in shown if one is not None), later=tuple(_later(finding, tenant)))


def _later(finding: Finding, tenant: str) -> Iterator[str]:
    """Say what only time will tell."""
    again_with = f"recsys doctor {finding.symptom} --tenant {tenant}"
    if finding.symptom == "empty-recs":
        yield f"the answers people get now: after {THRESHOLDS.min_answers} of them, {again_with}"
    elif finding.symptom == "regressed":
        yield f"whether people click again: after 200 answers, {again_with}"
    elif finding.symptom == "latency":
        yield f"the time people wait: after {THRESHOLDS.min_answers} answers, {again_with}"
    elif finding.symptom == "stale" and finding.lever == "resume":
        yield f"newer data: the next pipeline run has to ship it; then {again_with}"
    elif finding.symptom not in ("stale", "not-ready"):
        yield f"whether it is gone: {again_with}"


def prove_pin(finding: Finding, host_dir: Path, *, generation: int | None, timeout_s: float) -> Proof:
    """Look whether this host serves the generation it was pinned to; ``None``: what it has verified last."""
    tenant = str(finding.tenant)
    end = time.monotonic() + timeout_s
    while True:
        known = look_here(host_dir).tenants()[tenant]
        wanted = known.generation if generation is None else generation
        if known.served == wanted or time.monotonic() >= end:
            break
        time.sleep(0.1)
    said = f"this host serves generation {known.served}"
    later = () if generation is None else (f"when the store is back: recsys unpin --tenant {tenant}, and a rollback",)
    return Proof(shown=(Shown(what="served", ok=known.served == wanted, said=said),), later=later)


def _answers(store: Store, head: Release, surface: str, observed: Observed, cache: Path) -> Shown:
    """Rank requests that came back empty once more, at what is live now."""
    samples: list[Sample] = []
    for row in reversed(observed.generations(surface)):
        if not samples and row.generation < head.generation and row.empties:
            samples = observed.sample(surface=surface, generation=row.generation, empty=True, limit=_SAMPLE)
    if not samples:
        answer = recommend(
            open_release(store, head.tenant, root=cache), RecommendRequest(surface=surface), now=time.time()
        )
        said = f"a request on {surface} gets {len(answer.items)} items"
        return Shown(what="answers", ok=bool(answer.items), said=said)
    lists = again(samples, head, blobs=Imagined(store.blobs), cache=cache)
    share = sum(map(bool, lists)) / len(lists)
    said = f"{sum(map(bool, lists))} of {len(lists)} requests that came back empty get items now"
    return Shown(what="answers", ok=share >= THRESHOLDS.cured_share, said=said)


def _old_lists(store: Store, head: Release, finding: Finding, observed: Observed, cache: Path) -> Shown | None:
    """Rank requests of the bad time once more, now and at the good generation; ``None`` without any on record."""
    before, surface = int(finding.evidence["generation_before"]), str(finding.surface)
    answered = [row.generation for row in observed.generations(surface) if before < row.generation < head.generation]
    now = finding.evidence.get("generation_now", max(answered, default=before))
    samples = observed.sample(surface=surface, generation=now, limit=_SAMPLE)
    if not samples:
        return None
    good = Releases(store, head.tenant, actor="doctor").read(before)
    blobs = Imagined(store.blobs)
    share = overlap(again(samples, head, blobs=blobs, cache=cache), again(samples, good, blobs=blobs, cache=cache))
    said = f"lists are {share:.0%} as in generation {good.generation}, on {len(samples)} requests of the log"
    return Shown(what="lists", ok=share >= THRESHOLDS.cured_share, said=said)


def _faster(store: Store, head: Release, finding: Finding, observed: Observed, cache: Path) -> Shown:
    since = finding.evidence["since_generation"]
    samples = observed.sample(surface=str(finding.surface), generation=since, limit=_SAMPLE)
    slow_ms = float(finding.evidence["ranking_ms_here"])
    now_ms = timed(samples, head, blobs=Imagined(store.blobs), cache=cache) if samples else slow_ms
    said = f"ranking takes {now_ms:.1f} ms here, {slow_ms:.1f} ms before"
    return Shown(what="ranking", ok=now_ms <= slow_ms * (1 - THRESHOLDS.ranking_gain), said=said)
