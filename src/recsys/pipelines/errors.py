"""What can be wrong with a run: its input, its size, or the order of its steps."""

from recsys.errors import Failed, UsageError

__all__ = ["BadInput", "LimitExceeded", "StepMissing"]


class BadInput(UsageError):
    """The files, the mapping or the window do not make events. Nothing was published."""

    code = "BAD_INPUT"


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


class StepMissing(UsageError):
    """A step was asked for before the one it builds on."""

    code = "STEP_MISSING"

    def __init__(self, step: str, needs: str, *, where: str) -> None:
        super().__init__(
            f"{step} needs what {needs} makes, and {where} has none",
            next_step=f"run it first: recsys pipelines {needs}",
        )
