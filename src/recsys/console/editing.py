"""Editing a document: checked, previewed on sample requests, and only then saved, as a release."""

from collections.abc import Callable, Mapping
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.params import PathParameter, RawBody
from msgspec.structs import replace

from recsys.access import Right
from recsys.console.documents import MAX_EDITED_BYTES, Kind, current, kind_of
from recsys.console.mistakes import Spot, problem_of, spot_of
from recsys.console.orders import attempt_in, new_key, reason_in
from recsys.console.page import Page, at, render
from recsys.console.releases import previewed
from recsys.console.visit import Form, Visit, check_origin, ordered, read_form, session_of, to, visiting
from recsys.documents import canonical_config, canonical_rules, read_config, read_rules
from recsys.encoding import Invalid, digest
from recsys.errors import OutcomeUnknown, RecsysError, Refused
from recsys.operations.preview import Preview
from recsys.operations.store_away import StoreAway, noticed
from recsys.releases import Attempt, Change, Expect, Held, StaleHead
from recsys.serving.admin import Request, Tenant, aside, office_of
from recsys.serving.admin.watched import request_id_of
from recsys.serving.problems import Refusal, status_of

__all__ = ["edit", "show_editor"]

KindName = Annotated[str, PathParameter(description="Which document: `rules` or `config`.")]

_MOST_BODY_BYTES = 4 * MAX_EDITED_BYTES
"""A form writes most marks of JSON as three bytes."""
_CANONICAL: Mapping[Kind, Callable[[bytes], bytes]] = {"rules": canonical_rules, "config": canonical_config}
_READ: Mapping[Kind, Callable[[bytes], object]] = {"rules": read_rules, "config": read_config}


class _Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A text that somebody edits. ``expect``: what was in force when they began. ``key`` names the one attempt at
    saving that the form is.
    """

    kind: Kind
    text: str
    expect: str
    key: str
    reason: str = ""

    @property
    def digest(self) -> str:
        """Name the very text, to tell whether it is the one that was checked."""
        return digest(self.text.encode())

    @property
    def began_at(self) -> int:
        """Return the generation at which they began."""
        return Expect.parse(self.expect).generation

    def put(self, visit: Visit, *, dry_run: bool, attempt: Attempt | None = None) -> Change:
        """Put the document in force, or find out what that would do."""
        put = visit.releases.put_rules if self.kind == "rules" else visit.releases.put_config
        return put(self.text.encode(), expect=self.expect, reason=self.reason, dry_run=dry_run, attempt=attempt)


class _Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about a draft.

    ``mistake`` in the text: its ``problem``, at ``spot``; or ``refused``: why it cannot be saved as things are, and
    ``since``: what was changed since they began. ``nothing``: why saving would change nothing. ``preview``: what sample
    requests would show. ``tried``: it was found valid before, and saving it was tried.
    """

    mistake: RecsysError | None = None
    problem: str = ""
    spot: Spot | None = None
    refused: RecsysError | None = None
    since: tuple[str, ...] = ()
    nothing: str = ""
    preview: Preview | None = None
    tried: bool = False

    @property
    def why(self) -> str:
        """Name why it cannot be saved: ``held``, ``stale``, ``unknown`` whether it was, or for another reason."""
        named = {Held: "held", StaleHead: "stale", OutcomeUnknown: "unknown"}
        return next((name for kind, name in named.items() if isinstance(self.refused, kind)), "other")

    @property
    def may_save(self) -> bool:
        again = self.tried and self.why in ("unknown", "other")
        return self.mistake is None and not self.nothing and (self.refused is None or again)


@get("/t/{tenant:str}/documents/edit/{kind:str}")
@aside
def show_editor(request: Request, tenant: Tenant, kind: KindName) -> Page:
    """Show a document to edit."""
    visit = visiting(request, tenant, right=Right.CHANGE)
    document = current(visit, kind_of(kind))
    return _editor(visit, _Draft(kind=document.kind, text=document.text, expect=document.expect, key=new_key()))


