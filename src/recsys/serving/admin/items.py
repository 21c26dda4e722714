"""Items changed between two runs, taken out of every answer, and back."""

from typing import Final

from litestar import patch, post
from litestar.params import RawBody

from recsys.catalog import checked_update
from recsys.serving.admin.asking import Key, Request, Tenant, aside, attempt_of, order, pull, said
from recsys.serving.admin.orders import Changed, ItemsOrder, UpdateOrder, changed

__all__ = ["restore_items", "update_items", "withdraw_items"]

_MAX_BYTES: Final = 8 << 20
"""10,000 rows of 800 bytes: as many as an overlay may have, each with its longest lists."""


@patch(
    "/v1/admin/tenants/{tenant:str}/items",
    request_max_body_size=_MAX_BYTES,
    opt=said(takes=UpdateOrder),
)
@aside
def update_items(request: Request, tenant: Tenant, body: RawBody, key: Key = None) -> Changed:
    """Update up to 10,000 items between two runs: availability, price, tags, brand, category, countries, locales."""
    releases = pull(request, tenant)
    data = order(body, UpdateOrder)
    return changed(
        releases.update_items(
            checked_update(data.items),
            clear=data.clear,
            reason=data.reason,
            dry_run=data.dry_run,
            attempt=attempt_of(key),
        )
    )


@post("/v1/admin/tenants/{tenant:str}/items/withdraw", status_code=200, opt=said(takes=ItemsOrder))
@aside
def withdraw_items(request: Request, tenant: Tenant, body: RawBody, key: Key = None) -> Changed:
    """Never serve these items again, on any rung; passes under a hold, and no rollback brings them back."""
    releases = pull(request, tenant)
    data = order(body, ItemsOrder)
    return changed(releases.withdraw(data.item_ids, reason=data.reason, dry_run=data.dry_run, attempt=attempt_of(key)))


@post("/v1/admin/tenants/{tenant:str}/items/restore", status_code=200, opt=said(takes=ItemsOrder))
@aside
def restore_items(request: Request, tenant: Tenant, body: RawBody, key: Key = None) -> Changed:
    """Let withdrawn items be served again."""
    releases = pull(request, tenant)
    data = order(body, ItemsOrder)
    return changed(
        releases.restore_items(data.item_ids, reason=data.reason, dry_run=data.dry_run, attempt=attempt_of(key))
    )
