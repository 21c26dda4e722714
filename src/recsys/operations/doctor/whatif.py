"""Answers as they would have been: real requests from the log, ranked again with one thing put back."""

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from recsys.encoding import convert
from recsys.events.observed import Sample
from recsys.ranking.request import RecommendRequest
from recsys.releases import Release, Surface
from recsys.snapshot import BlobSource, Snapshot, open_snapshot, prepare, recommend

__all__ = ["again", "overlap", "ranked", "timed", "with_lever"]


def with_lever(release: Release, old: Release, *, lever: str, surface: str) -> Release:
    """Return ``release`` with one lever as ``old`` had it; for artifacts, those of one surface."""
    if lever == "config":
        return msgspec.structs.replace(release, config=old.config)
    if lever == "rules":
        return msgspec.structs.replace(release, rules=old.rules)
    then = old.surfaces.get(surface, Surface()).manifest
    served = msgspec.structs.replace(release.surfaces.get(surface, Surface()), manifest=then)
    surfaces: Mapping[str, Surface] = {**release.surfaces, surface: served}
    return msgspec.structs.replace(release, surfaces=surfaces)


def again(samples: Sequence[Sample], release: Release, *, blobs: BlobSource, cache: Path) -> list[tuple[str, ...]]:
    """Rank sampled recommendations again at a release, at the moment they were asked and in the arm they were in;
    returns the item ids of each answer.
    """
    snapshot = open_snapshot(prepare(release, blobs=blobs, root=cache))
    return [ranked(sample, snapshot) for sample in samples]


def ranked(sample: Sample, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the item ids that a snapshot answers a sampled recommendation with."""
    request = convert(sample.decision.request, RecommendRequest, what=f"request {sample.request_id}")
    answer = recommend(snapshot, request, now=sample.decision.now, arm=sample.decision.arm, seed=sample.decision.seed)
    return tuple(item.item_id for item in answer.items)


def timed(samples: Sequence[Sample], release: Release, *, blobs: BlobSource, cache: Path) -> float:
    """Return how many milliseconds ranking one of the sampled recommendations takes here, at the median.

    They are ranked twice and timed the second time: the first compiles rules and touches pages.
    """
    snapshot = open_snapshot(prepare(release, blobs=blobs, root=cache))
    took_s: list[float] = []
    for _ in range(2):
        took_s = []
        for sample in samples:
            began = time.perf_counter()
            ranked(sample, snapshot)
            took_s.append(time.perf_counter() - began)
    return 1000 * statistics.median(took_s)


def overlap(ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]) -> float:
    """Return the mean share of items that two lists of answers have in common, list by list (0..1)."""
    shares = [len(set(a) & set(b)) / max(len(a), len(b)) for a, b in zip(ours, theirs, strict=True) if a or b]
    return sum(shares) / len(shares) if shares else 1.0
