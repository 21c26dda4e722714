"""One surface: why each layer is as it is, which hosts serve it, and what was answered hour by hour."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

from litestar import get
from litestar.params import PathParameter

from recsys.console.health import LAYERS, readings_of
from recsys.console.logs import read_once
from recsys.console.page import Page
from recsys.console.readings import WINDOW_S
from recsys.console.visit import Visit, visiting
from recsys.errors import NotFound
from recsys.events.observed import GenerationStats, Hour, Observed
from recsys.operations.store_away import StoreAway, noticed
from recsys.operations.thresholds import THRESHOLDS
from recsys.replicas import Heartbeat, read_heartbeats
from recsys.serving.admin import Request, Tenant, aside
from recsys.store import Store
from recsys.store.names import NAME_PATTERN

__all__ = ["show_answered", "show_surface"]

Surface = Annotated[str, PathParameter(pattern=NAME_PATTERN, description="The surface.")]
_HOUR_S = 3600.0


@get("/t/{tenant:str}/health/{surface:str}")
@aside
def show_surface(request: Request, tenant: Tenant, surface: Surface) -> Page:
    """Show every layer of a surface with its reasons, and the hosts that serve it."""
    visit = visiting(request, tenant)
    reading = readings_of(request).of(visit.office, tenant).value
    if surface not in reading.health.surfaces:
        served = ", ".join(reading.health.surfaces) or "none"
        raise NotFound(f"{tenant} serves no surface {surface}", next_step=f"its surfaces: {served}")
    return visit.page(
        "surface.html",
        here="health",
        surface=surface,
        reading=reading,
        found=reading.health.surfaces[surface],
        layers=LAYERS,
        beats=_beats(visit),
        now_s=time.time(),
        silent_s=THRESHOLDS.heartbeat_missing_s,
    )


def _beats(visit: Visit) -> list[Heartbeat] | None:
    """Return the hosts that ever served the tenant, the one heard last first; ``None`` while the store is away."""
    try:
        with noticed(opening=True):
            objects = visit.store().objects
        with noticed():
            beats = [beat for beat in read_heartbeats(objects) if visit.tenant in beat.tenants]
    except StoreAway:
        return None
    return sorted(beats, key=lambda beat: beat.at, reverse=True)


@get("/t/{tenant:str}/health/{surface:str}/answered")
@aside
def show_answered(request: Request, tenant: Tenant, surface: Surface) -> Page:
    """Show what was answered, hour by hour and generation by generation; a part of the page."""
    visit = visiting(request, tenant)
    hours, generations = read_once(request, ("answered", tenant, surface), lambda: _answered(visit, surface))
    return visit.fragment(
        "answered.part.html", hours=hours[::-1], chart=_chart(hours), generations=generations[::-1], window_s=WINDOW_S
    )


def _answered(visit: Visit, surface: str) -> tuple[tuple[Hour, ...], tuple[GenerationStats, ...]]:
    """Read the logs: the store's and this host's, and while the store is away this host's alone."""

    def told(store: Store | None) -> tuple[tuple[Hour, ...], tuple[GenerationStats, ...]]:
        since_s, spool = time.time() - WINDOW_S, visit.here().spool
        with Observed(store, visit.tenant, since_s=since_s, spool=spool) as observed:
            return observed.hours(surface), observed.generations(surface)

    try:
        with noticed(opening=True):
            store = visit.store()
        with noticed():
            return told(store)
    except StoreAway:
        return told(None)


def _chart(hours: Sequence[Hour]) -> dict[str, Any]:
    """Draw the p99 over the hours; one without answers is a gap."""
    found = {hour.began_s: hour.p99_ms for hour in hours}
    first, last = (hours[0].began_s, hours[-1].began_s) if hours else (0.0, -1.0)
    at = [first + _HOUR_S * number for number in range(int((last - first) / _HOUR_S) + 1)]
    return {
        "label": "p99 of answers in milliseconds, by hour",
        "unit": "count",
        "x": at,
        "series": [{"label": "p99, ms", "values": [found.get(one) for one in at]}],
        "lines": [{"label": "objective, ms", "value": THRESHOLDS.p99_degraded_ms}],
    }
