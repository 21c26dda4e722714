"""The checklist: which check looks for which symptom, over every tenant, surface and host."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from recsys.events.observed import Observed
from recsys.operations.doctor.delivery import check_delivery, check_host
from recsys.operations.doctor.empty import check_empty, vanished
from recsys.operations.doctor.finding import SYMPTOMS, Case, Diagnosis, Finding, Symptom
from recsys.operations.doctor.judged_wrong import check_evaluation
from recsys.operations.doctor.latency import check_latency
from recsys.operations.doctor.limits import check_run_limits, check_serving_limits
from recsys.operations.doctor.pipeline import check_pipeline
from recsys.operations.doctor.regressed import check_regressed
from recsys.operations.doctor.stale import check_stale
from recsys.operations.doctor.validation import check_validation
from recsys.operations.here import Here
from recsys.pipelines import last_runs
from recsys.releases import Release, Releases
from recsys.snapshot import collect
from recsys.store import Store

__all__ = ["diagnose"]

_Check = Callable[[Case, str], Finding | None]
_OF_SERVED: Mapping[Symptom, _Check] = {
    "empty-recs": check_empty,
    "latency": check_latency,
    "stale": check_stale,
    "regressed": check_regressed,
}
_OF_RUNS: Mapping[Symptom, _Check] = {
    "limit-exceeded": check_run_limits,
    "pipeline-failed": check_pipeline,
    "validation-failed": check_validation,
}
"""Asked of every surface that a run was ever made for, served or not."""
_OF_HOST: Mapping[Symptom, Callable[[Here, float], Iterator[Finding]]] = {
    "limit-exceeded": check_serving_limits,
    "not-ready": check_host,
}


def diagnose(
    store: Store,
    tenants: Sequence[str],
    *,
    cache: Path,
    symptoms: Sequence[Symptom] = (),
    window_s: float = 24 * 3600.0,
    spool: Path | None = None,
    here: Here | None = None,
    now_s: float | None = None,
) -> Diagnosis:
    """Walk the checklist.

    Parameters
    ----------
    symptoms
        Only these; none means all.
    window_s
        How far back the logs are read.
    spool
        This host's spool, so that the last seconds are seen too.
    here
        The host the doctor stands on, where it serves: what it refuses and how its processes are.
    cache
        Where releases are prepared for replay; what is older than ten minutes there is removed first.
    """
    now = time.time() if now_s is None else now_s
    asked = frozenset(symptoms or SYMPTOMS)
    collect(cache, keep=())
    unseen: list[str] = []
    findings = [] if here is None else [one for name in _OF_HOST if name in asked for one in _OF_HOST[name](here, now)]
    for tenant in tenants:
        releases = Releases(store, tenant, actor="doctor")
        head = releases.head()
        if head is None:
            unseen.append(f"{tenant}: no release yet")
            continue
        spooled = spool or (here.spool if here else None)
        with Observed(store, tenant, since_s=now - window_s, spool=spooled) as observed:
            case = Case(store, tenant, releases, head, observed, now, cache, unseen, here, asked)
            findings += _of_tenant(case)
    findings.sort(key=lambda finding: SYMPTOMS.index(finding.symptom))
    return Diagnosis(healthy=not findings, findings=tuple(findings), unseen=tuple(unseen))


def _of_tenant(case: Case) -> Iterator[Finding]:
    if "empty-recs" in case.asked:
        yield from (vanished(case, surface) for surface in _gone(case.head))
    if "not-ready" in case.asked and (finding := check_delivery(case)) is not None:
        yield finding
    if "eval-wrong" in case.asked:
        yield from check_evaluation(case)
    for checks, surfaces in (
        (_OF_SERVED, sorted(case.head.surfaces)),
        (_OF_RUNS, sorted(last_runs(case.store, case.tenant))),
    ):
        for symptom in checks.keys() & case.asked:
            found = (checks[symptom](case, surface) for surface in surfaces)
            yield from (finding for finding in found if finding is not None)


def _gone(head: Release) -> list[str]:
    """Name the surfaces that something was shipped for once, and that nothing is served on now."""
    ever = {part.removeprefix("artifacts:") for part in head.changed if part.startswith("artifacts:")}
    return sorted(ever - {name for name, surface in head.surfaces.items() if surface.manifest})
