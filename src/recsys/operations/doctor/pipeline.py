"""Symptom: a pipeline run failed, or was killed."""

from recsys.encoding import Invalid, parse_rfc3339
from recsys.operations.doctor.finding import Case, Finding, Symptom
from recsys.operations.thresholds import THRESHOLDS
from recsys.pipelines import LastRun, last_run

__all__ = ["LIVE", "SYMPTOM_OF", "check_pipeline", "of_run"]

LIVE = "serving: what was live before the run is live still"
SYMPTOM_OF: dict[str, Symptom] = {
    "CHECKS_FAILED": "validation-failed",
    "GATE_FAILED": "validation-failed",
    "LESS_THAN_LIVE": "validation-failed",
    "LIMIT_EXCEEDED": "limit-exceeded",
}
"""Failures of a run that are symptoms of their own, by the code of the error."""


def check_pipeline(case: Case, surface: str) -> Finding | None:
    """Report the last run of a surface when it failed or fell silent: which stage, and what it said."""
    try:
        run = last_run(case.store, case.tenant, surface)
    except Invalid as error:
        return _unread(case, surface, error)
    if run is None or (run.error_code and SYMPTOM_OF.get(run.error_code) in case.asked):
        return None
    silent_s = case.now_s - parse_rfc3339(run.started, what="last run")
    if run.error is None and (run.finished is not None or silent_s <= THRESHOLDS.run_silent_s):
        return None
    said, _, next_step = (run.error or "").partition(". ")
    held = run.error_code == "HELD"
    return Finding(
        tenant=case.tenant,
        symptom="pipeline-failed",
        surface=surface,
        cause=f"the last run stopped at {run.stage}: {said}"
        if run.error
        else f"the run begun at {run.started} is at {run.stage} since, and has not ended: was it killed?",
        evidence={**of_run(case, run), **({"code": run.error_code} if run.error_code else {})},
        ruled_out=(LIVE,),
        next_step=next_step or "mend what it says and run the same command again; that is safe at any stage",
        runbook=f"docs/runbooks/{'hold-and-resume' if held else 'pipeline-failed'}.md",
    )


def _unread(case: Case, surface: str, error: Invalid) -> Finding:
    return Finding(
        tenant=case.tenant,
        symptom="pipeline-failed",
        surface=surface,
        cause=f"the record of the last run cannot be read: {error.message}",
        evidence={"code": error.code, "live_generation": case.head.generation},
        ruled_out=(LIVE,),
        next_step="look at what the scheduler says of that run; the next one writes its record anew",
        runbook="docs/runbooks/pipeline-failed.md",
    )


def of_run(case: Case, run: LastRun) -> dict[str, object]:
    """Return what is known of a run, and what is live in its place."""
    return {
        "stage": run.stage,
        "started": run.started,
        "finished": run.finished,
        "window": f"{run.start} to {run.end}",
        "live_generation": case.head.generation,
    }
