"""Every check of a host with its reason: what ``/health/detailed`` shows and ``status`` reads."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from recsys.serving.clock import boot_id, since_boot
from recsys.serving.counters import Series, read_counters
from recsys.serving.host_state import HostState, Places, TenantState, read_host_state
from recsys.serving.settings import Settings
from recsys.serving.supervisor import Processes, read_processes

__all__ = ["Check", "Health", "TenantHealth", "look_at_host"]

State = Literal["healthy", "degraded", "failing"]
_ORDER: tuple[State, ...] = ("healthy", "degraded", "failing")

_QUIET_S = 5.0
"""The follower writes ``host.json`` each second; silence five times as long is worth a word."""
_MAX_UNRECORDED = 0.001
"""Share of unrecorded answers above which evaluation holds; contract §6."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    state: State
    reason: str = ""


class TenantHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant on this host. ``kept`` are the verified generations, the served one first."""

    state: State
    generation: int
    head: int
    kept: tuple[int, ...]
    unconfirmed_s: float | None
    rejected_generation: int | None
    reasons: tuple[str, ...]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A host, whole."""

    state: State
    host: str
    checks: tuple[Check, ...]
    tenants: dict[str, TenantHealth]


def look_at_host(settings: Settings) -> Health:
    """Run every check; never raises for what is missing: that is a finding."""
    places = Places(settings.host_path)
    state = read_host_state(places.state)
    processes = read_processes(places.processes)
    series = read_counters(places.counters.glob("*.cells"))
    run = processes.run if processes else ""
    tenants = {
        name: _tenant(known, settings, ours=state is not None and state.run == run and state.boot == boot_id())
        for name, known in (state.tenants if state else {}).items()
    }
    checks = (
        _follower(state, run),
        _store(state),
        _shipping(state),
        _recording(series),
        _workers(series, processes, settings),
    )
    return Health(
        state=_worst([check.state for check in checks] + [tenant.state for tenant in tenants.values()]),
        host=settings.machine,
        checks=checks,
        tenants=tenants,
    )


def _follower(state: HostState | None, run: str) -> Check:
    if state is None:
        return Check("follower", "failing", "host.json is missing or damaged")
    if state.run != run:
        return Check("follower", "degraded", "the follower has not spoken since the start")
    quiet_s = since_boot() - state.written_at
    if quiet_s > _QUIET_S:
        return Check("follower", "degraded", f"the follower has been silent for {quiet_s:.0f} s")
    return Check("follower", "healthy")


def _store(state: HostState | None) -> Check:
    problem = state.store_problem if state else "not known"
    return Check("store", "degraded" if problem else "healthy", problem)


def _shipping(state: HostState | None) -> Check:
    if state is None or not state.ship_problem:
        return Check("events", "healthy")
    return Check("events", "degraded", f"{state.waiting_files} files wait to be shipped: {state.ship_problem}")


def _recording(series: Iterable[Series]) -> Check:
    answers = unrecorded = 0.0
    for one in series:
        if one.name == "recsys_answers":
            answers += one.values[0]
        elif one.name == "recsys_answers_unrecorded":
            unrecorded += one.values[0]
        elif one.name == "recsys_events_recorded_late" and one.labels["stream"] == "exposures":
            unrecorded -= one.values[0]
    if answers and unrecorded / answers > _MAX_UNRECORDED:
        return Check("recording", "degraded", f"{unrecorded:.0f} of {answers:.0f} answers were not recorded")
    return Check("recording", "healthy")


def _workers(series: Iterable[Series], processes: Processes | None, settings: Settings) -> Check:
    now = since_boot()
    ticks = {one.labels["worker"]: one.values[0] for one in series if one.name == "recsys_worker_tick"}
    names = [f"worker-{number}" for number in range(settings.workers)]
    quiet = [name for name in names if now - ticks.get(name, 0.0) > settings.hung_s]
    if quiet:
        return Check(
            "workers", "failing" if len(quiet) == len(names) else "degraded", f"{', '.join(quiet)} stand still"
        )
    restarts = sum(child.restarts for child in processes.children.values()) if processes else 0
    return Check("workers", "healthy", f"{restarts} processes were replaced since the start" if restarts else "")


def _tenant(known: TenantState, settings: Settings, *, ours: bool) -> TenantHealth:
    reasons: list[str] = []
    confirmed_at = known.confirmed_at if ours else None
    unconfirmed_s = None if confirmed_at is None else since_boot() - confirmed_at
    if known.rejected is not None:
        reasons.append(f"generation {known.rejected.generation} is not served: {known.rejected.reason}")
    if known.problem:
        reasons.append(known.problem)
    if not known.kept:
        reasons.append("no verified release on this host")
    elif unconfirmed_s is None:
        reasons.append("the head was not seen since the start")
    elif unconfirmed_s > settings.confirm_s:
        reasons.append(f"the head was last seen to be generation {known.generation} {unconfirmed_s:.0f} s ago")
    state: State = "healthy" if not reasons else ("degraded" if known.kept else "failing")
    return TenantHealth(
        state=state,
        generation=known.generation,
        head=known.head,
        kept=tuple(kept.generation for kept in known.kept),
        unconfirmed_s=None if unconfirmed_s is None else round(unconfirmed_s, 1),
        rejected_generation=known.rejected.generation if known.rejected else None,
        reasons=tuple(reasons),
    )


def _worst(states: Iterable[State]) -> State:
    return max(states, key=_ORDER.index, default="healthy")
