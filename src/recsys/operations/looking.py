"""A tenant seen from a process of the operators' port: by the store, and by this host alone while the store is away."""

from collections.abc import Sequence
from typing import NamedTuple

from recsys.operations.doctor import Diagnosis, Symptom, diagnose, diagnose_here
from recsys.operations.health import health, health_here
from recsys.operations.here import Here, look_here
from recsys.operations.layers import TenantHealth
from recsys.operations.store_away import StoreAway, noticed
from recsys.operations.turn import in_turn
from recsys.serving.office import Office

__all__ = ["Looked", "here_of", "look_at_health", "look_for_causes"]


class Looked(NamedTuple):
    """A tenant's health, and ``away``: why the store cannot be read, where this host alone was looked at."""

    health: TenantHealth
    away: str | None


def here_of(office: Office, tenant: str) -> Here:
    """Look at this host as far as it is the tenant's business."""
    return look_here(office.places.root, settings=office.settings).of(tenant)


def look_at_health(office: Office, tenant: str, *, window_s: float) -> Looked:
    """Judge every surface of a tenant.

    Raises
    ------
    NotFound
        The store is away, and this host does not serve the tenant.
    """
    here = here_of(office, tenant)
    try:
        with noticed(opening=True):
            store = office.store()
        with noticed():
            return Looked(health(store, [tenant], window_s=window_s, spool=here.spool).tenants[tenant], away=None)
    except StoreAway as away:
        found = health_here(here, problem=away.problem, tenant=tenant, window_s=window_s)
        return Looked(found.tenants.get(tenant, TenantHealth(surfaces={})), away=away.problem)


def look_for_causes(office: Office, tenant: str, *, symptoms: Sequence[Symptom], window_s: float) -> Diagnosis:
    """Walk the checklist for these symptoms, none meaning all; raises as :func:`look_at_health`."""
    here = here_of(office, tenant)
    try:
        with noticed(opening=True):
            store = office.store()
        with noticed(), in_turn(office.places, "doctor") as cache:
            return diagnose(store, [tenant], symptoms=symptoms, window_s=window_s, here=here, cache=cache)
    except StoreAway as away:
        return diagnose_here(here, problem=away.problem, symptoms=symptoms, tenant=tenant, window_s=window_s)
