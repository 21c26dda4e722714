"""What healthy means: every condition of each layer, in one place. A condition that holds says why, with its values.

``docs/reference/health.md`` is made from this table: a condition's first line is its row.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from recsys.encoding import parse_rfc3339
from recsys.events.observed import GenerationStats, Joins
from recsys.operations.alive import alive
from recsys.operations.freshness import Freshness
from recsys.operations.layers import State
from recsys.operations.thresholds import THRESHOLDS
from recsys.pipelines import LastRun
from recsys.releases import Hold, Release
from recsys.releases.guarded import Heard
from recsys.replicas import Heartbeat, Replica

__all__ = ["CONDITIONS", "Condition", "Facts", "LayerName"]

LayerName = Literal["serving", "pipelines", "evaluation", "releases"]


class Facts(NamedTuple):
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
    run_problem: str = ""
    """Why the record of the last run cannot be read; empty where it can, or there is none."""

    @property
    def replicas(self) -> dict[str, Replica]:
        """Return the hosts that were heard lately and serve the tenant."""
        tenant, beats = self.head.tenant, alive(self.heartbeats, now_s=self.now_s)
        return {beat.host: beat.tenants[tenant] for beat in beats if tenant in beat.tenants}

    @property
    def judged(self) -> GenerationStats | None:
        """Return what the newest generation answered, where that is enough to judge by."""
        newest = self.newest
        return newest if newest is not None and newest.answers >= THRESHOLDS.min_answers else None


Condition = Callable[[Facts], str]
"""Returns why it holds, with its values; empty where it does not."""


def no_host(facts: Facts) -> str:
    """No host has reported lately."""
    return "" if facts.replicas else "no host has reported within the last half minute: is the service running?"


def behind(facts: Facts) -> str:
    """A host serves an older generation than the newest, and says no more."""
    hosts = sorted(
        host
        for host, replica in facts.replicas.items()
        if replica.generation < facts.head.generation and replica.pinned is None
    )
    refused = any(replica.rejected for replica in facts.replicas.values())
    return f"behind generation {facts.head.generation}: {', '.join(hosts)}" if hosts and not refused else ""


def pinned(facts: Facts) -> str:
    """An operator keeps a host at a generation."""
    hosts = sorted(f"{host} to {one.pinned}" for host, one in facts.replicas.items() if one.pinned is not None)
    let_go = f"let go there with: recsys unpin --tenant {facts.head.tenant}"
    return f"pinned by an operator: {', '.join(hosts)}; {let_go}" if hosts else ""


def refused(facts: Facts) -> str:
    """A host refuses a newer release."""
    why = sorted({replica.rejected for replica in facts.replicas.values() if replica.rejected})
    return f"a newer release is refused: {'; '.join(why)}" if why else ""


def not_followed(facts: Facts) -> str:
    """A host does not follow the log: it forked, its format is newer, the disk is full."""
    hosts = sorted(f"{host}: {replica.problem}" for host, replica in facts.replicas.items() if replica.problem)
    return f"a host does not follow the log: {'; '.join(hosts)}" if hosts else ""


def mostly_empty(facts: Facts) -> str:
    """Answers of the newest generation are empty: more than `empty_rate_failing`."""
    rate = facts.judged.empty_rate if facts.judged else 0.0
    return f"{rate:.1%} of answers are empty" if rate > THRESHOLDS.empty_rate_failing else ""


def some_empty(facts: Facts) -> str:
    """The same: more than `empty_rate_degraded`."""
    rate = facts.judged.empty_rate if facts.judged else 0.0
    some = THRESHOLDS.empty_rate_degraded < rate <= THRESHOLDS.empty_rate_failing
    return f"{rate:.1%} of answers are empty" if some else ""


def fallback(facts: Facts) -> str:
    """Answers come from a lower rung than `live`: more than `fallback_rate_degraded`."""
    rate = facts.judged.fallback_rate if facts.judged else 0.0
    return f"{rate:.1%} of answers come from a lower rung than live" if rate > THRESHOLDS.fallback_rate_degraded else ""


def slow(facts: Facts) -> str:
    """Answers take longer than `p99_degraded_ms` at p99."""
    p99_ms = (facts.judged.p99_ms if facts.judged else None) or 0.0
    return f"p99 is {p99_ms:.0f} ms, objective {THRESHOLDS.p99_degraded_ms:.0f} ms" if _too_slow(p99_ms) else ""


def _too_slow(p99_ms: float) -> bool:
    return p99_ms > THRESHOLDS.p99_degraded_ms


def nothing_shipped(facts: Facts) -> str:
    """No artifacts were shipped."""
    return "no artifacts were shipped" if facts.freshness.age_h is None else ""


def stale(facts: Facts) -> str:
    """The data is older than its objective, `freshness_slo_h`."""
    return facts.freshness.sentence() if facts.freshness.stale and not facts.freshness.very_stale else ""


def very_stale(facts: Facts) -> str:
    """It is older by `freshness_failing_factor`."""
    return facts.freshness.sentence() if facts.freshness.very_stale else ""


def run_failed(facts: Facts) -> str:
    """The last run failed."""
    return f"the last run failed: {facts.last_run.error}" if facts.last_run is not None and facts.last_run.error else ""


def run_unread(facts: Facts) -> str:
    """The record of the last run cannot be read."""
    return f"the record of the last run cannot be read: {facts.run_problem}" if facts.run_problem else ""


def run_silent(facts: Facts) -> str:
    """The last run began `run_silent_s` ago and has not ended."""
    run = facts.last_run
    if run is None or run.finished is not None:
        return ""
    silent_s = facts.now_s - parse_rfc3339(run.started, what="last run")
    return f"the run begun at {run.started} has not ended: was it killed?" if silent_s > THRESHOLDS.run_silent_s else ""


def no_answers(facts: Facts) -> str:
    """No answers were recorded within the window."""
    return "" if facts.joins.exposures else "no answers were recorded within the window"


def no_outcomes(facts: Facts) -> str:
    """No outcomes came back within the window."""
    none = bool(facts.joins.exposures) and not facts.joins.outcomes
    return "no outcomes came back within the window" if none else ""


def low_joins(facts: Facts) -> str:
    """Fewer outcomes than `outcomes_matched_degraded` find their exposure."""
    matched = facts.joins.outcomes_matched
    low = matched is not None and matched < THRESHOLDS.outcomes_matched_degraded
    return f"only {matched or 0.0:.1%} of outcomes find their exposure" if low else ""


def held(facts: Facts) -> str:
    """Something of the surface is held."""
    holds = [hold for hold in facts.head.holds if hold.surface in (None, facts.surface)]
    return "; ".join(_held(hold, facts.head.tenant) for hold in holds)


def guard_silent(facts: Facts) -> str:
    """The guard of the candidate has missed three looks."""
    return facts.guard.sentence() if facts.guard is not None and facts.guard.silent else ""


def _held(hold: Hold, tenant: str) -> str:
    only = f" --surface {hold.surface}" if hold.surface else ""
    return (
        f"{', '.join(hold.levers)} held since {hold.since} by {hold.actor} ({hold.reason}); "
        f"let go with: recsys releases resume --tenant {tenant}{only}"
    )


CONDITIONS: Mapping[LayerName, tuple[tuple[State, Condition], ...]] = {
    "serving": (
        ("unknown", no_host),
        ("degraded", behind),
        ("degraded", pinned),
        ("degraded", refused),
        ("degraded", not_followed),
        ("failing", mostly_empty),
        ("degraded", some_empty),
        ("degraded", fallback),
        ("degraded", slow),
    ),
    "pipelines": (
        ("unknown", nothing_shipped),
        ("degraded", stale),
        ("failing", very_stale),
        ("degraded", run_failed),
        ("degraded", run_unread),
        ("degraded", run_silent),
    ),
    "evaluation": (("unknown", no_answers), ("unknown", no_outcomes), ("degraded", low_joins)),
    "releases": (("degraded", held), ("degraded", guard_silent)),
}
"""By layer; the worst that holds is the state, and each that holds is a reason."""
