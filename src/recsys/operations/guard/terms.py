"""How a candidate is guarded, and what one look found."""

from typing import Annotated, Literal

import msgspec

from recsys.operations.guard.tally import Standing
from recsys.operations.thresholds import THRESHOLDS
from recsys.releases import Change
from recsys.releases.guarded import GuardState

__all__ = ["Decided", "Look", "Terms"]

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How a candidate is guarded.

    ``every_s``, ``decide_every_s``: between two operational looks, and between two evaluations. ``silence_s``: nothing
    heard for so long is missing. ``margin``: the share of answers that may be bad beyond control's. ``slow_ms``: an
    answer that takes longer is slow.
    """

    every_s: Positive = 5.0
    decide_every_s: Positive = 300.0
    silence_s: Positive = 120.0
    margin: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.01
    slow_ms: Positive = THRESHOLDS.p99_degraded_ms
    reason: str = ""
    dry_run: bool = False


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest evaluation said, or why it said nothing (``rule`` is ``none`` then), and when it was asked."""

    at: str
    outcome: Literal["ship", "pass", "hold", "rollback", "abort", "gate_failed", "none"]
    rule: str
    why: str


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look. ``why`` says the state in a line. ``standings``: every check in every hour and day that is open, the
    likeliest harm first. ``missing``: what cannot be seen. ``changes``: the releases this look made, or would make.
    """

    at: str
    candidate: str
    surface: str
    generation: int
    share: float
    state: GuardState
    why: str
    standings: tuple[Standing, ...] = ()
    missing: tuple[str, ...] = ()
    decided: Decided | None = None
    changes: tuple[Change, ...] = ()
    lines: int = 0

    @property
    def over(self) -> bool:
        """Whether the candidate has ended, or would have."""
        return self.state in ("aborted", "promoted", "ended")
