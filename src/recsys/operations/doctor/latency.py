"""Symptom: answers are right, and slow."""

from collections.abc import Sequence

import msgspec

from recsys.events.observed import Speed
from recsys.operations.doctor import levers
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.doctor.whatif import timed, with_lever
from recsys.operations.imagined import Imagined
from recsys.operations.thresholds import THRESHOLDS
from recsys.releases.record import artifacts_of

__all__ = ["check_latency"]

_SAMPLE = 50
_LEVERS = ("rules", "config", "artifacts")  # smallest reach first


def check_latency(case: Case, surface: str) -> Finding | None:
    """Find which hosts are slow, since which generation, and whether it is the release or the host.

    One host among several that serve the same release fast is that host's trouble. Where all are slow since a
    generation, the requests of the log are ranked again here, with one lever put back at a time: the lever without
    which ranking is fast again is the one to pull.
    """
    known = [one for one in case.observed.speeds(surface) if one.generation <= case.head.generation]
    speeds = [one for one in known if one.answers >= THRESHOLDS.min_answers]
    newest = [one for one in speeds if one.generation == speeds[-1].generation]  # in the order of generations
    slow = [one for one in newest if _slow(one)]
    if not slow:
        return None
    hosts, fast = {one.host for one in slow}, [one for one in newest if not _slow(one)]
    before = _before([one for one in speeds if one.host in hosts])
    since = min(one.generation for one in speeds if one.host in hosts and (not before or one.generation > before[-1]))
    slowest_ms = max(one.p99_ms for one in slow)
    finding = Finding(
        tenant=case.tenant,
        symptom="latency",
        surface=surface,
        cause=f"answers of {_named(hosts)} take {slowest_ms:.0f} ms at p99 since generation {since}",
        evidence={
            "p99_ms": {one.host: round(one.p99_ms, 1) for one in newest},
            "median_ms": {one.host: round(one.median_ms, 1) for one in newest},
            "threshold_ms": THRESHOLDS.p99_degraded_ms,
            "answers": {one.host: one.answers for one in newest},
            "p99_ms_before": {
                str(one.generation): round(one.p99_ms, 1) for one in speeds if one.generation in before[-1:]
            },
            "since_generation": since,
        },
        runbook="docs/runbooks/slow-answers.md",
    )
    if fast:
        return _of_the_host(finding, hosts, fast)
    return _explained(case, finding, newest[0], good=before[-1] if before else None)


def _slow(one: Speed) -> bool:
    return one.p99_ms > THRESHOLDS.p99_degraded_ms


def _before(speeds: Sequence[Speed]) -> list[int]:
    """Return the generations, oldest first, that were fast everywhere and came before the slowness that goes on."""
    by_generation: dict[int, bool] = {}
    for one in speeds:
        by_generation[one.generation] = by_generation.get(one.generation, False) or _slow(one)
    fast = [generation for generation, slow in by_generation.items() if not slow]
    return [generation for generation in fast if generation < max(by_generation)]


def _named(hosts: set[str]) -> str:
    return ", ".join(sorted(hosts))


def _of_the_host(finding: Finding, hosts: set[str], fast: Sequence[Speed]) -> Finding:
    others = ", ".join(f"{one.host} in {one.p99_ms:.0f} ms" for one in fast)
    return msgspec.structs.replace(
        finding,
        cause=f"{finding.cause}: it is the host, others serve the same release faster",
        ruled_out=(f"the release: the same is answered by {others}",),
        next_step=f"on {_named(hosts)}: recsys profile, and look at its load and its disk; until it is mended, take it "
        "out of the load balancer",
    )


def _explained(case: Case, finding: Finding, newest: Speed, *, good: int | None) -> Finding | None:
    surface, since = str(finding.surface), finding.evidence["since_generation"]
    busy = "the time goes to something else: load, the disk that records, a neighbour on the machine"
    there = "there: recsys profile, and recsys doctor limit-exceeded"
    samples = case.observed.sample(surface=surface, generation=newest.generation, limit=_SAMPLE)
    if not samples:
        return msgspec.structs.replace(finding, next_step=there)
    blobs = Imagined(case.store.blobs)
    now_ms = timed(samples, case.head, blobs=blobs, cache=case.cache)
    evidence = {**finding.evidence, "requests_ranked_again": len(samples), "ranking_ms_here": round(now_ms, 2)}
    if good is None:
        return msgspec.structs.replace(
            finding, evidence=evidence, cause=f"{finding.cause}, as far back as the logs go", next_step=there
        )
    old = case.releases.read(good)
    imagined = {name: with_lever(case.head, old, lever=name, surface=surface) for name in _LEVERS}
    without = {
        name: timed(samples, release, blobs=blobs, cache=case.cache)
        for name, release in imagined.items()
        if release != case.head
    }
    if not without and newest.generation < case.head.generation:
        case.not_seen(
            f"{surface}: generation {case.head.generation} puts back what was fast; "
            f"{THRESHOLDS.min_answers} answers of it are needed to judge by"
        )
        return None
    evidence["ranking_ms_with_it_put_back"] = {name: round(ms, 2) for name, ms in without.items()}
    cured = now_ms * (1 - THRESHOLDS.ranking_gain)
    counts = now_ms >= THRESHOLDS.ranking_share * newest.median_ms  # else what ranking takes explains nothing
    lever = next((name for name in _LEVERS if counts and without.get(name, now_ms) <= cured), None)
    ruled_out = tuple(
        f"{name}: as in generation {good}"
        if name not in without
        else f"{name}: ranking takes {without[name]:.1f} ms with it put back, {now_ms:.1f} ms now"
        for name in _LEVERS
        if name != lever
    )
    finding = msgspec.structs.replace(finding, evidence=evidence, ruled_out=ruled_out)
    if lever is None:
        return msgspec.structs.replace(
            finding, cause=f"{finding.cause}, and ranking alone is no slower than before: {busy}", next_step=there
        )
    changed_in = case.head.changed.get(artifacts_of(surface) if lever == "artifacts" else lever, since)
    return msgspec.structs.replace(
        finding,
        cause=f"{finding.cause}: ranking is slow, and the {lever} of generation {changed_in} make it so",
        lever=lever,
        command=levers.rollback(
            case.tenant, lever, surface=surface, to=good, reason=f"slow answers on {surface} since generation {since}"
        ),
    )
