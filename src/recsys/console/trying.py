"""Asking for recommendations as somebody, here and now: what the real ranking answers, and why each item stands there.

Nothing that is asked here is recorded, and no raw user id gets into an address: a form that holds one is posted, and
leads to a page that is asked for with the pseudonym.
"""

import time
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter, RawBody
from msgspec.structs import replace

from recsys.access import Right
from recsys.console.asked import Generation, OnSurface
from recsys.console.page import Page, at
from recsys.console.visit import Form, Visit, ordered, to, visiting
from recsys.console.wording import reasons_in_words
from recsys.documents.config import MAX_ID_LENGTH
from recsys.encoding import Invalid, convert
from recsys.errors import NotFound, RecsysError
from recsys.operations.preview import asked_by
from recsys.operations.provenance import made_at
from recsys.operations.side_by_side import Comparing
from recsys.operations.store_away import StoreAway, noticed
from recsys.operations.trying import Tried, answering_here, served_here, try_at, try_here
from recsys.operations.turn import in_turn
from recsys.ranking import RecommendRequest
from recsys.ranking.request import MAX_ANCHORS, MAX_HISTORY
from recsys.serving.admin import Request, Tenant, aside
from recsys.serving.ladder import Rung
from recsys.store.names import NAME_PATTERN

__all__ = ["ask", "show_try"]

_MOST_K = 200
_MOST_TEXT = 30_000
"""Of a list of ids: an address longer than this is one that no proxy carries."""

