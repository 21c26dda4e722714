"""``status``: the health model over serving, pipelines, evaluation and releases, from the store alone.

The store holds what is needed: the heartbeats that serving hosts leave, the record of each surface's last pipeline run,
the event logs, and the release log. So the model can be read with the service down, and says so.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from recsys.documents import read_config
from recsys.encoding import parse_rfc3339
from recsys.events.observed import GenerationStats, Joins, Observed
from recsys.operations.freshness import Freshness, freshness
from recsys.operations.layers import Health, Layer, State, SurfaceHealth, TenantHealth, judge
from recsys.operations.thresholds import THRESHOLDS
from recsys.pipelines import LastRun, last_run
from recsys.releases import Candidate, Hold, Release, Releases
from recsys.releases.arm import candidate_in, name_of
from recsys.releases.guarded import Heard, hear_guard
from recsys.replicas import Heartbeat, read_heartbeats
from recsys.store import Store

__all__ = ["Health", "State", "health"]


class _Facts(NamedTuple):
    """What is known of one surface."""

    surface: str
    head: Release
    heartbeats: Sequence[Heartbeat]
    newest: GenerationStats | None
    joins: Joins
    last_run: LastRun | None
    freshness: Freshness
    guard: Heard | None
    now_s: float


def health(
    store: Store,
    tenants: Sequence[str],
    *,
    window_s: float = 24 * 3600.0,
    spool: Path | None = None,
    now_s: float | None = None,
) -> Health:
    """Judge every surface of the tenants.

    Parameters
    ----------
    window_s
        How far back the event logs are read.
    spool
        This host's spool, so that the last seconds are seen too.
    """
    now = time.time() if now_s is None else now_s
    heartbeats = read_heartbeats(store.objects)
    judged = {}
    for tenant in tenants:
        with Observed(store, tenant, since_s=now - window_s, spool=spool) as observed:
            judged[tenant] = _tenant(store, tenant, heartbeats, observed, now)
    return Health(tenants=judged)


def _tenant(
    store: Store, tenant: str, heartbeats: Sequence[Heartbeat], observed: Observed, now_s: float
) -> TenantHealth:
    head = Releases(store, tenant, actor="status").head()
    if head is None:
        return TenantHealth(surfaces={})
    config = read_config(store.blobs.read(tenant, head.config))
    surfaces = {}
    joins = observed.joins()
    for surface in sorted(head.surfaces):
        history = observed.generations(surface)
        facts = _Facts(
            surface=surface,
            head=head,
            heartbeats=heartbeats,
            newest=history[-1] if history else None,
            joins=joins,
            last_run=last_run(store, tenant, surface),
            freshness=freshness(store, head, surface, config, now_s=now_s),
            guard=None if (runs := candidate_in(head, surface)) is None else _guard(store, tenant, surface, runs),
            now_s=now_s,
        )
        surfaces[surface] = SurfaceHealth(
            serving=_serving(facts),
            pipelines=_pipelines(facts),
            evaluation=_evaluation(facts),
            releases=_releases(facts),
        )
    return TenantHealth(surfaces=surfaces)


def _serving(facts: _Facts) -> Layer:
    alive = [beat for beat in facts.heartbeats if beat.age_s(facts.now_s) <= THRESHOLDS.heartbeat_missing_s]
    tenant = facts.head.tenant
    replicas = {beat.host: beat.tenants[tenant] for beat in alive if tenant in beat.tenants}
    pinned = sorted(f"{host} to {replica.pinned}" for host, replica in replicas.items() if replica.pinned is not None)
    behind = sorted(
        host
        for host, replica in replicas.items()
        if replica.generation < facts.head.generation and replica.pinned is None
    )
    rejected = sorted({replica.rejected for replica in replicas.values() if replica.rejected})
    troubled = sorted(f"{host}: {replica.problem}" for host, replica in replicas.items() if replica.problem)
    newest = facts.newest
    counted = newest is not None and newest.answers >= THRESHOLDS.min_answers
    empty_rate = newest.empty_rate if newest is not None and counted else 0.0
    fallback_rate = newest.fallback_rate if newest is not None and counted else 0.0
    p99_ms = newest.p99_ms if newest is not None else None
    values: dict[str, Any] = {
        "hosts": len(replicas),
        "generation": {host: replica.generation for host, replica in sorted(replicas.items())},
        "answers": newest.answers if newest else 0,
        "empty_rate": round(empty_rate, 4),
        "fallback_rate": round(fallback_rate, 4),
        "p99_ms": None if p99_ms is None else round(p99_ms, 2),
    }
    slow = p99_ms is not None and counted and p99_ms > THRESHOLDS.p99_degraded_ms
    return judge(
        values,
        (not replicas, "unknown", "no host has reported within the last half minute: is the service running?"),
        (bool(behind) and not rejected, "degraded", f"behind generation {facts.head.generation}: {', '.join(behind)}"),
        (bool(pinned), "degraded", f"pinned by an operator: {', '.join(pinned)}; let go there with: recsys unpin"),
        (bool(rejected), "degraded", f"a newer release is refused: {'; '.join(rejected)}"),
        (bool(troubled), "degraded", f"a host does not follow the log: {'; '.join(troubled)}"),
        (empty_rate > THRESHOLDS.empty_rate_failing, "failing", f"{empty_rate:.1%} of answers are empty"),
        (
            THRESHOLDS.empty_rate_degraded < empty_rate <= THRESHOLDS.empty_rate_failing,
            "degraded",
            f"{empty_rate:.1%} of answers are empty",
        ),
        (
            fallback_rate > THRESHOLDS.fallback_rate_degraded,
            "degraded",
            f"{fallback_rate:.1%} of answers come from a lower rung than live",
        ),
        (slow, "degraded", f"p99 is {p99_ms or 0.0:.0f} ms, objective {THRESHOLDS.p99_degraded_ms:.0f} ms"),
    )


def _pipelines(facts: _Facts) -> Layer:
    fresh, run = facts.freshness, facts.last_run
    failed = run.error if run is not None else None
    endless = run is not None and run.finished is None and _age_s(run.started, facts.now_s) > THRESHOLDS.run_silent_s
    values: dict[str, Any] = {
        "data_until": fresh.data_until,
        "age_h": None if fresh.age_h is None else round(fresh.age_h, 1),
        "objective_h": fresh.objective_h,
        "last_run": None if run is None else "failed" if run.error else run.stage,
    }
    return judge(
        values,
        (fresh.age_h is None, "unknown", "no artifacts were shipped"),
        (fresh.stale and not fresh.very_stale, "degraded", fresh.sentence()),
        (fresh.very_stale, "failing", fresh.sentence()),
        (failed is not None, "degraded", f"the last run failed: {failed}"),
        (endless, "degraded", f"the run begun at {run.started if run else ''} has not ended: was it killed?"),
    )


def _age_s(moment: str, now_s: float) -> float:
    return now_s - parse_rfc3339(moment, what="last run")


def _evaluation(facts: _Facts) -> Layer:
    joins = facts.joins
    matched = joins.outcomes_matched
    values = {
        "exposures": joins.exposures,
        "outcomes": joins.outcomes,
        "outcomes_matched": None if matched is None else round(matched, 4),
    }
    low = matched is not None and matched < THRESHOLDS.outcomes_matched_degraded
    return judge(
        values,
        (not joins.exposures, "unknown", "no answers were recorded within the window"),
        (bool(joins.exposures) and not joins.outcomes, "unknown", "no outcomes came back within the window"),
        (low, "degraded", f"only {matched or 0.0:.1%} of outcomes find their exposure"),
    )


def _releases(facts: _Facts) -> Layer:
    holds = [hold for hold in facts.head.holds if hold.surface in (None, facts.surface)]
    values: dict[str, Any] = {
        "generation": facts.head.generation,
        "action": facts.head.action,
        "by": facts.head.actor,
        "candidate": None,
    }
    candidate = candidate_in(facts.head, facts.surface)
    if candidate is not None:
        values["candidate"] = {"name": name_of(facts.surface, candidate), "share": candidate.share}
        values["guard"] = None if facts.guard is None else facts.guard.said.state
    silent = facts.guard is not None and facts.guard.silent
    return judge(
        values,
        *((True, "degraded", _held(hold, facts.head.tenant)) for hold in holds),
        (silent, "degraded", facts.guard.sentence() if facts.guard else ""),
    )


def _guard(store: Store, tenant: str, surface: str, candidate: Candidate) -> Heard | None:
    return hear_guard(store.objects, tenant, name_of(surface, candidate))


def _held(hold: Hold, tenant: str) -> str:
    only = f" --surface {hold.surface}" if hold.surface else ""
    return (
        f"{', '.join(hold.levers)} held since {hold.since} by {hold.actor} ({hold.reason}); "
        f"let go with: recsys releases resume --tenant {tenant}{only}"
    )
