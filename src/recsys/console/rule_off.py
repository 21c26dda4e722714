"""Switching one rule off: the smallest lever, smaller than rolling back all rules, and let through by a hold."""

from typing import Annotated

from litestar import Response, get, post
from litestar.params import QueryParameter, RawBody

from recsys.console.orders import attempt_in, new_key, reason_in
from recsys.console.page import Page, at
from recsys.console.releases import shown
from recsys.console.visit import Form, Visit, ordered, to, visiting
from recsys.documents import Rule, read_rules
from recsys.errors import NotFound, OutcomeUnknown, RecsysError
from recsys.operations.doctor import SYMPTOMS, Symptom
from recsys.releases import Release
from recsys.serving.admin import Request, Tenant, aside
from recsys.store.names import NAME_PATTERN

__all__ = ["ask_rule_off", "rule_off", "show_rule_off_lists"]

RuleId = Annotated[str, QueryParameter(min_length=1, max_length=256, description="The rule, by its id.")]
About = Annotated[Symptom | None, QueryParameter(description="What the doctor found.")]
OnSurface = Annotated[str | None, QueryParameter(pattern=NAME_PATTERN, description="Where it was found.")]


@get("/t/{tenant:str}/rule-off")
@aside
def ask_rule_off(
    request: Request, tenant: Tenant, *, rule: RuleId, symptom: About = None, surface: OnSurface = None
) -> Page:
    """See what a rule does, and what answers would be without it."""
    return _asked(visiting(request, tenant), rule, symptom=symptom, surface=surface)


@get("/t/{tenant:str}/rule-off/lists")
@aside
def show_rule_off_lists(request: Request, tenant: Tenant, *, rule: RuleId, surface: OnSurface = None) -> Page:
    """Show what requests of late would show without it; a part of the page before."""
    visit = visiting(request, tenant)
    head, change = visit.releases.current(), visit.releases.disable_rule(rule, dry_run=True)
    found = shown(visit, head, change.release, surface=surface, documents=change.documents)
    return visit.fragment("preview.part.html", preview=found)


@post("/t/{tenant:str}/rule-off")
@aside
def rule_off(request: Request, tenant: Tenant, body: RawBody) -> Response[bytes]:
    """Switch it off."""
    visit, form = ordered(request, tenant, body)
    rule, surface = form.get("rule", ""), form.get("surface") or None
    symptom = next((name for name in SYMPTOMS if name == form.get("symptom")), None)
    try:
        change = visit.releases.disable_rule(rule, reason=reason_in(form), attempt=attempt_in(form))
    except RecsysError as error:
        status = 504 if isinstance(error, OutcomeUnknown) else 409
        return _asked(visit, rule, symptom=symptom, surface=surface, form=form, problem=error, status=status)
    return to(at(tenant, "releases", change.release.generation, pulled=True, symptom=symptom, surface=surface))


def _asked(
    visit: Visit,
    rule_id: str,
    *,
    symptom: Symptom | None,
    surface: str | None,
    form: Form | None = None,
    problem: RecsysError | None = None,
    status: int = 200,
) -> Page:
    head = visit.releases.current()
    return visit.page(
        "rule_off.html",
        here="incident",
        status=status,
        rule=_rule(visit, head, rule_id),
        since=head.changed.get("rules"),
        symptom=symptom,
        surface=surface,
        problem=problem,
        reason="" if form is None else form.get("reason", ""),
        key=new_key() if form is None else form.get("key", ""),
    )


def _rule(visit: Visit, head: Release, rule_id: str) -> Rule:
    rules = read_rules(visit.store().blobs.read(visit.tenant, head.rules))
    for rule in rules:
        if rule.id == rule_id:
            return rule
    known = ", ".join(rule.id for rule in rules) or "none"
    raise NotFound(f"{visit.tenant} has no rule {rule_id}", next_step=f"its rules: {known}")
