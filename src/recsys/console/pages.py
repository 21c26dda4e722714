"""Every page of the console, below one path."""

from litestar import Response, Router, get

from recsys.console.asked_why import ask_why, show_why
from recsys.console.candidates import change_candidate, show_candidates
from recsys.console.documents import show_config, show_rules
from recsys.console.editing import edit, show_editor
from recsys.console.evaluation import show_evaluation, show_logs, show_report, show_report_page, show_reports
from recsys.console.files import show_file
from recsys.console.health import show_health, show_health_now
from recsys.console.holds import change_hold, show_holds
from recsys.console.incident import show_findings, show_incident
from recsys.console.page import at
from recsys.console.pipelines import show_pipelines, show_run, show_runs
from recsys.console.refusals import HANDLERS
from recsys.console.releases import compare, show_lists, show_proof, show_release, show_releases, show_served
from recsys.console.rollback import ask_rollback, roll_back, show_rollback_lists
from recsys.console.signing_in import show_sign_in, sign_in, sign_out
from recsys.console.surface import show_answered, show_surface
from recsys.console.switching import ask_switch, show_switch_lists, switch
from recsys.console.trying import ask, show_try
from recsys.console.undo import ask_undo, undo
from recsys.console.visit import session_of, to
from recsys.serving.admin import Request, aside

__all__ = ["PAGES"]


@get(["/", "/t"])
@aside
def enter(request: Request) -> Response[bytes]:
    """Go to the first page of who is signed in, or to the door."""
    session = session_of(request)
    if session is None or not session.tenants:
        return to("/console/sign-in")
    return to(at(session.tenants[0], "health"))


PAGES = Router(
    path="/console",
    route_handlers=[
        enter,
        show_file,
        show_sign_in,
        sign_in,
        sign_out,
        show_health,
        show_health_now,
        show_surface,
        show_answered,
        show_incident,
        show_findings,
        show_releases,
        show_release,
        show_try,
        ask,
        show_why,
        ask_why,
        show_rules,
        show_config,
        show_editor,
        edit,
        ask_switch,
        show_switch_lists,
        switch,
        show_served,
        show_proof,
        compare,
        show_lists,
        ask_rollback,
        show_rollback_lists,
        roll_back,
        ask_undo,
        undo,
        show_holds,
        change_hold,
        show_candidates,
        change_candidate,
        show_evaluation,
        show_logs,
        show_reports,
        show_report,
        show_report_page,
        show_pipelines,
        show_runs,
        show_run,
    ],
    exception_handlers=HANDLERS,
)
