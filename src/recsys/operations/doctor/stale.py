"""Symptom: the service is up and its data is old."""

import msgspec

from recsys.documents import Config, read_config
from recsys.operations.alive import alive
from recsys.operations.doctor import levers
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.freshness import Freshness, freshness
from recsys.pipelines import LastRun
from recsys.pipelines.report import readable_last_run
from recsys.releases import Hold
from recsys.releases.hold import covering
from recsys.releases.record import artifacts_of
from recsys.releases.ship import manifest_of
from recsys.replicas import read_heartbeats

__all__ = ["check_stale"]


def check_stale(case: Case, surface: str) -> Finding | None:
    """Tell data that was never built from data that was built and not let through, and from data that is live and not
    served.
    """
    config = read_config(case.store.blobs.read(case.tenant, case.head.config))
    fresh = freshness(case.store, case.head, surface, config, now_s=case.now_s)
    if not fresh.stale:
        return _served_old(case, surface, config, fresh)
    run = readable_last_run(case.store, case.tenant, surface)
    hold = covering(case.head.holds, "artifacts", surface)
    finding = Finding(
        tenant=case.tenant,
        symptom="stale",
        surface=surface,
        cause="no pipeline run has shipped newer data: is it scheduled?",
        evidence={
            "data_until": fresh.data_until,
            "age_h": round(fresh.age_h or 0.0, 1),
            "objective_h": fresh.objective_h,
            "last_run": None if run is None else f"{_ended(run)} at {run.finished or run.started}",
        },
        ruled_out=() if hold else ("held: nothing covers these artifacts",),
        next_step="run the pipeline to yesterday as the scheduler does; the same input twice ships nothing",
        runbook="docs/runbooks/stale-artifacts.md",
    )
    if hold is not None:
        return _held(case, finding, hold)
    if run is not None and run.error:
        said, _, next_step = run.error.partition(". ")
        return msgspec.structs.replace(
            finding, cause=f"the last pipeline run failed: {said}", next_step=next_step or "mend it, and run it again"
        )
    if run is not None and run.manifest and not run.shipped and run.manifest != manifest_of(case.head, surface):
        reason = f"data until {run.end} was built and not shipped"
        return msgspec.structs.replace(
            finding,
            cause=f"a run built data until {run.end} and did not ship it",
            next_step=None,
            lever="ship",
            command=levers.ship(case.tenant, surface, run.manifest, reason=reason),
        )
    return finding


def _ended(run: LastRun) -> str:
    return "failed" if run.error else run.stage


def _held(case: Case, finding: Finding, hold: Hold) -> Finding:
    """Name who holds; a rollback that holds is said to be one, because letting go ships what it took back."""
    changed_in = case.head.changed.get(artifacts_of(str(finding.surface)), 0)
    by = case.releases.read(changed_in) if changed_in else None
    rolled_back = f"; generation {changed_in} rolled them back" if by is not None and by.action == "rollback" else ""
    return msgspec.structs.replace(
        finding,
        cause=f"artifacts of {finding.surface} are held since {hold.since} by {hold.actor}: {hold.reason}{rolled_back}",
        next_step=None,
        lever="resume",
        command=levers.resume(case.tenant, surface=hold.surface, reason="the data is too old"),
    )


def _served_old(case: Case, surface: str, config: Config, newest: Freshness) -> Finding | None:
    """Find hosts that serve an old generation whose data is stale, while the newest one's is fresh."""
    old: dict[str, int] = {}
    for beat in alive(read_heartbeats(case.store.objects), now_s=case.now_s):
        replica = beat.tenants.get(case.tenant)
        if replica is not None and 1 <= replica.generation < case.head.generation:
            served = case.releases.read(replica.generation)
            if freshness(case.store, served, surface, config, now_s=case.now_s).stale:
                old[beat.host] = replica.generation
    if not old:
        return None
    serving = ", ".join(f"{host} serves {generation}" for host, generation in sorted(old.items()))
    return Finding(
        tenant=case.tenant,
        symptom="stale",
        surface=surface,
        cause=f"newer data is live and not served: {serving}",
        evidence={"serving": old, "head": case.head.generation, "data_until": newest.data_until},
        ruled_out=(f"pipelines: generation {case.head.generation} has data until {newest.data_until}",),
        next_step=f"find out why it is not served: recsys doctor not-ready --tenant {case.tenant}",
        runbook="docs/runbooks/stale-manifest.md",
    )
