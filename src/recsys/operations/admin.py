"""What operations can say of a tenant, as routes of the operators' port beside those of ``serving``."""

import time
from typing import Annotated

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter

from recsys.access import Right
from recsys.operations.doctor import Diagnosis, Symptom
from recsys.operations.layers import TenantHealth
from recsys.operations.looking import look_at_health, look_for_causes
from recsys.operations.thresholds import MOST_HOURS
from recsys.operations.turn import in_turn
from recsys.operations.why import Why, why
from recsys.serving.admin import Request, Tenant, aside, office_of

__all__ = ["ROUTES"]

Hours = Annotated[float, QueryParameter(gt=0, le=MOST_HOURS, description="How far back the event logs are read.")]
OneSymptom = Annotated[
    Symptom | None, QueryParameter(description="One symptom; left out, the whole checklist is walked.")
]
MaybeHours = Annotated[
    float | None,
    QueryParameter(gt=0, le=MOST_HOURS, description="Look at all records of so long; else at the time the id tells."),
]
RequestId = Annotated[
    str, PathParameter(max_length=256, description="The `meta.request_id` of an answer, or its `X-Request-Id`.")
]


@get("/v1/admin/tenants/{tenant:str}/health")
@aside
def show_health(request: Request, tenant: Tenant, hours: Hours = 24.0) -> TenantHealth:
    """Judge every surface of the tenant: serving, pipelines, evaluation and releases. With the store away: what this
    host answers, and from what.
    """
    office = office_of(request)
    office.admit(request.headers.get, tenant=tenant, right=Right.READ)
    return look_at_health(office, tenant, window_s=hours * 3600).health


@get("/v1/admin/tenants/{tenant:str}/doctor")
@aside
def show_doctor(request: Request, tenant: Tenant, symptom: OneSymptom = None, hours: Hours = 24.0) -> Diagnosis:
    """Walk the first-incident checklist: evidence, cause, the smallest lever and its command. With the store away: what
    this host shows of itself.
    """
    office = office_of(request)
    office.admit(request.headers.get, tenant=tenant, right=Right.READ)
    symptoms = () if symptom is None else (symptom,)
    return look_for_causes(office, tenant, symptoms=symptoms, window_s=hours * 3600)


@get("/v1/admin/tenants/{tenant:str}/why/{request_id:str}")
@aside
def show_why(request: Request, tenant: Tenant, request_id: RequestId, hours: MaybeHours = None) -> Why:
    """Explain a recorded answer: replayed, compared, and with who shipped what it was made of."""
    office = office_of(request)
    office.admit(request.headers.get, tenant=tenant, right=Right.READ)
    with in_turn(office.places, "why") as cache:
        return why(
            office.store(),
            tenant,
            request_id,
            cache=cache,
            spool=office.places.spool if office.places.spool.is_dir() else None,
            since_s=None if hours is None else time.time() - hours * 3600,
        )


ROUTES: tuple[HTTPRouteHandler, ...] = (show_health, show_doctor, show_why)
"""What operations adds to the operators' port."""
