"""``status``: the health model over serving, pipelines, evaluation and releases, from the store alone.

The store holds what is needed: the heartbeats that serving hosts leave, the record of each surface's last pipeline run,
the event logs, and the release log. So the model can be read with the service down, and says so. With the store down it
is read from a host: :func:`health_here`.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recsys.documents import read_config
from recsys.encoding import Invalid
from recsys.errors import RecsysError
from recsys.events.layout import utc_day
from recsys.events.observed import GenerationStats, Observed
from recsys.operations.conditions import CONDITIONS, Facts, LayerName
from recsys.operations.freshness import Freshness, freshness
from recsys.operations.here import Here
from recsys.operations.layers import Health, Layer, State, SurfaceHealth, TenantHealth, judge
from recsys.operations.thresholds import THRESHOLDS
from recsys.pipelines import LastRun, last_run
from recsys.releases import Candidate, Releases
from recsys.releases.arm import candidate_in, name_of
from recsys.releases.guarded import Heard, hear_guard
from recsys.replicas import Heartbeat, read_heartbeats
from recsys.snapshot import Snapshot, open_snapshot
from recsys.store import Denied, Store, Unavailable

__all__ = ["Health", "State", "health", "health_here"]


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
        try:
            with Observed(store, tenant, since_s=now - window_s, spool=spool) as observed:
                judged[tenant] = _tenant(store, tenant, heartbeats, observed, now)
        except (Unavailable, Denied):
            raise
        except RecsysError as error:  # what one tenant lost says nothing of the others
            judged[tenant] = _unreadable(store, tenant, error)
    return Health(tenants=judged)


def _unreadable(store: Store, tenant: str, error: RecsysError) -> TenantHealth:
    """Judge a tenant of which something is damaged or gone; the surface is "" where not even their names are known."""
    try:
        head = Releases(store, tenant, actor="status").head()
    except (Unavailable, Denied):
        raise
    except RecsysError:
        head = None
    unknown = Layer(state="unknown", reasons=("what it is judged by cannot be read",))
    why = f"{error.message}; what else is damaged says: recsys releases verify --tenant {tenant}"
    layers = SurfaceHealth(
        serving=unknown, pipelines=unknown, evaluation=unknown, releases=Layer(state="failing", reasons=(why,))
    )
    return TenantHealth(surfaces=dict.fromkeys(sorted(head.surfaces) if head and head.surfaces else [""], layers))


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
        run, run_problem = _last_run(store, tenant, surface)
        facts = Facts(
            surface=surface,
            head=head,
            heartbeats=heartbeats,
            newest=history[-1] if history else None,
            joins=joins,
            last_run=run,
            run_problem=run_problem,
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


def _last_run(store: Store, tenant: str, surface: str) -> tuple[LastRun | None, str]:
    """Return the record of a surface's last run, or why it cannot be read."""
    try:
        return last_run(store, tenant, surface), ""
    except Invalid as error:
        return None, error.message


def _judged(layer: LayerName, facts: Facts, values: Mapping[str, Any]) -> Layer:
    found = ((state, condition(facts)) for state, condition in CONDITIONS[layer])
    return judge(values, *((bool(reason), state, reason) for state, reason in found))


def _serving(facts: Facts) -> Layer:
    return _judged(
        "serving",
        facts,
        {
            "hosts": len(facts.replicas),
            "generation": {host: replica.generation for host, replica in sorted(facts.replicas.items())},
            **_answered(facts.newest, facts.judged),
        },
    )


def _answered(newest: GenerationStats | None, judged: GenerationStats | None) -> dict[str, Any]:
    p99_ms = newest.p99_ms if newest else None
    return {
        "answers": newest.answers if newest else 0,
        "empty_rate": round(judged.empty_rate, 4) if judged else 0.0,
        "fallback_rate": round(judged.fallback_rate, 4) if judged else 0.0,
        "p99_ms": None if p99_ms is None else round(p99_ms, 2),
    }


def _pipelines(facts: Facts) -> Layer:
    fresh, run = facts.freshness, facts.last_run
    ended = "not readable" if facts.run_problem else None if run is None else "failed" if run.error else run.stage
    values: dict[str, Any] = {
        "data_until": fresh.data_until,
        "age_h": None if fresh.age_h is None else round(fresh.age_h, 1),
        "objective_h": fresh.objective_h,
        "last_run": ended,
    }
    return _judged("pipelines", facts, values)


def _evaluation(facts: Facts) -> Layer:
    joins = facts.joins
    matched = joins.outcomes_matched
    values = {
        "exposures": joins.exposures,
        "outcomes": joins.outcomes,
        "outcomes_matched": None if matched is None else round(matched, 4),
    }
    return _judged("evaluation", facts, values)


