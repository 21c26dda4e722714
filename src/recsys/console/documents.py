"""The two documents of a tenant, as they are in force: the rules as a table, the config key by key."""

import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec
from litestar import get
from litestar.params import QueryParameter

from recsys.console.page import Page
from recsys.console.rulebook import RuleRow, rule_rows
from recsys.console.visit import Visit, visiting
from recsys.documents import Rules, read_rules
from recsys.encoding import Invalid, canonical
from recsys.errors import NotFound
from recsys.operations.provenance import Made, made_at
from recsys.operations.store_away import StoreAway, noticed
from recsys.operations.trying import served_here
from recsys.releases import Hold
from recsys.serving.admin import Request, Tenant, aside
from recsys.serving.problems import Refusal
from recsys.snapshot import Snapshot

__all__ = ["MAX_EDITED_BYTES", "Current", "Kind", "current", "kind_of", "show_config", "show_rules", "snapshot_here"]

Kind = Literal["rules", "config"]

MAX_EDITED_BYTES = 1_000_000
"""A longer document is no text to edit in a browser: the command line takes it from a file."""
_MOST_ROWS = 200
"""Rules in the table at once: more is a page that nobody reads and a browser is slow with."""

Find = Annotated[str, QueryParameter(max_length=200, description="Only rules in which this stands.")]


class Current(msgspec.Struct, frozen=True, kw_only=True):
    """A document in force. ``text`` is its JSON, indented; ``expect`` names what was read, to whoever changes it.

    ``since``: who put it in force. ``holds`` cover it: they refuse changes that their surface would feel.
    ``away``: why the store cannot be read; then this is what this host serves, and cannot be changed.
    """

    kind: Kind
    generation: int
    digest: str
    text: str
    since: Made | None
    holds: tuple[Hold, ...]
    away: str = ""

    @property
    def expect(self) -> str:
        return f"{self.generation}:{self.digest}"

    @property
    def editable(self) -> bool:
        return not self.away and len(self.text.encode()) <= MAX_EDITED_BYTES


class Setting(msgspec.Struct, frozen=True):
    """One key that a config sets, with the surface that it holds for, empty for every one, and its value as JSON."""

    surface: str
    key: str
    value: str


def kind_of(text: str) -> Kind:
    """Return which document an address names."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    for kind in kinds:
        if text == kind:
            return kind
    raise Refusal(404, "NO_ROUTE", f"there is no document {text[:40]}", next_step="there are rules and config")


@get("/t/{tenant:str}/documents")
@aside
def show_rules(request: Request, tenant: Tenant, find: Find = "") -> Page:
    """Show the rules: what each does, to which items, and whether it does now."""
    visit = visiting(request, tenant)
    snapshot = snapshot_here(visit)
    document = current(visit, "rules", snapshot)
    rows, problem = _rows(document, snapshot)
    wanted = [row for row in rows if find.lower() in _words_of(row)]
    return visit.page(
        "rules.html",
        here="documents",
        document=document,
        rows=wanted[:_MOST_ROWS],
        found=len(wanted),
        rules=len(rows),
        in_force=sum(row.state == "in force" for row in rows),
        find=find,
        problem=problem,
    )


@get("/t/{tenant:str}/documents/config")
@aside
def show_config(request: Request, tenant: Tenant) -> Page:
    """Show what the config sets, for every surface and for each."""
    visit = visiting(request, tenant)
    document = current(visit, "config", snapshot_here(visit))
    return visit.page(
        "config.html",
        here="documents",
        document=document,
        settings=list(_settings(msgspec.json.decode(document.text))),
    )


def current(visit: Visit, kind: Kind, snapshot: Snapshot | None = None) -> Current:
    """Return a document in force. With the store away it is what this host serves, in ``snapshot``.

    Raises
    ------
    StoreAway
        The store does not answer, and this host serves nothing.
    """
    try:
        with noticed(opening=True):
            store = visit.store()
        with noticed():
            head = visit.releases.current()
            digest = head.rules if kind == "rules" else head.config
            return Current(
                kind=kind,
                generation=head.generation,
                digest=digest,
                text=_indented(store.blobs.read(visit.tenant, digest)),
                since=made_at(visit.releases.history, head.changed.get(kind, 1)),
                holds=tuple(hold for hold in head.holds if kind in hold.levers),
            )
    except StoreAway as away:
        if snapshot is None:
            raise away.error from None
        return Current(
            kind=kind,
            generation=snapshot.generation,
            digest=snapshot.rules_version if kind == "rules" else snapshot.config_version,
            text=_indented(canonical(snapshot.rules if kind == "rules" else snapshot.config)),
            since=None,
            holds=(),
            away=away.problem,
        )


def snapshot_here(visit: Visit) -> Snapshot | None:
    """Return what this host serves the tenant; ``None`` for nothing."""
    try:
        return served_here(visit.here(), visit.tenant)
    except NotFound:
        return None


def _indented(data: bytes) -> str:
    return msgspec.json.format(data, indent=2).decode()


def _rows(document: Current, snapshot: Snapshot | None) -> tuple[tuple[RuleRow, ...], str]:
    """Return a row for each rule, or why they cannot be read here: another version may have written them."""
    try:
        rules: Rules = read_rules(document.text.encode())
    except Invalid as error:
        return (), error.message
    return rule_rows(rules, snapshot, now=time.time()), ""


def _words_of(row: RuleRow) -> str:
    items = " ".join(f"{item} {title}" for item, title in row.matches)
    return f"{row.rule.id} {row.does} {row.what} {row.where} {row.state} {items} {' '.join(row.rule.item_ids)}".lower()


def _settings(config: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield every key that is set, those of every surface first."""
    for key, value in _leaves({name: value for name, value in config.items() if name != "surfaces"}):
        yield Setting("", key, value)
    for surface, own in sorted(config.get("surfaces", {}).items()):
        for key, value in _leaves(own):
            yield Setting(surface, key, value)


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and (value or not at):
        for name, inner in sorted(value.items()):
            yield from _leaves(inner, f"{at}.{name}" if at else name)
    else:
        yield at, msgspec.json.encode(value).decode()