Segment = Annotated[str | None, QueryParameter(pattern=NAME_PATTERN, description="A segment of it.")]
Many = Annotated[int, QueryParameter(ge=1, le=_MOST_K, description="How many items.")]
Who = Annotated[str | None, QueryParameter(max_length=MAX_ID_LENGTH, description="The pseudonym of a user.")]
Ids = Annotated[str, QueryParameter(max_length=_MOST_TEXT, description="Item ids, with commas between them.")]
Arm = Annotated[str | None, QueryParameter(max_length=MAX_ID_LENGTH, description="Whose answer: an arm.")]


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the form asks, as the address holds it. ``who`` is a pseudonym."""

    surface: str | None
    segment: str | None
    k: int
    who: str | None
    history: tuple[str, ...]
    anchors: tuple[str, ...]
    arm: str | None
    at: int | None
    against: int | None

    @property
    def query(self) -> dict[str, object]:
        """What the address of this very page says; ``None`` for what is left out."""
        lists = {"history": ",".join(self.history) or None, "anchors": ",".join(self.anchors) or None}
        return msgspec.structs.asdict(self) | lists

    def request(self) -> RecommendRequest:
        """Return what is ranked; raises :class:`~recsys.encoding.Invalid`."""
        asked = {
            "surface": self.surface or "",
            "segment": self.segment,
            "k": self.k,
            "user": {"user_id": self.who, "history": [{"item_id": item} for item in self.history]},
            "anchors": {"item_ids": self.anchors},
        }
        return convert(asked, RecommendRequest, what="request")


class _Now(msgspec.Struct, frozen=True, kw_only=True):
    """What answers on this host: nothing at all where ``rung`` is ``None``."""

    rung: Rung | None = None
    generation: int = 0
    surfaces: tuple[str, ...] = ()


@get("/t/{tenant:str}/try")
@aside
def show_try(
    request: Request,
    tenant: Tenant,
    *,
    surface: OnSurface = None,
    segment: Segment = None,
    k: Many = 10,
    who: Who = None,
    history: Ids = "",
    anchors: Ids = "",
    arm: Arm = None,
    at: Generation = None,
    against: Generation = None,
) -> Page:
    """Show the form, and what this host answers. What has to be read from the store the page asks for as a part."""
    visit = visiting(request, tenant)
    now = _now(visit)
    asked = _Asked(
        surface=surface or next(iter(now.surfaces), None),
        segment=segment,
        k=k,
        who=who,
        history=_ids(history),
        anchors=_ids(anchors),
        arm=arm,
        at=at,
        against=against,
    )
    if request.headers.get("hx-request") == "true":
        return _answered(visit, asked)
    return _shown(visit, asked, now)


@post("/t/{tenant:str}/try")
@aside
def ask(request: Request, tenant: Tenant, body: RawBody) -> Response[bytes]:
    """Take the form, and lead to its answer: with the pseudonym of the user it names, and never with the raw id."""
    visit, form = ordered(request, tenant, body, right=Right.READ)
    return to(at(tenant, "try", **_query(visit, form)))


def _shown(visit: Visit, asked: _Asked, now: _Now) -> Page:
    slow = asked.against is not None or asked.at not in (None, now.generation)
    found = problem = None
    if asked.surface is not None and not slow:
        try:
            found = try_here(visit.here(), visit.tenant, asked.request(), now=time.time(), arm=asked.arm)
        except RecsysError as error:
            problem = error
    return visit.page(
        "try.html",
        here="try",
        asked=asked,
        now=now,
        found=found,
        made=None,
        beside=None,
        problem=problem,
        slow=slow and asked.surface is not None,
        surfaces=now.surfaces if asked.surface in (None, *now.surfaces) else (*now.surfaces, asked.surface),
        segments=found.segments if found else (),
        arms=found.arms if found else (),
        who_asks=_who_asks(asked, found),
        reasons_in_words=reasons_in_words,
        most={"k": _MOST_K, "history": MAX_HISTORY, "anchors": MAX_ANCHORS},
    )


def _answered(visit: Visit, asked: _Asked) -> Page:
    """Rank at generations of the store, one alone or two beside each other."""
    wanted, now, tenant = asked.request(), time.time(), visit.tenant
    try:
        with noticed(opening=True):
            store = visit.store()
        with noticed(), in_turn(visit.office.places, "try") as cache:
            releases = visit.releases
            release = releases.current() if asked.at is None else releases.read(asked.at)
            found = try_at(store, release, wanted, cache=cache, now=now, arm=asked.arm)
            beside = None
            if asked.against is not None:
                comparing = Comparing(store, tenant, cache=cache)
                beside = comparing.request(wanted, release.generation, asked.against, now=now, arm=asked.arm)
            made = made_at(releases.history, release.generation)
    except StoreAway as away:
        return visit.fragment("away.part.html", away=away)
    return visit.fragment(
        "try.part.html",
        asked=asked,
        found=found,
        made=made,
        beside=beside,
        who_asks=_who_asks(asked, found),
        reasons_in_words=reasons_in_words,
    )


def _now(visit: Visit) -> _Now:
    here = visit.here()
    try:
        answering, snapshot = answering_here(here, visit.tenant), served_here(here, visit.tenant)
    except NotFound:
        return _Now()
    surfaces = () if snapshot is None else tuple(snapshot.surfaces())
    return _Now(rung=answering.rung, generation=answering.generation, surfaces=surfaces)


def _query(visit: Visit, form: Form) -> dict[str, object]:
    raw = form.get("user", "")
    if len(raw) > MAX_ID_LENGTH:
        raise Invalid("user id", f"{len(raw)} characters, and {MAX_ID_LENGTH} is the most")
    kept = form.get("who") if form.get("keep") else None
    who = visit.office.directory().tenant(visit.tenant).pseudonyms.of(raw) if raw else kept
    names = ("surface", "segment", "k", "arm", "at", "against")
    lists = {name: ",".join(_ids(form.get(name, ""))) for name in ("history", "anchors")}
    asked = {name: form.get(name) or None for name in names} | {name: ids or None for name, ids in lists.items()}
    return {**asked, "who": who}


def _ids(text: str) -> tuple[str, ...]:
    """Read item ids: one a line, or with commas between them."""
    named = (one.strip() for line in text.splitlines() for one in line.split(","))
    return tuple(dict.fromkeys(one for one in named if one))


def _who_asks(asked: _Asked, found: Tried | None) -> str:
    """Say who asks, with what the release knows of them."""
    if found is None:
        return ""
    request = asked.request()
    known = "profile" if found.by_profile else "request"
    if found.erased:
        return "nobody: this user was erased"
    if not found.history:
        return asked_by(request)
    user = replace(request.user, history=())
    who = asked_by(replace(request, user=user)).removesuffix(" without history")
    events = "1 event" if found.history == 1 else f"{found.history} events"
    return f"{who.replace('nobody known', 'somebody')}, {events} of history (from the {known})"
