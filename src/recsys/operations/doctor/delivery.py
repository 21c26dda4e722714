"""Symptom: a release was committed, and hosts do not serve it."""

import msgspec

from recsys.encoding import parse_rfc3339
from recsys.operations.doctor import levers
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.thresholds import THRESHOLDS
from recsys.releases.record import artifacts_of
from recsys.replicas import Replica, read_heartbeats

__all__ = ["check_delivery"]


def check_delivery(case: Case, surface: str) -> Finding | None:
    """Find a newest release that hosts refuse, or have not taken over.

    A lever is named only when every host refuses the release: what one host alone refuses is that host's trouble.
    """
    beats = [beat for beat in read_heartbeats(case.store.objects) if case.tenant in beat.tenants]
    alive = {
        beat.host: beat.tenants[case.tenant]
        for beat in beats
        if beat.age_s(case.now_s) <= THRESHOLDS.heartbeat_missing_s
    }
    if not alive:
        unseen = f"{case.tenant}: no serving host reports"
        if unseen not in case.unseen:
            case.unseen.append(unseen)
        return None
    age_s = case.now_s - parse_rfc3339(case.head.at, what="release")
    behind = {
        host: replica for host, replica in alive.items() if replica.generation < case.head.generation or replica.problem
    }
    refused = {host: replica for host, replica in behind.items() if replica.rejected and replica.pinned is None}
    troubled = any(replica.problem for replica in behind.values())
    forked = any("LOG_FORKED" in (replica.problem or "") for replica in behind.values())
    if not (refused or troubled) and (not behind or age_s <= THRESHOLDS.heartbeat_missing_s):
        return None
    serving = max(replica.generation for replica in behind.values())
    finding = Finding(
        tenant=case.tenant,
        symptom="not-ready",
        surface=surface,
        cause=_cause(case.head.generation, behind, refused),
        evidence={"hosts": sorted(behind), "serving_generation": serving, "head": case.head.generation},
        ruled_out=("users: they are answered from the last good generation",),
        runbook=f"docs/runbooks/{'restore-from-backup' if forked else 'stale-manifest'}.md",
    )
    if len(refused) < len(alive) or serving < 1:
        return finding
    lever = "artifacts" if case.head.changed.get(artifacts_of(surface), 0) > serving else "all"
    reason = f"refused by {len(refused)} of {len(alive)} hosts"
    command = levers.rollback(case.tenant, lever, surface=surface, to=serving, reason=reason)
    return msgspec.structs.replace(finding, lever=lever, command=command)


def _cause(head: int, behind: dict[str, Replica], refused: dict[str, Replica]) -> str:
    if refused:
        return f"generation {head} is refused: {'; '.join(sorted({str(r.rejected) for r in refused.values()}))}"
    told = sorted(f"{host}: {replica.problem}" for host, replica in behind.items() if replica.problem)
    if told:
        return f"generation {head} is not followed: {'; '.join(told)}"
    pinned = sorted(f"{host} to {replica.pinned}" for host, replica in behind.items() if replica.pinned is not None)
    if pinned:
        return f"an operator pinned {', '.join(pinned)}, so generation {head} is not served there; there: recsys unpin"
    return f"generation {head} has not reached {', '.join(sorted(behind))}: do they reach the store?"
