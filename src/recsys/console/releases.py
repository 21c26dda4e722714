"""The log of releases: as a timeline, one by one, and any two beside each other."""

from typing import Annotated

from litestar import get
from litestar.params import PathParameter, QueryParameter

from recsys.console.asked import LARGEST, About, Generation, OnSurface
from recsys.console.page import Page
from recsys.console.timeline import Entry, entry_of, in_force
from recsys.console.visit import Visit, visiting
from recsys.errors import NotFound, RecsysError
from recsys.operations.doctor import Finding, Symptom, look_again
from recsys.operations.preview import Preview, preview
from recsys.operations.turn import in_turn
from recsys.releases import Release, Releases
from recsys.releases.diff import diff_releases
from recsys.releases.hold import newly_held
from recsys.releases.plan import Beside
from recsys.releases.record import touched
from recsys.releases.waiting import Waited, who_serves
from recsys.serving.admin import Request, Tenant, aside

__all__ = ["changes_between", "compare", "show_lists", "show_proof", "show_release", "show_releases", "show_served"]

_PAGE = 30
_SOON_LOOKS, _LATER_S = 30, 5
"""Hosts are asked for every second, and after so many looks every few: then one is in trouble, and it takes a while."""
_NO_PROOF = frozenset(("create", "hold", "resume", "candidate", "gc"))
"""Actions after which people see what they saw."""
Number = Annotated[int, PathParameter(ge=1, le=LARGEST, description="The generation.")]
One = Annotated[int, QueryParameter(ge=1, le=LARGEST, description="A generation.")]
Looks = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="How often was looked already.")]
Before = Annotated[int | None, QueryParameter(ge=1, le=LARGEST, description="Only generations below this one.")]
Pulled = Annotated[bool, QueryParameter(description="It was made a moment ago: show how hosts take it over.")]


@get("/t/{tenant:str}/releases")
@aside
def show_releases(request: Request, tenant: Tenant, before: Before = None) -> Page:
    """Show what is in force, and who changed what, newest first."""
    visit = visiting(request, tenant)
    releases = visit.releases
    head, found = releases.current(), releases.list(limit=_PAGE, before=before)
    return visit.page(
        "releases.html",
        here="releases",
        head=head,
        entries=_entries(releases, found.releases),
        next=found.next,
        before=before,
        in_force=in_force(head),
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
        lines=changes_between(visit, before, release),
        held=newly_held(before.holds if before else (), release.holds),
        pulled=pulled,
        symptom=symptom,
        surface=surface,
    )


def changes_between(
    visit: Visit, before: Release | None, after: Release, *, documents: tuple[bytes, ...] = ()
) -> list[str]:
    """Say what changed from one release to another. The second may be only planned, with ``documents`` that are not
    stored yet. Values before and after are for who may see states: others are told which parts changed.
    """
    if before is None:
        return []
    if visit.may_see_states:
        return diff_releases(before, after, Beside(visit.releases.history, documents)).lines()
    return [f"{part} changed" for part in sorted(touched(before, after))]


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
    looks: Looks = 0,
) -> Page:
    """Show which hosts serve a release by now; a part of its page, which asks again until all do."""
    visit = visiting(request, tenant)
    proves = False
    try:
        waited = who_serves(visit.store().objects, tenant, generation)
        proves = visit.releases.read(generation).action not in _NO_PROOF
    except RecsysError as error:  # a hiccup of the store ends no progress
        waited = Waited(generation=generation, problem=error.message)
    return visit.fragment(
        "served.part.html",
        generation=generation,
        waited=waited,
        looks=looks,
        every_s=1 if looks < _SOON_LOOKS else _LATER_S,
        proves=pulled and proves,
        pulled=pulled,
        symptom=symptom,
        surface=surface,
    )


@get("/t/{tenant:str}/releases/{generation:int}/proof")
@aside
def show_proof(
    request: Request, tenant: Tenant, generation: Number, *, symptom: About = None, surface: OnSurface = None
) -> Page:
    """Show whether a lever helped, as far as that can be known at once; a part of its page."""
    visit = visiting(request, tenant)
    release = visit.releases.read(generation)
    if surface is not None and surface not in release.surfaces:
        raise NotFound(f"generation {generation} serves no surface {surface}")
    store, here = visit.store(), visit.here()
    wrong = _wrong(release, surface, symptom)
    with in_turn(visit.office.places, "doctor") as cache:
        proofs = [(finding.surface, look_again(store, release, finding, cache=cache, here=here)) for finding in wrong]
    return visit.fragment(
        "proof.part.html",
        shown=[(place, one) for place, proof in proofs for one in proof.shown],
        later=dict.fromkeys(said for _, proof in proofs for said in proof.later),
    )


def _wrong(release: Release, surface: str | None, symptom: Symptom | None) -> list[Finding]:
    """Return what is to be gone: what the doctor found; for who pulled by hand, empty answers and other lists."""
    evidence = {} if release.restores is None else {"generation_before": release.restores}
    symptoms: tuple[Symptom, ...] = ("empty-recs", "regressed") if symptom is None else (symptom,)
    return [
        Finding(tenant=release.tenant, symptom=one, surface=place, cause="", evidence=evidence)
        for place in ([surface] if surface else sorted(release.surfaces))
        for one in symptoms
    ]


@get("/t/{tenant:str}/compare")
@aside
def compare(request: Request, tenant: Tenant, a: Generation = None, b: Generation = None) -> Page:
    """Say what changed from one generation to another."""
    visit = visiting(request, tenant)
    head = visit.releases.current()
    b = b or head.generation
    a = a or max(1, b - 1)
    lines = changes_between(visit, visit.releases.read(a), visit.releases.read(b))
    return visit.page("compare.html", here="releases", a=a, b=b, head=head, lines=lines)


@get("/t/{tenant:str}/compare/lists")
@aside
def show_lists(request: Request, tenant: Tenant, a: One, b: One) -> Page:
    """Show what requests of late would show at both; a part of a page."""
    visit = visiting(request, tenant)
    return visit.fragment("preview.part.html", preview=previewed(visit, visit.releases.read(a), visit.releases.read(b)))


def previewed(
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
