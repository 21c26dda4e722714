"""Symptom: a release was committed and hosts do not serve it, or nobody serves at all."""

from collections.abc import Iterator, Mapping

import msgspec

from recsys.encoding import parse_rfc3339
from recsys.operations.alive import alive
from recsys.operations.doctor import levers
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.here import Here
from recsys.operations.thresholds import THRESHOLDS
from recsys.releases.record import artifacts_of
from recsys.replicas import Heartbeat, Replica, read_heartbeats
from recsys.serving.health import Check

__all__ = ["NOT_READY", "check_delivery", "check_host"]

NOT_READY = "docs/runbooks/service-not-ready.md"
_WORTH_A_WORD = ("follower", "store", "workers")
"""Checks of a host that matter here when they are merely degraded."""


def check_host(here: Here, _now_s: float) -> Iterator[Finding]:
    """Find a service on this host that runs and cannot answer, or whose parts stand still."""
    if not here.running:
        return
    wrong = [check for check in here.health.checks if check.state == "failing" or _worth_a_word(here, check)]
    told = {check.name: check.reason for check in wrong}
    if here.unready is None:
        cause = "the service on this host runs and does not answer its port"
    elif here.unready:
        cause = f"the service on this host is not ready: {'; '.join(here.unready)}"
    elif told:
        cause = f"on this host {'; '.join(f'{name}: {reason}' for name, reason in told.items())}"
    else:
        return
    yield Finding(
        symptom="not-ready",
        host=here.host,
        cause=cause,
        evidence={"checks": told, "ready": here.unready == ()},
        ruled_out=("the process: it runs",),
        next_step="look at the service's log; what does not come back by itself does at a restart: stop it and run "
        "recsys serve as before",
        runbook=NOT_READY,
    )


def _worth_a_word(here: Here, check: Check) -> bool:
    """Tell whether a degraded check is more than a moment: a store that was away is found again within seconds."""
    if check.state != "degraded" or check.name not in _WORTH_A_WORD:
        return False
    unseen_s = [here.unconfirmed_s(tenant) for tenant in here.tenants()]
    briefly = any(one is not None and one <= THRESHOLDS.heartbeat_missing_s for one in unseen_s)
    return not (check.name == "store" and briefly)


def check_delivery(case: Case) -> Finding | None:
    """Find that nobody serves a tenant, or a newest release that hosts refuse or have not taken over.

    A lever is named only when every host refuses the release: what one host alone refuses is that host's trouble.
    """
    beats = [beat for beat in read_heartbeats(case.store.objects) if case.tenant in beat.tenants]
    here = case.here if case.here is not None and case.tenant in case.here.tenants() else None
    dead = {here.host} if here is not None and not here.running else set()  # its last heartbeat is young yet
    up = {beat.host: beat.tenants[case.tenant] for beat in alive(beats, now_s=case.now_s) if beat.host not in dead}
    if not up:
        return _nobody(case, beats, here)
    age_s = case.now_s - parse_rfc3339(case.head.at, what="release")
    behind = {
        host: replica for host, replica in up.items() if replica.generation < case.head.generation or replica.problem
    }
    refused = {host: replica for host, replica in behind.items() if replica.rejected and replica.pinned is None}
    troubled = any(replica.problem for replica in behind.values())
    forked = any("LOG_FORKED" in (replica.problem or "") for replica in behind.values())
    pinned = sorted(host for host, replica in behind.items() if replica.pinned is not None)
    loading = age_s <= THRESHOLDS.heartbeat_missing_s
    if not behind or (loading and not (refused or troubled or pinned)):
        return None
    serving = max(replica.generation for replica in behind.values())
    moved = [name for name in sorted(case.head.surfaces) if case.head.changed.get(artifacts_of(name), 0) > serving]
    surface = moved[0] if len(moved) == 1 else None
    finding = Finding(
        tenant=case.tenant,
        symptom="not-ready",
        surface=surface,
        cause=_cause(case, behind, refused),
        evidence={
            "hosts": sorted(behind),
            "of": sorted(up),
            "serving_generation": serving,
            "head": case.head.generation,
        },
        ruled_out=("users: they are answered from the last good generation",) if serving else (),
        runbook=f"docs/runbooks/{'restore-from-backup' if forked else 'stale-manifest'}.md",
    )
    if refused and len(refused) == len(up) and serving >= 1:
        lever = "artifacts" if surface else "all"
        reason = f"refused by {len(refused)} of {len(up)} hosts"
        command = levers.rollback(case.tenant, lever, surface=surface or "", to=serving, reason=reason)
        return msgspec.structs.replace(finding, lever=lever, command=command)
    if not refused and here is not None and here.host in pinned:
        command = levers.unpin(case.tenant, reason="the pin is not wanted any more")
        return msgspec.structs.replace(finding, lever="unpin", command=command)
    return msgspec.structs.replace(finding, next_step=_next_step(case, behind, refused, pinned))


