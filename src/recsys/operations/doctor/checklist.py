"""The checklist: which check looks for which symptom, over every tenant and surface."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from recsys.events.observed import Observed
from recsys.operations.doctor.delivery import check_delivery
from recsys.operations.doctor.empty import check_empty, vanished
from recsys.operations.doctor.finding import Case, Finding, Symptom
from recsys.operations.doctor.pipeline import check_pipeline
from recsys.operations.doctor.regressed import check_regressed
from recsys.operations.doctor.stale import check_stale
from recsys.releases import Release, Releases
from recsys.store import Store

__all__ = ["SYMPTOMS", "Diagnosis", "diagnose"]

SYMPTOMS: dict[Symptom, Callable[[Case, str], Finding | None]] = {
    "empty-recs": check_empty,
    "not-ready": check_delivery,
    "stale": check_stale,
    "regressed": check_regressed,
    "pipeline-failed": check_pipeline,
}
"""In the order of the checklist: what users notice first comes first."""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and what could not be seen. Healthy means: nothing found."""

    healthy: bool
    findings: tuple[Finding, ...]
    unseen: tuple[str, ...]


def diagnose(
    store: Store,
    tenants: Sequence[str],
    *,
    cache: Path,
    symptoms: Sequence[Symptom] = (),
    window_s: float = 24 * 3600.0,
    spool: Path | None = None,
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
    cache
        Where releases are prepared for replay.
    """
    now = time.time() if now_s is None else now_s
    findings: list[Finding] = []
    unseen: list[str] = []
    for tenant in tenants:
        releases = Releases(store, tenant, actor="doctor")
        head = releases.head()
        if head is None:
            unseen.append(f"{tenant}: no release yet")
            continue
        with Observed(store, tenant, since_s=now - window_s, spool=spool) as observed:
            case = Case(store, tenant, releases, head, observed, now, cache, unseen)
            if not symptoms or "empty-recs" in symptoms:
                findings += [vanished(case, surface) for surface in _gone(head)]
            for surface in sorted(head.surfaces):
                found = (SYMPTOMS[symptom](case, surface) for symptom in symptoms or SYMPTOMS)
                findings += [finding for finding in found if finding is not None]
    return Diagnosis(healthy=not findings, findings=tuple(findings), unseen=tuple(unseen))


def _gone(head: Release) -> list[str]:
    """Name the surfaces that something was shipped for once, and that nothing is served on now."""
    ever = {part.removeprefix("artifacts:") for part in head.changed if part.startswith("artifacts:")}
    return sorted(ever - {name for name, surface in head.surfaces.items() if surface.manifest})
