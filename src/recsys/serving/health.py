"""Every check of a host with its reason: what ``/health/detailed`` shows and ``status`` reads."""

import math
import time
from collections.abc import Iterable
from typing import Literal

import msgspec

from recsys.access.token_rules import TokenRules
from recsys.serving.access_seen import AccessSeen
from recsys.serving.clock import boot_id, since_boot
from recsys.serving.counters import Series, read_counters
from recsys.serving.host_state import HostState, Places, TenantState, read_host_state
from recsys.serving.key_sets import read_key_set_copy
from recsys.serving.processes import Processes, read_processes
from recsys.serving.settings import Settings
from recsys.store import Denied, Store, StoreBreaksPromise

__all__ = ["Check", "Health", "TenantHealth", "check_store", "look_at_host"]

State = Literal["healthy", "degraded", "failing"]
_ORDER: tuple[State, ...] = ("healthy", "degraded", "failing")

_QUIET_S = 5.0
"""The follower writes ``host.json`` each second; silence five times as long is worth a word."""
_LATE_FETCHES = 3
"""The issuer's keys are late when so many fetches in a row should have brought them."""
_MAX_UNRECORDED = 0.001
"""Share of unrecorded answers above which evaluation holds; contract §6."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    state: State
    reason: str = ""


class TenantHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant on this host. ``kept`` are the verified generations, newest first."""

    state: State
    generation: int
    head: int
    kept: tuple[int, ...]
    unconfirmed_s: float | None
    rejected_generation: int | None
    pinned: int | None
    reasons: tuple[str, ...]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A host, whole."""

    state: State
    host: str
    checks: tuple[Check, ...]
    tenants: dict[str, TenantHealth]


def look_at_host(settings: Settings, *, publishing: Check | None = None) -> Health:
    """Run every check; never raises for what is missing: that is a finding. ``publishing``: see :func:`check_store`."""
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
        _admission(places, settings),
        *((_key_set(places, settings.token_rules, settings),) if settings.token_rules else ()),
        *((publishing,) if publishing is not None else ()),
    )
    return Health(
        state=_worst([check.state for check in checks] + [tenant.state for tenant in tenants.values()]),
        host=settings.machine,
        checks=checks,
        tenants=tenants,
    )


def check_store(store: Store) -> Check:
    """Tell whether the store may be published to. Writes to it, once a process; raises as the store does."""
    try:
        store.require_sound()
    except StoreBreaksPromise as error:
        return Check("publishing", "degraded", error.message)
    except Denied:
        return Check("publishing", "healthy", "not tried: this host may not write to the store")
    return Check("publishing", "healthy")


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


def _admission(places: Places, settings: Settings) -> Check:
    unseen_s = AccessSeen(places).unseen_s()
    if unseen_s <= settings.admin_away_s:
        return Check("operators", "healthy")
    since = "not known since when" if unseen_s == math.inf else f"for {unseen_s:.0f} s"
    return Check("operators", "degraded", f"nobody is let in over HTTP: tenants and keys were not read, {since}")


def _key_set(places: Places, rules: TokenRules, settings: Settings) -> Check:
    copy = read_key_set_copy(places.key_set, source=rules.source)
    if copy is None or not copy.keys:
        return Check("token keys", "failing", (copy.problem if copy else "") or "never fetched: no token is taken")
    age_s = time.time() - copy.fetched_at
    late = copy.problem or age_s > _LATE_FETCHES * settings.jwt_refresh_s
    told = f"fetched {age_s:.0f} s ago" + (f"; since then: {copy.problem}" if copy.problem else "")
    return Check("token keys", "degraded" if late else "healthy", told)


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
    if known.pinned is not None:
        pin = known.pinned
        why = f" ({pin.reason})" if pin.reason else ""
        reasons.append(f"pinned to generation {pin.generation} by {pin.actor} since {pin.at}{why}")
        reasons += [known.pin_problem] if known.pin_problem else []
    if not known.kept:
        reasons.append("no verified release on this host")
    elif unconfirmed_s is None:
        reasons.append("the head was not seen since the start")
    elif unconfirmed_s > settings.confirm_s:
        reasons.append(f"the head was last seen to be generation {known.generation} {unconfirmed_s:.0f} s ago")
    state: State = "healthy" if not reasons else ("degraded" if known.kept else "failing")
    return TenantHealth(
        state=state,
        generation=known.served,
        head=known.head,
        kept=tuple(kept.generation for kept in known.kept),
        unconfirmed_s=None if unconfirmed_s is None else round(unconfirmed_s, 1),
        rejected_generation=known.rejected.generation if known.rejected else None,
        pinned=known.pinned.generation if known.pinned else None,
        reasons=tuple(reasons),
    )


def _worst(states: Iterable[State]) -> State:
    return max(states, key=_ORDER.index, default="healthy")
