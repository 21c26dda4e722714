"""How the runs of every surface went: their stages, what they took and made, how far it moved, and why one failed."""

import time
from typing import Annotated

from litestar import get
from litestar.params import PathParameter

from recsys.console.page import Page
from recsys.console.runs import charts_of, drift_of, how_it_went
from recsys.console.visit import Visit, visiting
from recsys.documents import read_config
from recsys.encoding import Invalid
from recsys.errors import NotFound
from recsys.operations.freshness import Freshness, freshness
from recsys.operations.store_away import StoreAway, noticed
from recsys.pipelines import last_runs, past_run, past_runs
from recsys.pipelines.report import KEPT_RUNS
from recsys.serving.admin import Request, Tenant, aside
from recsys.store import Corrupt, Missing, check_name

__all__ = ["show_pipelines", "show_run", "show_runs"]

Surface = Annotated[str, PathParameter(description="The surface.")]
RunName = Annotated[str, PathParameter(description="The run, by its name.")]


@get("/t/{tenant:str}/pipelines")
@aside
def show_pipelines(request: Request, tenant: Tenant) -> Page:
    """Show the last run of every surface, and how old what it serves is."""
    visit = visiting(request, tenant)
    now_s = time.time()
    try:
        with noticed(opening=True):
            store = visit.store()
        with noticed():
            head, runs = visit.releases.current(), last_runs(store, tenant)
            surfaces = sorted(runs.keys() | head.surfaces.keys())
            fresh = {surface: _freshness(visit, surface, now_s=now_s) for surface in surfaces}
    except StoreAway as away:
        return visit.page("pipelines_away.html", here="pipelines", problem=away.problem)
    last = {surface: runs.get(surface) for surface in surfaces}
    seen = {surface: None if run is None else how_it_went(run, now_s=now_s) for surface, run in last.items()}
    unread = [surface for surface, run in runs.items() if run is None]
    return visit.page("pipelines.html", here="pipelines", seen=seen, fresh=fresh, unread=unread)


@get("/t/{tenant:str}/pipelines/{surface:str}")
@aside
def show_runs(request: Request, tenant: Tenant, surface: Surface) -> Page:
    """Show the runs of a surface that are kept, drawn and in a table."""
    visit = visiting(request, tenant)
    check_name(surface, what="surface")
    now_s = time.time()
    try:
        with noticed(opening=True):
            store = visit.store()
        with noticed():
            runs = past_runs(store, tenant, surface)
            fresh = _freshness(visit, surface, now_s=now_s)
    except StoreAway as away:
        return visit.page("pipelines_away.html", here="pipelines", problem=away.problem)
    if not runs and fresh is None:
        raise NotFound(f"{tenant} has no surface {surface}", next_step="see which there are on the page Pipelines")
    seen = [how_it_went(run, now_s=now_s, newest=number == 0) for number, run in enumerate(runs)]
    return visit.page(
        "runs.html",
        here="pipelines",
        surface=surface,
        runs=seen,
        fresh=fresh,
        charts=charts_of(runs),
        drift=drift_of(runs[0]) if runs else (),
        kept=KEPT_RUNS,
    )


@get("/t/{tenant:str}/pipelines/{surface:str}/{name:str}")
@aside
def show_run(request: Request, tenant: Tenant, surface: Surface, name: RunName) -> Page:
    """Show all that one run told of itself."""
    visit = visiting(request, tenant)
    check_name(surface, what="surface")
    try:
        with noticed(opening=True):
            store = visit.store()
        with noticed():
            run = past_run(store, tenant, surface, name)
            newest = run is not None and past_runs(store, tenant, surface, most=1)[0].name == run.name
    except StoreAway as away:
        return visit.page("pipelines_away.html", here="pipelines", problem=away.problem)
    if run is None:
        raise NotFound(
            f"no such run of {surface} is kept: the last {KEPT_RUNS} are", next_step=f"see them: Pipelines, {surface}"
        )
    told = how_it_went(run, now_s=time.time(), newest=newest)
    return visit.page("run.html", here="pipelines", surface=surface, one=told, drift=drift_of(run))


def _freshness(visit: Visit, surface: str, *, now_s: float) -> Freshness | None:
    """Return how old is what a surface serves; ``None`` where it serves nothing, or what it is told by is damaged."""
    store, head = visit.store(), visit.releases.current()
    if surface not in head.surfaces:
        return None
    try:
        config = read_config(store.blobs.read(visit.tenant, head.config))
        return freshness(store, head, surface, config, now_s=now_s)
    except (Missing, Corrupt, Invalid):
        return None
