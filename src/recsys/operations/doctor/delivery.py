"""Symptom: a release was committed, and hosts do not serve it."""

from recsys.operations.doctor import levers
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.thresholds import THRESHOLDS
from recsys.serving.heartbeat import read_heartbeats

__all__ = ["check_delivery"]


def check_delivery(case: Case, surface: str) -> Finding | None:
    """Find a newest release that hosts refuse, or have not taken over."""
    beats = [beat for beat in read_heartbeats(case.store.objects) if case.tenant in beat.tenants]
    alive = [beat for beat in beats if beat.age_s(case.now_s) <= THRESHOLDS.heartbeat_missing_s]
    if not alive:
        if f"{case.tenant}: no serving host reports" not in case.unseen:
            case.unseen.append(f"{case.tenant}: no serving host reports")
        return None
    refused = {beat.host: beat.tenants[case.tenant] for beat in alive if beat.tenants[case.tenant].rejected}
    if not refused:
        return None
    reasons = sorted({str(replica.rejected) for replica in refused.values()})
    serving = max(replica.generation for replica in refused.values())
    lever = "artifacts" if case.head.changed.get(f"artifacts:{surface}", 0) > serving else "all"
    return Finding(
        tenant=case.tenant,
        symptom="not-ready",
        surface=surface,
        cause=f"generation {case.head.generation} is refused: {'; '.join(reasons)}",
        evidence={"hosts": sorted(refused), "serving_generation": serving, "head": case.head.generation},
        ruled_out=("users: they are answered from the last good generation",),
        lever=lever,
        command=levers.rollback(
            case.tenant, lever, surface=surface, to=serving, reason=f"refused by {len(refused)} of {len(alive)} hosts"
        ),
        runbook="docs/runbooks/stale-manifest.md",
    )