def _releases(facts: Facts) -> Layer:
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
    return _judged("releases", facts, values)


def _guard(store: Store, tenant: str, surface: str, candidate: Candidate) -> Heard | None:
    return hear_guard(store.objects, tenant, name_of(surface, candidate))


def health_here(
    here: Here,
    *,
    problem: str,
    tenant: str | None = None,
    window_s: float = 24 * 3600.0,
    now_s: float | None = None,
) -> Health:
    """Judge what this host answers while the store is away: from its own copies and its own newest events.

    Parameters
    ----------
    problem
        Why the store cannot be read.
    tenant
        This one alone; ``None`` means all that the host serves.

    Raises
    ------
    NotFound
        The host does not serve that tenant.
    """
    now = time.time() if now_s is None else now_s
    judged = {}
    for name in here.named(tenant):
        with Observed(None, name, since_s=now - window_s, spool=here.spool) as observed:
            judged[name] = _tenant_here(here, name, observed, problem, now)
    return Health(tenants=judged)


def _tenant_here(here: Here, tenant: str, observed: Observed, problem: str, now_s: float) -> TenantHealth:
    known = here.tenants()[tenant]
    snapshot = next(filter(None, (_opened(here, kept.path) for kept in known.serving)), None)
    joins = observed.joins()
    rows = observed.generations()
    surfaces = {}
    for surface in snapshot.surfaces() if snapshot is not None else sorted({row.surface for row in rows}):
        newest = max((row for row in rows if row.surface == surface), key=lambda row: row.last_s, default=None)
        ends_s = snapshot.data_until(surface) if snapshot is not None else None
        fresh = Freshness(
            data_until=None if ends_s is None else utc_day(ends_s - 1),
            age_h=None if ends_s is None else max(0.0, now_s - ends_s) / 3600,
            objective_h=snapshot.config.at(surface).freshness_slo_h if snapshot is not None else 0.0,
        )
        surfaces[surface] = SurfaceHealth(
            serving=_serving_here(here, tenant, newest),
            pipelines=_pipelines_here(fresh),
            evaluation=Layer(
                state="unknown",
                reasons=("the store is away: of what users did only this host's newest is seen",),
                values={"exposures": joins.exposures, "outcomes": joins.outcomes},
            ),
            releases=Layer(
                state="failing",
                reasons=(
                    f"the store does not answer: {problem}; nothing can be shipped or rolled back. "
                    f"This host alone can be kept at a generation: recsys pin --tenant {tenant} --generation N",
                ),
                values={"generation": known.head, "kept": [kept.generation for kept in known.kept]},
            ),
        )
    return TenantHealth(surfaces=surfaces)


def _opened(here: Here, path: str) -> Snapshot | None:
    try:
        return open_snapshot(here.places.root / path)
    except (RecsysError, OSError):
        return None


def _serving_here(here: Here, tenant: str, newest: GenerationStats | None) -> Layer:
    known, rung, since_s = here.tenants()[tenant], here.rung(tenant), here.unconfirmed_s(tenant)
    judged = newest if newest is not None and newest.answers >= THRESHOLDS.min_answers else None
    empty_rate = judged.empty_rate if judged else 0.0
    unready = "; ".join(here.unready or ()) or "it does not answer its port"
    seen = "not since the start" if since_s is None else f"{since_s:.0f} s ago"
    return judge(
        {
            "hosts": int(here.running),
            "generation": {here.host: known.served},
            "rung": rung,
            "head_unseen_for_s": None if since_s is None else round(since_s, 1),
            **_answered(newest, judged),
        },
        (not here.running, "failing", "no service runs on this host; other hosts are not seen"),
        (here.running and here.unready != (), "failing", f"the service on this host is not ready: {unready}"),
        (
            rung != "live",
            "degraded",
            f"{here.host} answers generation {known.served} from {rung}; the head of the log was last seen {seen}",
        ),
        (empty_rate > THRESHOLDS.empty_rate_failing, "failing", f"{empty_rate:.1%} of answers are empty"),
    )


def _pipelines_here(fresh: Freshness) -> Layer:
    return judge(
        {"data_until": fresh.data_until, "age_h": None if fresh.age_h is None else round(fresh.age_h, 1)},
        (True, "unknown", "the store is away: the last run is not known"),
        (fresh.stale and not fresh.very_stale, "degraded", fresh.sentence()),
        (fresh.very_stale, "failing", fresh.sentence()),
    )
