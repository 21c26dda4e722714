"""What every form that changes something carries: why, and the name of the attempt."""

import uuid

from recsys.console.visit import Form
from recsys.errors import UsageError
from recsys.releases import Attempt
from recsys.releases.attempt import MAX_KEY
from recsys.serving.admin.asking import MAX_REASON

__all__ = ["attempt_in", "new_key", "reason_in"]


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
