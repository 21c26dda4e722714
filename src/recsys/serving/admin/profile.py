"""A profile of a running worker."""

from typing import Annotated, Literal

from litestar import Response, post
from litestar.params import QueryParameter

from recsys.access import Right
from recsys.serving.admin.asking import Request, Tenant, aside, office_of, said
from recsys.serving.profiling import FORMATS, MOST_S, take_profile

__all__ = ["profile_worker"]

_Worker = Annotated[str, QueryParameter(pattern="^worker-[0-9]{1,4}$", description="Which process that answers.")]
_Seconds = Annotated[float, QueryParameter(ge=0.1, le=MOST_S, description="How long it is sampled, while it answers.")]
_Format = Annotated[
    Literal["html", "speedscope", "text"],
    QueryParameter(description="A page that needs no network, a file for speedscope, or text."),
]


@post(
    "/v1/admin/tenants/{tenant:str}/profile",
    status_code=200,
    opt=said(gives=str, media="text/html"),
)
@aside
def profile_worker(
    request: Request, tenant: Tenant, worker: _Worker = "worker-0", seconds: _Seconds = 10.0, format: _Format = "html"
) -> Response[bytes]:
    """Show where a worker's time goes: places in the code, and nothing of any request. 409 while another is taken."""
    office = office_of(request)
    office.admit(request.headers.get, tenant=tenant, right=Right.CHANGE)
    made = take_profile(office.places, worker, seconds=seconds, format=format)
    return Response(made, media_type=FORMATS[format])
