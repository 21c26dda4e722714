"""Why an answer was what it was: found by its request id, replayed, and with who shipped what it was made of."""

import time
from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from recsys.console.page import Page
from recsys.console.visit import Visit, visiting
from recsys.console.wording import reason_in_words
from recsys.documents.config import MAX_ID_LENGTH
from recsys.operations.side_by_side import recorded_beside
from recsys.operations.store_away import StoreAway, noticed
from recsys.operations.thresholds import MOST_HOURS
from recsys.operations.turn import in_turn
from recsys.operations.why import Why, why
from recsys.serving.admin import Request, Tenant, aside

__all__ = ["show_why"]

RequestId = Annotated[
    str, QueryParameter(name="request", max_length=256, description="The `meta.request_id` of an answer.")
]
Item = Annotated[str, QueryParameter(max_length=MAX_ID_LENGTH, description="Why is this item not among those shown?")]
Generation = Annotated[int | None, QueryParameter(ge=1, le=2**53 - 1, description="What would this one answer?")]
Hours = Annotated[
    float | None,
    QueryParameter(gt=0, le=MOST_HOURS, description="Look at all records of so long; else at the time the id tells."),
]


@get("/t/{tenant:str}/try/why")
@aside
def show_why(
    request: Request,
    tenant: Tenant,
    *,
    request_id: RequestId = "",
    item: Item = "",
    against: Generation = None,
    hours: Hours = None,
) -> Page:
    """Show the form; what it asks for is read from the records, and the page asks for that as a part."""
    visit = visiting(request, tenant)
    request_id, item = request_id.strip(), item.strip()
    asked = {"request": request_id, "item": item, "against": against, "hours": hours}
    if request.headers.get("hx-request") == "true" and request_id:
        return _told(visit, request_id, item=item, against=against, hours=hours)
    return visit.page("why.html", here="try", asked=asked, query={name: value or None for name, value in asked.items()})


def _told(visit: Visit, request_id: str, *, item: str, against: int | None, hours: float | None) -> Page:
    now, tenant = time.time(), visit.tenant
    since_s = None if hours is None else now - hours * 3600
    spool = visit.here().spool
    try:
        with noticed(opening=True):
            store = visit.store()
        with noticed(), in_turn(visit.office.places, "why") as cache:
            found = why(
                store, tenant, request_id, cache=cache, spool=spool, since_s=since_s, now_s=now, not_item=item or None
            )
            beside = None
            if against is not None:
                beside = recorded_beside(
                    store, tenant, request_id, against, cache=cache, spool=spool, since_s=since_s, now_s=now
                )
    except StoreAway as away:
        return visit.fragment("away.part.html", away=away)
    return visit.fragment(
        "why.part.html",
        found=found,
        beside=beside,
        item=item,
        signals=_signals(found),
        titles={one.item_id: one.title for one in found.items if one.title},
        reason_in_words=reason_in_words,
    )


def _signals(found: Why) -> tuple[str, ...]:
    """Name what the scores are made of, the weightiest first."""
    total: dict[str, float] = {}
    for item in found.items:
        for name, value in (item.signals or {}).items():
            total[name] = total.get(name, 0.0) + abs(value)
    return tuple(sorted(total, key=lambda name: (-total[name], name)))
