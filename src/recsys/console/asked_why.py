"""Why an answer was what it was: found by its request id, replayed, and with who shipped what it was made of."""

import time
from typing import Annotated

from litestar import Response, get, post
from litestar.params import QueryParameter, RawBody

from recsys.access import Right
from recsys.console.asked import Generation
from recsys.console.documents import snapshot_here
from recsys.console.page import Page, at
from recsys.console.visit import Visit, ordered, to, visiting
from recsys.console.wording import reasons_in_words
from recsys.documents.config import MAX_ID_LENGTH
from recsys.operations.side_by_side import recorded_beside
from recsys.operations.store_away import StoreAway, noticed
from recsys.operations.thresholds import MOST_HOURS
from recsys.operations.turn import in_turn
from recsys.operations.why import Why, why
from recsys.serving.admin import Request, Tenant, aside

__all__ = ["ask_why", "show_why"]

RequestId = Annotated[str, QueryParameter(max_length=256, description="The `meta.request_id` of an answer.")]
Item = Annotated[str, QueryParameter(max_length=MAX_ID_LENGTH, description="Why is this item not among those shown?")]
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
    answer: RequestId = "",
    item: Item = "",
    against: Generation = None,
    hours: Hours = None,
) -> Page:
    """Show the form; what it asks for is read from the records, and the page asks for that as a part."""
    visit = visiting(request, tenant)
    if request.headers.get("hx-request") == "true" and answer:
        return _told(visit, answer, item=item, against=against, hours=hours)
    asked = {"answer": answer or None, "item": item or None, "against": against, "hours": hours}
    return visit.page("why.html", here="try", asked=asked)


@post("/t/{tenant:str}/try/why")
@aside
def ask_why(request: Request, tenant: Tenant, body: RawBody) -> Response[bytes]:
    """Take the form, and lead to what it asks for."""
    _, form = ordered(request, tenant, body, right=Right.READ)
    return to(at(tenant, "try", "why", **{name: form.get(name) or None for name in ("answer", "item", "against")}))


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
        titles=_titles(visit, found),
        reasons_in_words=reasons_in_words,
    )


def _titles(visit: Visit, found: Why) -> dict[str, str]:
    """Return titles of the items that reasons name, as this host knows them."""
    snapshot = snapshot_here(visit)
    named = {reason.partition(":")[2] for item in found.items for reason in item.reasons if ":" in reason}
    return {} if snapshot is None else snapshot.titles(named)


def _signals(found: Why) -> tuple[str, ...]:
    """Name what the scores are made of, the weightiest first."""
    total: dict[str, float] = {}
    for item in found.items:
        for name, value in (item.signals or {}).items():
            total[name] = total.get(name, 0.0) + abs(value)
    return tuple(sorted(total, key=lambda name: (-total[name], name)))
