"""What an evaluation of any mode finds, as frozen values.

They hold no time of making, no path and no id of a user: the same input gives the same bytes, anywhere.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from recsys.evaluation.statistics.ratios import Interval

__all__ = [
    "EXIT_CODES",
    "Check",
    "Data",
    "Day",
    "Decision",
    "Drop",
    "Interval",
    "Joins",
    "Measured",
    "Outcome",
    "Part",
    "RoleData",
    "Step",
]

Outcome = Literal["ship", "pass", "hold", "rollback", "abort", "gate_failed"]
EXIT_CODES: Mapping[Outcome, int] = {"ship": 0, "pass": 0, "hold": 2, "rollback": 3, "abort": 3, "gate_failed": 4}
"""What ``eval run`` exits with for each outcome of a decision; any error is 1."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Measured(Part, frozen=True, kw_only=True):
    """One mean: a metric over ``requests`` of ``units``, named by its denominator.

    ``interval`` is absent, with ``why_no_interval``, where none can be had. ``details`` holds what else a
    catalogue metric counted.
    """

    metric: str
    over: str
    value: float | None
    requests: int
    units: int
    interval: Interval | None = None
    why_no_interval: str = ""
    details: Mapping[str, float] = {}


class Joins(Part, frozen=True, kw_only=True):
    """Shares are absent where they would divide by nothing, or where the log cannot say."""

    exposures: int
    exposures_with_outcome: float | None
    outcomes: int | None
    outcomes_matched: float | None


class Day(Part, frozen=True, kw_only=True):
    day: str
    joins: Joins


class Drop(Part, frozen=True, kw_only=True):
    """Why matched or read outcomes did not count, and how many."""

    reason: str
    outcomes: int


class RoleData(Part, frozen=True, kw_only=True):
    role: str
    files: int
    rows: int


class Data(Part, frozen=True, kw_only=True):
    """What was judged. ``judged_on`` and ``split`` must be equal in two runs for a comparison to mean
    something.

    ``fingerprint`` covers every role's content; ``judged_on`` the exposures, the outcomes and how they are
    attributed; ``split`` the requests judged; ``candidates`` is ``shown`` when every list only re-orders what
    its request showed.
    """

    roles: tuple[RoleData, ...]
    window_start: str
    window_end: str
    fingerprint: str
    judged_on: str
    split: str
    candidates: Literal["shown", "open"]
    lists: Literal["logged", "reranked"]
    ranker: str | None
    requests: int
    units: int
    requests_without_unit: int
    requests_not_by_users: int
    requests_with_relevant: int
    duplicate_request_ids: int
    duplicate_outcomes: int


class Check(Part, frozen=True, kw_only=True):
    """One integrity check. ``unmeasured``: the data does not carry what it would need; it neither holds nor
    assures.
    """

    name: str
    state: Literal["ok", "hold", "unmeasured"]
    value: float | None
    threshold: float | None
    sentence: str


class Step(Part, frozen=True, kw_only=True):
    """One rule of the decision, in order: what it looked at, and whether it decided."""

    rule: str
    state: Literal["decided", "passed", "not_reached"]
    finding: str


class Decision(Part, frozen=True, kw_only=True):
    """What to do and why. ``rule`` decided; ``inputs`` and ``thresholds`` are what it looked at. ``freezes``: nothing
    more is to be shipped before somebody has looked.
    """

    outcome: Outcome
    rule: str
    what_happened: str
    how_sure: str
    what_to_do: str
    lever: str
    freezes: bool = False
    steps: tuple[Step, ...]
    inputs: Mapping[str, Any]
    thresholds: Mapping[str, Any]
