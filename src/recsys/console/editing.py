"""Editing a document: checked, previewed on sample requests, and only then saved, as a release."""

from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.params import PathParameter, RawBody
from msgspec.structs import replace

from recsys.access import Right
from recsys.console.documents import MAX_EDITED_BYTES, Kind, current, kind_of
from recsys.console.mistakes import Spot, problem_of, spot_of
from recsys.console.orders import attempt_in, new_key, reason_in
from recsys.console.page import Page, at
from recsys.console.releases import shown
from recsys.console.visit import Form, Visit, ordered, to, visiting
from recsys.documents import canonical_config, canonical_rules, read_config, read_rules
from recsys.encoding import Invalid, digest
from recsys.errors import OutcomeUnknown, RecsysError, Refused, UsageError
from recsys.operations.preview import Preview
from recsys.releases import Attempt, Change, Expect, Held, StaleHead
from recsys.serving.admin import Request, Tenant, aside
from recsys.serving.problems import status_of

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
    requests would show.
    """

    mistake: RecsysError | None = None
    problem: str = ""
    spot: Spot | None = None
    refused: RecsysError | None = None
    since: tuple[str, ...] = ()
    nothing: str = ""
    preview: Preview | None = None

    @property
    def why(self) -> str:
        """Name why it cannot be saved: ``held``, ``stale``, ``unknown`` whether it was, or for another reason."""
        named = {Held: "held", StaleHead: "stale", OutcomeUnknown: "unknown"}
        return next((name for kind, name in named.items() if isinstance(self.refused, kind)), "other")

    @property
    def may_save(self) -> bool:
        return self.mistake is None and not self.nothing and (self.refused is None or self.why in ("unknown", "other"))


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
    visit, form = ordered(request, tenant, body)
    draft, act = _draft(form, kind_of(kind)), form.get("act")
    if act == "save" and form.get("checked") == draft.digest:
        return _saved(visit, draft, form)
    if act == "keep mine":  # they have seen what changed since, and mean their text all the same
        draft = replace(draft, expect=current(visit, draft.kind).expect)
    return _editor(visit, replace(draft, key=new_key()), _check(visit, draft), unread=act == "save")


def _draft(form: Form, kind: Kind) -> _Draft:
    text, expect = form.get("text", ""), form.get("expect", "")
    if len(text.encode()) > MAX_EDITED_BYTES:
        raise Invalid(
            f"{kind} document",
            f"more than {MAX_EDITED_BYTES:,} bytes are not edited in a browser",
            suggestion=f"put it from a file: recsys {kind} put FILE",
        )
    Expect.parse(expect)
    return _Draft(kind=kind, text=text, expect=expect, key=form.get("key", ""), reason=form.get("reason", ""))


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
        preview = shown(visit, head, planned, documents=(data,))
        return _Checked(refused=refusal, since=_since(visit, draft, refusal), preview=preview)
    if not change.changed:
        return _Checked(nothing=change.why)
    return _Checked(preview=shown(visit, head, change.release, documents=change.documents))


def _saved(visit: Visit, draft: _Draft, form: Form) -> Response[bytes]:
    """Save a draft that was checked, and lead to the release it is."""
    try:
        draft = replace(draft, reason=reason_in(form))
        change = draft.put(visit, dry_run=False, attempt=attempt_in(form))
    except (Refused, OutcomeUnknown, UsageError) as error:
        checked = _Checked(refused=error, since=_since(visit, draft, error))
        return _editor(visit, draft, checked, status=status_of(error))
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


def _editor(
    visit: Visit, draft: _Draft, checked: _Checked | None = None, *, status: int = 200, unread: bool = False
) -> Page:
    """Show the text, what was found out about it, and whether it can be saved; ``unread``: it was changed after it had
    been checked, and was not saved for that.
    """
    return visit.page("edit.html", here="documents", status=status, draft=draft, checked=checked, unread=unread)