def _cause(case: Case, behind: Mapping[str, Replica], refused: Mapping[str, Replica]) -> str:
    head = case.head.generation
    if refused:
        return f"generation {head} is refused: {'; '.join(sorted({str(r.rejected) for r in refused.values()}))}"
    told = sorted(f"{host}: {replica.problem}" for host, replica in behind.items() if replica.problem)
    if told:
        return f"generation {head} is not followed: {'; '.join(told)}"
    pinned = sorted(f"{host} to {replica.pinned}" for host, replica in behind.items() if replica.pinned is not None)
    if pinned:
        return f"an operator pinned {', '.join(pinned)}, so generation {head} is not served there"
    empty = sorted(host for host, replica in behind.items() if replica.generation < 1)
    if empty:
        return f"{', '.join(empty)} has no verified release, and answers from its floor"
    return f"generation {head} has not reached {', '.join(sorted(behind))}"


def _next_step(case: Case, behind: Mapping[str, Replica], refused: Mapping[str, Replica], pinned: list[str]) -> str:
    if refused:
        return (
            f"it is {', '.join(sorted(refused))} alone: is its disk full or bad (its /health/detailed says)? "
            f"Whether the store is whole: recsys releases verify --tenant {case.tenant}"
        )
    if any("LOG_FORKED" in (replica.problem or "") for replica in behind.values()):
        seen = max(replica.generation for replica in behind.values())
        return (
            f"what is there of the log: recsys releases verify --tenant {case.tenant}; if the store was put back "
            f"from a backup: recsys releases restore --tenant {case.tenant} --above {seen}"
        )
    if any(replica.problem for replica in behind.values()):
        return "do on that host what its reason says; others go on serving"
    if pinned:
        return (
            f"when the pin is not wanted any more, on {', '.join(sorted(pinned))}: recsys unpin --tenant {case.tenant}"
        )
    return f"on {', '.join(sorted(behind))}: does it reach the store? recsys doctor not-ready, and its log"


def _nobody(case: Case, beats: list[Heartbeat], here: Here | None) -> Finding | None:
    """Tell of a tenant that no host says it serves."""
    silent_s = min((beat.age_s(case.now_s) for beat in beats), default=None)
    stopped = here is not None and not here.running
    if not stopped and (silent_s is None or silent_s <= THRESHOLDS.all_silent_s):
        case.not_seen(f"{case.tenant}: no serving host reports")
        return None
    heard = {beat.host: beat.at for beat in beats}
    kept = [one.generation for one in here.tenants()[case.tenant].kept] if here is not None else []
    crashed = here is not None and here.processes is not None
    where = ("it was killed on this host" if crashed else "it is stopped on this host") if stopped else ""
    since = "" if silent_s is None else f"; no host was heard for {silent_s:.0f} s"
    return Finding(
        tenant=case.tenant,
        symptom="not-ready",
        host=here.host if here is not None else None,
        cause=f"nobody serves {case.tenant}: {where or 'every host fell silent'}{since}",
        evidence={"last_heard": heard, "kept_here": kept},
        ruled_out=(f"the store: it answers, generation {case.head.generation} is there",),
        next_step="start the service again as before: recsys serve; it comes up from its own copies"
        + ("" if stopped else f"; does {', '.join(sorted(heard))} run, and reach the store?"),
        runbook=NOT_READY,
    )
