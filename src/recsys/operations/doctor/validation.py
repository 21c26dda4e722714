"""Symptom: a run was stopped by a check on its events, its artifacts or its lists."""

from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.doctor.pipeline import LIVE, SYMPTOM_OF, of_run
from recsys.pipelines.report import readable_last_run
from recsys.releases.hold import covering

__all__ = ["check_validation"]

_MEND = "mend the source and run the same command again; if it is all as it should be, add: --force --reason WHY"
_NEXT = {
    "CHECKS_FAILED": _MEND,
    "GATE_FAILED": "look at both lists (recsys recommend --manifest …, and without); if the change is meant, run the "
    "same command again with: --force --reason WHY",
    "LESS_THAN_LIVE": "give the same catalogue, signals and segment as before; to serve without: "
    "--allow-less --reason WHY",
}


def check_validation(case: Case, surface: str) -> Finding | None:
    """Name the check that stopped the last run, with its value and its threshold."""
    run = readable_last_run(case.store, case.tenant, surface)
    if run is None or SYMPTOM_OF.get(run.error_code or "") != "validation-failed":
        return None
    code = run.error_code or ""
    by = {one.name: f"{one.seen:g}, threshold {one.limit:g}" for one in run.stopped_by}
    what = f"by {', '.join(by)}: " if by else ""
    said = "; ".join(one.said for one in run.stopped_by) or (run.error or "").partition(". ")[0]
    hold = covering(case.head.holds, "artifacts", surface)
    return Finding(
        tenant=case.tenant,
        symptom="validation-failed",
        surface=surface,
        cause=f"the last run was stopped at {run.stage} {what}{said}",
        evidence={"checks": by, **of_run(case, run)},
        ruled_out=(LIVE, "held: that is not why it did not ship" if hold else "held: nothing covers these artifacts"),
        next_step=_NEXT[code],
        runbook="docs/runbooks/validation-failed.md",
    )
