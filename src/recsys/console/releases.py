"""The log of releases as a timeline."""

from litestar import get

from recsys.console.page import Page
from recsys.console.visit import visiting
from recsys.serving.admin import Request, Tenant, aside

__all__ = ["show_release", "show_releases"]


@get("/t/{tenant:str}/releases")
@aside
def show_releases(request: Request, tenant: Tenant) -> Page:
    """Show who changed what, newest first."""
    visit = visiting(request, tenant)
    return visit.page("releases.html", here="releases", page=visit.releases.list())


@get("/t/{tenant:str}/releases/{generation:int}")
@aside
def show_release(request: Request, tenant: Tenant, generation: int) -> Page:
    """Show one release."""
    visit = visiting(request, tenant)
    return visit.page("release.html", here="releases", release=visit.releases.read(generation))
