"""Errors as the outside sees them: problem details (RFC 9457) with a code and the request's id."""

import msgspec

from recsys.errors import NotFound, OutcomeUnknown, RecsysError, Refused, UsageError

__all__ = ["TITLES", "Problem", "Refusal", "codes_by_status", "problem_of", "status_of"]

_STATUS_BY_CODE = {
    "HELD": 423,
    "BAD_JSON": 400,
    "STORE_UNAVAILABLE": 503,
    "STORE_DENIED": 503,
    "PSEUDONYM_KEY_MISSING": 503,
}
_STATUS_BY_KIND: tuple[tuple[type[RecsysError], int], ...] = (
    (NotFound, 404),
    (UsageError, 422),
    (Refused, 409),
    (OutcomeUnknown, 504),
    (RecsysError, 500),
)
_TOLD = frozenset(("errors", "encoding", "store", "access", "catalog", "documents", "releases", "snapshot"))
"""The rooms whose errors reach a client; what another part has imported is none of theirs."""
TITLES = {
    400: "malformed request",
    401: "who are you?",
    403: "not yours",
    404: "not there",
    405: "not that way",
    408: "too slow",
    409: "someone was first",
    413: "too large",
    415: "not JSON",
    422: "means nothing here",
    423: "held",
    429: "too many",
    500: "our mistake",
    503: "not now",
    504: "outcome unknown",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every error. ``next_step`` says what the caller can do."""

    type: str = "about:blank"
    title: str = ""
    status: int = 500
    code: str = ""
    detail: str = ""
    next_step: str = ""
    request_id: str = ""
    attempt: str = ""


class Refusal(Exception):
    """A request that is answered with a problem."""

    def __init__(
        self, status: int, code: str, detail: str, *, next_step: str = "", retry_after_s: int = 0, allow: str = ""
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.next_step = next_step
        self.retry_after_s = retry_after_s
        self.allow = allow

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Return what goes with it: when to come back, which methods are taken."""
        headers = [("retry-after", str(self.retry_after_s))] if self.retry_after_s else []
        return [*headers, ("allow", self.allow)] if self.allow else headers

    def problem(self, request_id: str) -> Problem:
        """Return the body."""
        return Problem(
            type=f"urn:recsys:problem:{self.code.lower()}",
            title=TITLES.get(self.status, ""),
            status=self.status,
            code=self.code,
            detail=self.detail,
            next_step=self.next_step,
            request_id=request_id,
        )


def status_of(error: RecsysError) -> int:
    """Return the HTTP status of an error, by its code or else its kind."""
    return _status_of_kind(type(error))


def codes_by_status() -> dict[int, tuple[str, ...]]:
    """Return the codes of the errors a request can meet, by the status they are answered with."""
    import recsys.store.postgres  # noqa: F401 - no other room imports it before it is needed

    found: dict[int, set[str]] = {}
    kinds = [RecsysError]
    while kinds:
        kind = kinds.pop()
        if kind.__module__.split(".")[1] in _TOLD:
            found.setdefault(_status_of_kind(kind), set()).add(kind.code)
        kinds += kind.__subclasses__()
    return {status: tuple(sorted(codes)) for status, codes in sorted(found.items())}


def _status_of_kind(kind: type[RecsysError]) -> int:
    if kind.code in _STATUS_BY_CODE:
        return _STATUS_BY_CODE[kind.code]
    return next(status for known, status in _STATUS_BY_KIND if issubclass(kind, known))


def problem_of(error: RecsysError, request_id: str) -> Problem:
    """Return an error as the body of its answer."""
    refusal = Refusal(status_of(error), error.code, error.message, next_step=error.next_step)
    attempt = error.attempt if isinstance(error, OutcomeUnknown) else ""
    return msgspec.structs.replace(refusal.problem(request_id), attempt=attempt)
