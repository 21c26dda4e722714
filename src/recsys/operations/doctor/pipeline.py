"""Symptom: a pipeline run failed."""

from recsys.operations.doctor.finding import Case, Finding
from recsys.pipelines import last_run

__all__ = ["check_pipeline"]


def check_pipeline(case: Case, surface: str) -> Finding | None:
    """Report the last run of a surface when it failed: which stage, and what it said."""
    run = last_run(case.store, case.tenant, surface)
    if run is None or run.error is None:
        return None
    return Finding(
        tenant=case.tenant,
        symptom="pipeline-failed",
        surface=surface,
        cause=f"the last run stopped at {run.stage}: {run.error}",
        evidence={"stage": run.stage, "started": run.started, "finished": run.finished},
        ruled_out=("serving: what was live before the run is live still",),
        runbook="docs/runbooks/pipeline-failed.md",
    )