@post("/t/{tenant:str}/documents/edit/{kind:str}", request_max_body_size=_MOST_BODY_BYTES)
@aside
def edit(request: Request, tenant: Tenant, kind: KindName, body: RawBody) -> Response[bytes]:
    """Check a text, or save one that was checked."""
    check_origin(request)
    try:
        visit, form = ordered(request, tenant, body)
    except Refusal as refusal:
        if refusal.status not in (401, 403):
            raise
        return _left_to_copy(request, tenant, kind_of(kind), read_form(body), refusal)
    draft, act = _draft(form, kind_of(kind)), form.get("act")
    saving = act == "save" and form.get("checked") == draft.digest
    try:
        with noticed(opening=True):
            if saving:
                return _saved(visit, draft, form)
            _check_length(draft)
            if act == "keep mine":  # they have seen what changed since, and mean their text all the same
                draft = replace(draft, expect=current(visit, draft.kind).expect)
            return _editor(visit, replace(draft, key=new_key()), _check(visit, draft), unread=act == "save")
    except (StoreAway, RecsysError) as failure:  # a page without the text would be the end of it: browsers keep none
        error = failure.error if isinstance(failure, StoreAway) else failure
        checked = _Checked(refused=error, since=_since(visit, draft, error), tried=saving)
        return _editor(visit, draft, checked, status=status_of(error))


def _draft(form: Form, kind: Kind) -> _Draft:
    expect = form.get("expect", "")
    Expect.parse(expect)
    return _Draft(
        kind=kind, text=form.get("text", ""), expect=expect, key=form.get("key", ""), reason=form.get("reason", "")
    )


def _check_length(draft: _Draft) -> None:
    if len(draft.text.encode()) > MAX_EDITED_BYTES:
        raise Invalid(
            f"{draft.kind} document",
            f"more than {MAX_EDITED_BYTES:,} bytes are not edited in a browser",
            suggestion=f"put it from a file: recsys {draft.kind} put FILE",
        )


def _check(visit: Visit, draft: _Draft) -> _Checked:
    """Find out what a draft would do, and write nothing."""
    try:
        data = _CANONICAL[draft.kind](draft.text.encode())
    except Invalid as error:
        spot = spot_of(draft.text, error, _READ[draft.kind])
        return _Checked(mistake=error, problem=problem_of(error) if spot else error.message, spot=spot)
    head = visit.releases.current()
    try:
        change = draft.put(visit, dry_run=True)
    except Refused as refusal:
        planned = replace(head, generation=head.generation + 1, **{draft.kind: digest(data)})
        preview = previewed(visit, head, planned, documents=(data,))
        return _Checked(refused=refusal, since=_since(visit, draft, refusal), preview=preview)
    if not change.changed:
        return _Checked(nothing=change.why)
    return _Checked(preview=previewed(visit, head, change.release, documents=change.documents))


def _saved(visit: Visit, draft: _Draft, form: Form) -> Response[bytes]:
    """Save a draft that was checked, and lead to the release it is."""
    draft = replace(draft, reason=reason_in(form))
    change = draft.put(visit, dry_run=False, attempt=attempt_in(form))
    if not change.changed:
        return _editor(visit, draft, _Checked(nothing=change.why))
    return to(at(visit.tenant, "releases", change.release.generation, pulled=True))


def _since(visit: Visit, draft: _Draft, error: RecsysError) -> tuple[str, ...]:
    """Say what was changed since they began to edit, where that is why they are refused."""
    if not isinstance(error, StaleHead):
        return ()
    try:
        return tuple(visit.releases.diff(draft.began_at, visit.releases.current().generation).lines())
    except RecsysError:
        return ()


def _left_to_copy(request: Request, tenant: str, kind: Kind, form: Form, refusal: Refusal) -> Page:
    """Show the text of who may not edit, or not any more: they sent it, and nothing else keeps it."""
    editor = at(tenant, "documents", "edit", kind)
    return render(
        "left_to_copy.html",
        status=refusal.status,
        problem=refusal.problem(request_id_of(request.scope, office_of(request))),
        session=session_of(request),
        kind=kind,
        text=form.get("text", ""),
        editor=editor,
        door=f"/console/sign-in?{urlencode({'to': editor})}",
    )


def _editor(
    visit: Visit, draft: _Draft, checked: _Checked | None = None, *, status: int = 200, unread: bool = False
) -> Page:
    """Show the text, what was found out about it, and whether it can be saved; ``unread``: it was changed after it had
    been checked, and was not saved for that.
    """
    return visit.page("edit.html", here="documents", status=status, draft=draft, checked=checked, unread=unread)
