"""Symptom: something is refused because of a limit, by a run or by the service."""

from collections.abc import Iterator
from typing import NamedTuple

from recsys.encoding import rfc3339
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.doctor.pipeline import LIVE, SYMPTOM_OF, of_run
from recsys.operations.here import Here, Refused
from recsys.operations.thresholds import THRESHOLDS
from recsys.pipelines.report import readable_last_run
from recsys.serving.settings import settings_table

__all__ = ["check_run_limits", "check_serving_limits"]

_RUNBOOK = "docs/runbooks/limit-exceeded.md"


class _Limit(NamedTuple):
    """One limit of the service: what it says of the caller, what to do, and the setting that raises it."""

    said: str
    next_step: str
    setting: str | None = None


_LIMITS = {
    "OVERLOADED": _Limit(
        "a worker had all the requests open that it takes (503)",
        "more workers (recsys serve --workers N, one per core) or more hosts; where answers are slow, first: "
        "recsys doctor latency",
        "max_in_flight",
    ),
    "RATE_LIMITED": _Limit(
        "a tenant sent more requests than it may (429)",
        "let the caller honour Retry-After and ask for whole pages at once (/v1/recommend/batch), or raise the limit",
        "tenant_rate_per_s",
    ),
    "TOO_LARGE": _Limit(
        "a request's body is larger than is taken (413)",
        "let the caller send fewer ids, or fewer events at once; or raise the limit",
        "max_body_bytes",
    ),
    "TOO_DEEP": _Limit(
        "a request is nested deeper than anything needs (422)", "the caller is wrong: look at what it sends"
    ),
    "TOO_MANY_IDS": _Limit(
        "a request excludes more ids than its tenant takes (422)",
        "let the caller send fewer, or raise limits.max_exclude_ids in the config: recsys config put FILE",
    ),
    "NOT_DURABLE": _Limit(
        "events were not on the disk in time (503); clients send them again",
        "free this host's disk, or find what slows it: df, iostat",
        "durable_wait_s",
    ),
}


def check_run_limits(case: Case, surface: str) -> Finding | None:
    """Name the limit that stopped the last run of a surface."""
    run = readable_last_run(case.store, case.tenant, surface)
    if run is None or SYMPTOM_OF.get(run.error_code or "") != "limit-exceeded":
        return None
    by = {one.name: f"{one.seen:,.0f} > {one.limit:,.0f}" for one in run.stopped_by}
    name, seen = next(((one.name, int(one.seen)) for one in run.stopped_by), ("…", 0))
    return Finding(
        tenant=case.tenant,
        symptom="limit-exceeded",
        surface=surface,
        cause=f"the last run stopped at {run.stage}: {'; '.join(f'{one} {said}' for one, said in by.items())}",
        evidence={"limits": by, **of_run(case, run)},
        ruled_out=(LIVE,),
        next_step=f"look at the files and the window it was given; if that much is meant: "
        f"recsys.pipelines.run(…, limits=Limits({name}={seen}))",
        runbook=_RUNBOOK,
    )


def check_serving_limits(here: Here, now_s: float) -> Iterator[Finding]:
    """Find what this host refused lately because of a limit: which, how often, and whom.

    What was refused before the service was started is over: it was started to raise a limit, perhaps.
    """
    since_s = max(now_s - THRESHOLDS.refused_recent_s, here.began_s or 0.0)
    for refused in here.refused.values():
        lately = refused.last_s >= since_s
        share = refused.count / max(1, refused.count + here.answers)
        if lately and refused.count >= THRESHOLDS.refused_least and share >= THRESHOLDS.refused_share_degraded:
            yield _refusing(here, refused, share)


def _refusing(here: Here, refused: Refused, share: float) -> Finding:
    limit = _LIMITS[refused.code]
    raises = next((line for line in settings_table() if line.field == limit.setting), None)
    then = f" ({raises.variable}, {raises.default} {raises.unit} unless set)" if raises else ""
    return Finding(
        symptom="limit-exceeded",
        host=here.host,
        cause=f"{limit.said}: {refused.count} refused with {refused.code}",
        evidence={
            "code": refused.code,
            "refused": refused.count,
            "share_of_requests": round(share, 4),
            "last": rfc3339(refused.last_s),
            **({"tenants": list(refused.tenants)} if refused.tenants else {}),
        },
        ruled_out=("answers that were given: they are whole",),
        next_step=limit.next_step + then,
        runbook=_RUNBOOK,
    )
