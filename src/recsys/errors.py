"""The five kinds of error everything else derives from.

Each part has its own family below these. The command line and HTTP map the *kinds*, in one table each, so a part
never knows an exit code or a status code.
"""

__all__ = ["Failed", "NotFound", "OutcomeUnknown", "RecsysError", "Refused", "UsageError"]


class RecsysError(Exception):
    """An error that says what happened, where, and what to do next.

    Parameters
    ----------
    message
        What and where, with the facts: one line, no secret.
    next_step
        What the reader can do about it: one line, a command where there is one.
    """

    code = "FAILED"

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}. {self.next_step}" if self.next_step else self.message


class Failed(RecsysError):
    """Something outside the caller's words went wrong (exit 1)."""


class UsageError(RecsysError):
    """The caller's words mean nothing here: an unknown name, a bad value, a bad file (exit 2)."""

    code = "INVALID"


class NotFound(UsageError):
    """What was named does not exist (exit 2)."""

    code = "NOT_FOUND"


class Refused(RecsysError):
    """Understood, possible, and not allowed now: held, raced, gated, precondition (exit 3)."""

    code = "REFUSED"


class OutcomeUnknown(RecsysError):
    """The write may or may not have happened; ``attempt`` resumes it (exit 5)."""

    code = "OUTCOME_UNKNOWN"

    def __init__(self, message: str, *, attempt: str, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step or f"resume it with --attempt {attempt}")
        self.attempt = attempt
