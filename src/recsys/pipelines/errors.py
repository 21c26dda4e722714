"""What can be wrong with a run: its input, its size, or the order of its steps."""

import msgspec

from recsys.errors import Failed, Refused, UsageError

__all__ = ["BadInput", "ChecksFailed", "Exceeded", "GateFailed", "LessThanLive", "LimitExceeded", "StepMissing"]


class Exceeded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stopped a run: the check or limit of that name saw a value on the wrong side of its threshold."""

    name: str
    seen: float
    limit: float
    said: str = ""


class BadInput(UsageError):
    """The files, the mapping or the window do not make events. Nothing was published."""

    code = "BAD_INPUT"


class LessThanLive(Refused):
    """The run made less than the surface serves now; shipping it would take the rest away. Nothing was shipped."""

    code = "LESS_THAN_LIVE"

    def __init__(self, surface: str, *, missing: tuple[str, ...], generation: int, notes: tuple[str, ...]) -> None:
        why = f" ({'; '.join(notes)})" if notes else ""
        super().__init__(
            f"{surface} serves {', '.join(missing)} since generation {generation}, and this run has none{why}",
            next_step="give the same catalogue, signals and segment as before; or, to serve without: "
            "--allow-less --reason WHY",
        )
        self.missing = missing


class ChecksFailed(Failed):
    """The events, or what was made of them, do not look as they have to. Nothing was shipped."""

    code = "CHECKS_FAILED"

    def __init__(self, what: str, stopped_by: tuple[Exceeded, ...]) -> None:
        super().__init__(
            f"the {what} failed their checks: {'; '.join(one.said for one in stopped_by)}",
            next_step="mend the source and run again; or, if it is all as it should be: --force --reason WHY",
        )
        self.stopped_by = stopped_by


class GateFailed(Refused):
    """On the requests of late the new artifacts do not keep to the gate. Nothing was shipped."""

    code = "GATE_FAILED"

    def __init__(self, surface: str, *, stopped_by: tuple[Exceeded, ...], requests: int, report: str) -> None:
        super().__init__(
            f"the gate of {surface} is not passed, on {requests} requests of late: "
            f"{'; '.join(one.said for one in stopped_by)}",
            next_step=f"its report is {report}; when the change is meant: --force --reason WHY",
        )
        self.stopped_by = stopped_by


class LimitExceeded(Failed):
    """A run grew past what it was allowed. Nothing was published."""

    code = "LIMIT_EXCEEDED"

    def __init__(self, which: str, *, seen: int, limit: int) -> None:
        super().__init__(
            f"limit exceeded: {which} {seen} > {limit}",
            next_step=f"shorten the window, or raise the limit if this is expected (limits.{which})",
        )
        self.which = which
        self.seen = seen
        self.limit = limit
        self.stopped_by = (Exceeded(name=which, seen=seen, limit=limit),)


class StepMissing(UsageError):
    """A step was asked for before the one it builds on."""

    code = "STEP_MISSING"

    def __init__(self, step: str, needs: str, *, where: str) -> None:
        super().__init__(
            f"{step} needs what {needs} makes, and {where} has none",
            next_step=f"run it first: recsys pipelines {needs}",
        )
