"""Symptom: the service is up and its data is old."""

from recsys.documents import read_config
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.freshness import freshness
from recsys.pipelines import last_run
from recsys.releases.hold import covering

__all__ = ["check_stale"]


def check_stale(case: Case, surface: str) -> Finding | None:
    """Tell data that was never built from data that was built and not let through."""
    config = read_config(case.store.blobs.read(case.tenant, case.head.config))
    fresh = freshness(case.store, case.head, surface, config, now_s=case.now_s)
    if not fresh.stale:
        return None
    run = last_run(case.store, case.tenant, surface)
    hold = covering(case.head.holds, "artifacts", surface)
    evidence = {
        "data_until": fresh.data_until,
        "age_h": round(fresh.age_h or 0.0, 1),
        "objective_h": fresh.objective_h,
        "last_run": None if run is None else f"{'failed' if run.error else run.stage} at {run.finished or run.started}",
    }
    if hold is not None:
        cause = f"artifacts of {surface} are held since {hold.since} by {hold.actor}: {hold.reason}"
        lever, command = "resume", f"recsys releases resume --tenant {case.tenant} --surface {surface}"
    elif run is not None and run.error:
        cause, lever, command = f"the last pipeline run failed: {run.error}", None, None
    else:
        cause, lever, command = "no pipeline run has shipped newer data: is it scheduled?", None, None
    return Finding(
        tenant=case.tenant,
        symptom="stale",
        surface=surface,
        cause=cause,
        evidence=evidence,
        ruled_out=() if hold else ("held: nothing covers these artifacts",),
        lever=lever,
        command=command,
        runbook="docs/runbooks/stale-artifacts.md",
    )
