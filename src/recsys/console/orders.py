"""What every order has in common: its form says why and names the attempt; it ends with what was made, with nothing to
do, or with the same order once more.
"""

import uuid
from collections.abc import Callable

from litestar import Response

from recsys.console.page import Page, at
from recsys.console.visit import Form, Visit, to
from recsys.errors import OutcomeUnknown, RecsysError, Refused, UsageError
from recsys.releases import Attempt, Change
from recsys.releases.attempt import MAX_KEY
from recsys.serving.admin.asking import MAX_REASON
from recsys.serving.admin.watched import request_id_of
from recsys.serving.problems import problem_of, status_of
from recsys.store import Denied, Unavailable

__all__ = ["NothingChanged", "attempt_in", "carried_out", "new_key", "reason_in"]


class NothingChanged(Refused):
    """What was ordered is so already."""

    code = "NOTHING_CHANGED"


def carried_out(
    visit: Visit,
    form: Form,
    pull: Callable[[], Change],
    refused: Callable[[RecsysError], Page],
    **query: object,
) -> Response[bytes]:
    """Carry an order out, and lead to the release that it made, with ``query`` in the address.

    Parameters
    ----------
    pull
        Makes the change.
    refused
        Shows the form again, with why it was refused: what was ordered is so already, too.
    """
    try:
        change = pull()
        if not change.changed:  # the newest release is somebody else's
            raise NothingChanged(f"nothing was changed: {change.why}")
        return to(at(visit.tenant, "releases", change.release.generation, pulled=True, **query))
    except (Refused, UsageError) as error:
        return refused(error)
    except RecsysError as error:
        return _once_more(visit, form, error)


def _once_more(visit: Visit, form: Form, error: RecsysError) -> Page:
    """Offer an order again that could not be finished. It is the same attempt: what was made is not made twice."""
    kept = {name: value for name, value in form.items() if name != "form_token"}
    request_id = request_id_of(visit.request.scope, visit.office)
    return visit.page(
        "once_more.html",
        here="releases",
        status=status_of(error),
        problem=problem_of(error, request_id),
        kept=kept,
        unknown=isinstance(error, OutcomeUnknown),
        away=isinstance(error, Unavailable | Denied),
        tenant=visit.tenant,
        sent=False,
    )


def attempt_in(form: Form) -> Attempt:
    """Return the attempt that a form names; raises :class:`~recsys.errors.UsageError` where it names none."""
    key = form.get("key", "")
    if not 0 < len(key) <= MAX_KEY:
        raise UsageError("this form names no attempt", next_step="reload the page and try again")
    return Attempt.of_key(key)


def new_key() -> str:
    """Name an attempt before it is made: a form that is sent twice makes one release."""
    return f"console-{uuid.uuid4()}"


def reason_in(form: Form) -> str:
    """Return why, as it was written; raises :class:`~recsys.errors.UsageError` when it is missing or too long."""
    reason = form.get("reason", "")
    if not reason:
        raise UsageError("say why", next_step="the reason stands in the log for whoever asks later")
    if len(reason) > MAX_REASON:
        raise UsageError(f"the reason has {len(reason):,} characters, at most {MAX_REASON:,} are taken")
    return reason
