"""The checklist: which check looks for which symptom, over every tenant, surface and host."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from recsys.errors import RecsysError
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
from recsys.store import Denied, Store, Unavailable

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

    def walk(tenant: str) -> Iterator[Finding]:
        releases = Releases(store, tenant, actor="doctor")
        head = releases.head()
        if head is None:
            unseen.append(f"{tenant}: no release yet")
            return
        spooled = spool or (here.spool if here else None)
        with Observed(store, tenant, since_s=now - window_s, spool=spooled) as observed:
            yield from _of_tenant(Case(store, tenant, releases, head, observed, now, cache, unseen, here, asked))

    for tenant in tenants:
        for finding in _found(tenant, partial(walk, tenant)):
            if finding not in findings:  # several checks meet the same damage
                findings.append(finding)
    findings.sort(key=lambda finding: SYMPTOMS.index(finding.symptom))
    return Diagnosis(healthy=not findings, findings=tuple(findings), unseen=tuple(unseen))


def _of_tenant(case: Case) -> Iterator[Finding]:
    found = partial(_found, case.tenant)
    if "empty-recs" in case.asked:
        yield from found(lambda: (vanished(case, surface) for surface in _gone(case.head)))
    if "not-ready" in case.asked:
        yield from found(lambda: [check_delivery(case)])
    if "eval-wrong" in case.asked:
        yield from found(lambda: check_evaluation(case))
    for checks, surfaces in (
        (_OF_SERVED, sorted(case.head.surfaces)),
        (_OF_RUNS, sorted(last_runs(case.store, case.tenant))),
    ):
        for symptom in checks.keys() & case.asked:
            for surface in surfaces:
                yield from found(partial(map, partial(checks[symptom], case), [surface]))


def _found(tenant: str, check: Callable[[], Iterable[Finding | None]]) -> list[Finding]:
    """Check; that something of the tenant is damaged or gone is a finding too, and no end of the walk."""
    found: list[Finding] = []
    try:
        found += (finding for finding in check() if finding is not None)
    except (Unavailable, Denied):
        raise
    except RecsysError as error:
        found.append(
            Finding(
                tenant=tenant,
                symptom="not-ready",
                cause=f"something of the tenant cannot be read: {error.message}",
                evidence={"code": error.code},
                next_step=f"see what else is damaged: recsys releases verify --tenant {tenant}",
                runbook="docs/runbooks/restore-from-backup.md",
            )
        )
    return found


def _gone(head: Release) -> list[str]:
    """Name the surfaces that something was shipped for once, and that nothing is served on now."""
    ever = {part.removeprefix("artifacts:") for part in head.changed if part.startswith("artifacts:")}
    return sorted(ever - {name for name, surface in head.surfaces.items() if surface.manifest})
