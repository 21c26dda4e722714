"""What a call can end in besides an answer. No error holds the credentials, nor one that does."""

import recsys.errors
from recsys.client.answers import Problem

__all__ = ["Refused", "ServiceUnavailable"]


class ServiceUnavailable(recsys.errors.Failed):
    """The service could not be had in the time there was.

    Parameters
    ----------
    where
        The service's address.
    why
        What became of the last try.
    tries
        How many there were.
    status
        What the last try was answered with; 0 when nothing came back.
    problem
        What the service said of it, where it said anything.
    """

    code = "SERVICE_UNAVAILABLE"

    def __init__(self, where: str, why: str, *, tries: int, status: int = 0, problem: Problem | None = None) -> None:
        problem = problem or Problem()
        told = "1 try" if tries == 1 else f"{tries} tries"
        super().__init__(
            f"the service at {where} could not be had ({told}): {why}",
            next_step=problem.next_step or f"see what {where}/readyz says, and its `recsys doctor`",
        )
        self.why, self.tries, self.status, self.problem = why, tries, status, problem
        self.request_id = problem.request_id


class Refused(recsys.errors.Refused):
    """The service understood and said no: the request or the credentials must change, so it was not tried again.

    ``code``, ``status`` and ``request_id`` are the service's.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code} ({problem.status}): {problem.detail}", next_step=problem.next_step)
        self.problem = problem
        self.code, self.status, self.request_id = problem.code, problem.status, problem.request_id
