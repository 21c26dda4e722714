"""How every tenant fares that is signed in for, at a glance: can we ship, and if not, what is worst and where."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from litestar import get

from recsys.access import Right
from recsys.console.page import Page, at
from recsys.console.readings import Reading, Readings
from recsys.console.visit import Visit, visiting
from recsys.errors import RecsysError
from recsys.operations.conditions import LayerName
from recsys.operations.layers import STATES, Layer, State, SurfaceHealth
from recsys.serving.admin import Request, Tenant, aside
from recsys.serving.problems import Refusal

__all__ = ["LAYERS", "Headline", "Seen", "headline", "readings_of", "show_health", "show_health_now"]

LAYERS: tuple[LayerName, ...] = SurfaceHealth.__struct_fields__  # type: ignore[assignment]
"""In the order of the page."""
_ARE: dict[LayerName, str] = {
    "serving": "serving is",
    "pipelines": "pipelines are",
    "evaluation": "evaluation is",
    "releases": "releases are",
}
_ADVICE: dict[State, str] = {
    "healthy": "Everything is healthy: safe to ship.",
    "unknown": "Nothing is known to be wrong, but not everything is known.",
    "degraded": "Look before you ship.",
    "failing": "Do not ship.",
}
_AWAY = "people are answered from this host's own copies, and nothing can be shipped or rolled back until it is back"


class Seen(NamedTuple):
    """One tenant of the page: its reading, or why there is none. ``next_s``: in how many seconds a newer one can be
    there.
    """

    tenant: str
    reading: Reading | None
    problem: str | None = None
    next_s: float = 0.0


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """What the whole page comes to. ``leads``: what to press next, and where that is; ``more``: how many layers
    elsewhere are as bad as what is named.
    """

    state: State
    advice: str
    what: str = ""
    why: str = ""
    leads: tuple[str, str] | None = None
    more: int = 0


class _Judged(NamedTuple):
    tenant: str
    surface: str
    name: LayerName
    layer: Layer


def headline(seen: Sequence[Seen]) -> Headline:
    """Say in a sentence whether it is safe to ship; if not, name what is worst."""
    unread = next((one for one in seen if one.reading is None), None)
    judged = list(_judged(seen))
    bad = [one for one in judged if one.layer.state != "healthy"]
    if not bad and unread is not None:
        return Headline(
            state="unknown",
            advice=_ADVICE["unknown"],
            what=f"{unread.tenant} cannot be read",
            why=unread.problem or "",
        )
    if not judged:
        return Headline(state="unknown", advice="Nothing is served yet.")
    if not bad:
        return Headline(state="healthy", advice=_ADVICE["healthy"])
    worst = max(bad, key=lambda one: STATES.index(one.layer.state))  # of several the first
    state = worst.layer.state
    away = next((one.reading.away for one in seen if one.tenant == worst.tenant and one.reading), None)
    if away is not None and worst.name == "releases":
        return Headline(state=state, advice=_ADVICE[state], what="the store is away", why=_AWAY, leads=_to(worst))
    on = f"{worst.tenant}/{worst.surface}" if len(seen) > 1 else worst.surface or worst.tenant
    return Headline(
        state=state,
        advice=_ADVICE[state],
        what=f"{_ARE[worst.name]} {state} on {on}",
        why=worst.layer.reasons[0] if worst.layer.reasons else "",
        leads=_to(worst),
        more=sum(one.layer.state == state for one in bad) - 1,
    )


def _to(worst: _Judged) -> tuple[str, str] | None:
    """Lead to the cause; of what people did on purpose, a hold, the log tells more than a doctor."""
    if worst.layer.state == "unknown":
        return None
    on_purpose = worst.name == "releases" and worst.layer.state == "degraded"
    return (
        ("See the releases", at(worst.tenant, "releases"))
        if on_purpose
        else ("Find the cause", at(worst.tenant, "incident"))
    )


def _judged(seen: Sequence[Seen]) -> Iterator[_Judged]:
    for one in seen:
        for surface, layers in one.reading.health.surfaces.items() if one.reading else ():
            for name in LAYERS:
                yield _Judged(one.tenant, surface, name, getattr(layers, name))


@get("/t/{tenant:str}/health")
@aside
def show_health(request: Request, tenant: Tenant) -> Page:
    """Show the health of the tenants that are signed in for."""
    visit = visiting(request, tenant)
    return visit.page("health.html", here="health", **_facts(_look(visit)))


@get("/t/{tenant:str}/health-now")
@aside
def show_health_now(request: Request, tenant: Tenant) -> Page:
    """Show it as it is by now; a part of the page."""
    visit = visiting(request, tenant)
    return visit.fragment("health.part.html", **_facts(_look(visit)))


def _facts(seen: Sequence[Seen]) -> dict[str, Any]:
    """Return what the page shows; its age is that of the oldest reading, and it is late when the last new one is."""
    read_at = min((one.reading.at_s for one in seen if one.reading), default=time.time())
    age_s = round(max(0.0, time.time() - read_at), 1)
    next_s = round(max((one.next_s for one in seen), default=0.0), 1)
    return {"seen": seen, "headline": headline(seen), "layers": LAYERS, "age_s": age_s, "next_s": next_s}


def readings_of(request: Request) -> Readings:
    """Return the readings of this process."""
    state = request.app.state
    if "readings" not in state:
        state.readings = Readings()
    readings: Readings = state.readings
    return readings


def _look(visit: Visit) -> list[Seen]:
    """Read every tenant that is signed in for, the visited one first; what one lost says nothing of the others."""
    others = [name for name in visit.session.tenants if name != visit.tenant]
    return [_one(visit, tenant) for tenant in (visit.tenant, *others)]


def _one(visit: Visit, tenant: str) -> Seen:
    try:
        visit.office.admit(visit.session.headers(tenant), tenant=tenant, right=Right.READ)
    except Refusal as refusal:
        return Seen(tenant, None, f"you are not let in any more: {refusal.detail}")
    try:
        reading, next_s = readings_of(visit.request).of(visit.office, tenant)
    except RecsysError as error:
        return Seen(tenant, None, ". ".join(filter(None, (error.message, error.next_step))))
    except Refusal as refusal:
        return Seen(tenant, None, f"{refusal.detail}. {refusal.next_step}")
    return Seen(tenant, reading, next_s=next_s)
