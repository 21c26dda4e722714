"""What operations can say of a tenant, as routes of the operators' port beside those of ``serving``."""

import time
from typing import Annotated

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter

from recsys.access import Right
from recsys.operations.doctor import Diagnosis, Symptom, diagnose, diagnose_here
from recsys.operations.health import health, health_here
from recsys.operations.here import Here, look_here
from recsys.operations.layers import TenantHealth
from recsys.operations.store_away import StoreAway, noticed
from recsys.operations.thresholds import MOST_HOURS
from recsys.operations.turn import in_turn
from recsys.operations.why import Why, why
from recsys.serving.admin import Request, Tenant, aside, office_of
from recsys.serving.office import Office

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
    here, window_s = _here(office, tenant), hours * 3600
    try:
        with noticed(opening=True):
            store = office.store()
        with noticed():
            return health(store, [tenant], window_s=window_s, spool=here.spool).tenants[tenant]
    except StoreAway as away:
        found = health_here(here, problem=away.problem, tenant=tenant, window_s=window_s)
        return found.tenants.get(tenant, TenantHealth(surfaces={}))


@get("/v1/admin/tenants/{tenant:str}/doctor")
@aside
def show_doctor(request: Request, tenant: Tenant, symptom: OneSymptom = None, hours: Hours = 24.0) -> Diagnosis:
    """Walk the first-incident checklist: evidence, cause, the smallest lever and its command. With the store away: what
    this host shows of itself.
    """
    office = office_of(request)
    office.admit(request.headers.get, tenant=tenant, right=Right.READ)
    here, window_s = _here(office, tenant), hours * 3600
    symptoms = () if symptom is None else (symptom,)
    try:
        with noticed(opening=True):
            store = office.store()
        with noticed(), in_turn(office.places, "doctor") as cache:
            return diagnose(store, [tenant], symptoms=symptoms, window_s=window_s, here=here, cache=cache)
    except StoreAway as away:
        return diagnose_here(here, problem=away.problem, symptoms=symptoms, tenant=tenant, window_s=window_s)


def _here(office: Office, tenant: str) -> Here:
    """Look at this host as far as it is the tenant's business."""
    return look_here(office.places.root, settings=office.settings).of(tenant)


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
