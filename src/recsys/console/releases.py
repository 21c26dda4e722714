"""The log of releases: as a timeline, one by one, and any two beside each other."""

from typing import Annotated

from litestar import get
from litestar.params import PathParameter, QueryParameter

from recsys.console.page import Page
from recsys.console.timeline import Entry, entry_of, in_force
from recsys.console.visit import Visit, visiting
from recsys.operations.doctor import Finding, Symptom, prove
from recsys.operations.preview import Preview, preview
from recsys.operations.turn import in_turn
from recsys.releases import Release, Releases
from recsys.releases.waiting import who_serves
from recsys.serving.admin import Request, Tenant, aside
from recsys.store.names import NAME_PATTERN

__all__ = ["compare", "show_lists", "show_proof", "show_release", "show_releases", "show_served"]

_PAGE = 30
_LARGEST = 2**53 - 1
Number = Annotated[int, PathParameter(ge=1, le=_LARGEST, description="The generation.")]
Generation = Annotated[int | None, QueryParameter(ge=1, le=_LARGEST, description="A generation.")]
Before = Annotated[int | None, QueryParameter(ge=1, le=_LARGEST, description="Only generations below this one.")]
Pulled = Annotated[bool, QueryParameter(description="It was made a moment ago: show how hosts take it over.")]
About = Annotated[Symptom | None, QueryParameter(description="What the doctor found before the lever was pulled.")]
OnSurface = Annotated[str | None, QueryParameter(pattern=NAME_PATTERN, description="One surface.")]


@get("/t/{tenant:str}/releases")
@aside
def show_releases(request: Request, tenant: Tenant, before: Before = None) -> Page:
    """Show what is in force, and who changed what, newest first."""
    visit = visiting(request, tenant)
    releases = visit.releases
    found = releases.list(limit=_PAGE, before=before)
    return visit.page(
        "releases.html",
        here="releases",
        head=releases.current(),
        entries=_entries(releases, found.releases),
        next=found.next,
        before=before,
        in_force=in_force(releases.current()),
    )


def _entries(releases: Releases, newest_first: tuple[Release, ...]) -> list[Entry]:
    last = newest_first[-1] if newest_first else None
    oldest = releases.read(last.generation - 1) if last is not None and last.generation > 1 else None
    return [entry_of(release, older) for release, older in zip(newest_first, (*newest_first[1:], oldest), strict=True)]


@get("/t/{tenant:str}/releases/{generation:int}")
@aside
def show_release(
    request: Request,
    tenant: Tenant,
    generation: Number,
    *,
    pulled: Pulled = False,
    symptom: About = None,
    surface: OnSurface = None,
) -> Page:
    """Show one release: who made it, why, what it changed, and what that did to lists."""
    visit = visiting(request, tenant)
    release = visit.releases.read(generation)
    before = visit.releases.read(generation - 1) if generation > 1 else None
    return visit.page(
        "release.html",
        here="releases",
        entry=entry_of(release, before),
        release=release,
        head=visit.releases.current(),
        lines=_lines(visit, generation),
        pulled=pulled,
        symptom=symptom,
        surface=surface,
    )


def _lines(visit: Visit, generation: int) -> list[str]:
    return visit.releases.diff(generation - 1, generation).lines() if generation > 1 else []


@get("/t/{tenant:str}/releases/{generation:int}/served")
@aside
def show_served(
    request: Request,
    tenant: Tenant,
    generation: Number,
    *,
    pulled: Pulled = False,
    symptom: About = None,
    surface: OnSurface = None,
) -> Page:
    """Show which hosts serve a release by now; a part of its page."""
    visit = visiting(request, tenant)
    waited = who_serves(visit.store().objects, tenant, generation)
    return visit.fragment(
        "served.part.html", generation=generation, waited=waited, pulled=pulled, symptom=symptom, surface=surface
    )


@get("/t/{tenant:str}/releases/{generation:int}/proof")
@aside
def show_proof(
    request: Request, tenant: Tenant, generation: Number, *, symptom: About = None, surface: OnSurface = None
) -> Page:
    """Show whether a lever helped, as far as that can be known at once; a part of its page."""
    visit = visiting(request, tenant)
    release = visit.releases.read(generation)
    places = [surface] if surface else sorted(release.surfaces)
    with in_turn(visit.office.places, "doctor") as cache:
        found = [
            (
                place,
                prove(visit.store(), _found(release, place, symptom), cache=cache, timeout_s=0.0, here=visit.here()),
            )
            for place in places
        ]
    later = dict.fromkeys(said for _, proof in found for said in proof.later)
    return visit.fragment("proof.part.html", found=found, later=later, ok=all(proof.ok for _, proof in found))


def _found(release: Release, surface: str, symptom: Symptom | None) -> Finding:
    """Return what is to be gone: what the doctor found, or else that people get nothing."""
    if symptom == "regressed" and release.restores is not None:
        evidence = {"generation_before": release.restores, "generation_now": release.generation - 1}
    else:
        evidence, symptom = {}, symptom if symptom in ("stale", "not-ready") else "empty-recs"
    return Finding(tenant=release.tenant, symptom=symptom, surface=surface, cause="", evidence=evidence)


@get("/t/{tenant:str}/compare")
@aside
def compare(request: Request, tenant: Tenant, a: Generation = None, b: Generation = None) -> Page:
    """Say what changed from one generation to another."""
    visit = visiting(request, tenant)
    head = visit.releases.current()
    b = b or head.generation
    a = a or max(1, b - 1)
    return visit.page("compare.html", here="releases", a=a, b=b, head=head, lines=visit.releases.diff(a, b).lines())


@get("/t/{tenant:str}/compare/lists")
@aside
def show_lists(request: Request, tenant: Tenant, a: Generation = 1, b: Generation = 1) -> Page:
    """Show what requests of late would show at both; a part of a page."""
    visit = visiting(request, tenant)
    assert a is not None
    assert b is not None
    return visit.fragment("preview.part.html", preview=shown(visit, visit.releases.read(a), visit.releases.read(b)))


def shown(
    visit: Visit, before: Release, after: Release, *, surface: str | None = None, documents: tuple[bytes, ...] = ()
) -> Preview:
    """Rank requests of late at both releases."""
    with in_turn(visit.office.places, "preview") as cache:
        return preview(
            visit.store(),
            before,
            after,
            documents=documents,
            surface=surface,
            spool=visit.here().spool,
            cache=cache,
        )
