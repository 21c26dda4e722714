"""What an evaluation finds, as frozen values: the parts of a report and, in :class:`Results`, their whole.

They hold no time of making, no path and no id of a user: the same input gives the same bytes, anywhere.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from recsys.evaluation.config import Config

__all__ = [
    "EXIT_CODES",
    "Check",
    "Comparison",
    "Data",
    "Day",
    "Decision",
    "Drop",
    "GateResult",
    "Interval",
    "Joins",
    "Measured",
    "OfflineResult",
    "Pairing",
    "Results",
    "RoleData",
    "Slice",
    "Step",
]

EXIT_CODES = {"pass": 0, "hold": 2, "gate_failed": 4}
"""What ``eval run`` exits with for each outcome of a decision; any error is 1."""

FORMAT = 1


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Interval(_Part, frozen=True, kw_only=True):
    low: float
    high: float


class Measured(_Part, frozen=True, kw_only=True):
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


class Joins(_Part, frozen=True, kw_only=True):
    """Shares are absent where they would divide by nothing, or where the log cannot say."""

    exposures: int
    exposures_with_outcome: float | None
    outcomes: int | None
    outcomes_matched: float | None


class Day(_Part, frozen=True, kw_only=True):
    day: str
    joins: Joins


class Slice(_Part, frozen=True, kw_only=True):
    key: str
    value: str
    joins: Joins
    metrics: tuple[Measured, ...]


class Drop(_Part, frozen=True, kw_only=True):
    """Why matched or read outcomes did not count, and how many."""

    reason: str
    outcomes: int


class RoleData(_Part, frozen=True, kw_only=True):
    role: str
    files: int
    rows: int


class Data(_Part, frozen=True, kw_only=True):
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


class Check(_Part, frozen=True, kw_only=True):
    """One integrity check. ``unmeasured``: the data does not carry what it would need; it neither holds nor
    assures.
    """

    name: str
    state: Literal["ok", "hold", "unmeasured"]
    value: float | None
    threshold: float | None
    sentence: str


class Comparison(_Part, frozen=True, kw_only=True):
    """Candidate against baseline on the same requests: ``drop`` is baseline minus candidate, paired by
    request.
    """

    baseline: float
    drop: float
    interval: Interval | None

    @property
    def change(self) -> float:
        """Return candidate minus baseline, as people read it."""
        return 0.0 - self.drop

    @property
    def change_interval(self) -> Interval | None:
        found = self.interval
        return None if found is None else Interval(low=0.0 - found.high, high=0.0 - found.low)


class GateResult(_Part, frozen=True, kw_only=True):
    """``unclear``: the interval holds both good and bad; more requests are needed. ``not_judged``: no
    baseline.
    """

    metric: str
    over: str
    state: Literal["pass", "fail", "unclear", "not_judged"]
    value: float
    interval: Interval | None
    max_drop: float | None
    min_value: float | None
    comparison: Comparison | None
    sentence: str


class Pairing(_Part, frozen=True, kw_only=True):
    """Per metric, each unit's sum of values as whole numbers of 1/scale, for the units where it is not 0.

    ``positions`` count units in the order of their hashes, from 0; neither is kept. A run on the same
    requests can subtract these from its own, unit by unit: that is the paired comparison.
    """

    units: int
    scale: Mapping[str, int]
    positions: Mapping[str, tuple[int, ...]]
    sums: Mapping[str, tuple[int, ...]]


class OfflineResult(_Part, frozen=True, kw_only=True):
    metrics: tuple[Measured, ...]
    slices: tuple[Slice, ...]
    gates: tuple[GateResult, ...]
    pairing: Pairing


class Step(_Part, frozen=True, kw_only=True):
    """One rule of the decision, in order: what it looked at, and whether it decided."""

    rule: str
    state: Literal["decided", "passed", "not_reached"]
    finding: str


class Decision(_Part, frozen=True, kw_only=True):
    """What to do and why. ``rule`` decided; ``inputs`` and ``thresholds`` are what it looked at."""

    outcome: Literal["pass", "hold", "gate_failed"]
    rule: str
    what_happened: str
    how_sure: str
    what_to_do: str
    lever: str
    steps: tuple[Step, ...]
    inputs: Mapping[str, Any]
    thresholds: Mapping[str, Any]


class Results(_Part, frozen=True, kw_only=True):
    """All that one evaluation found: what a report holds, before anything is written for people."""

    mode: Literal["offline"]
    decision: Decision
    data: Data
    joins: Joins
    days: tuple[Day, ...]
    drops: tuple[Drop, ...]
    integrity: tuple[Check, ...]
    offline: OfflineResult
    config: Config
    baseline: str | None
    """Digest of the baseline report's bytes."""
    versions: Mapping[str, str]
    format: int = FORMAT

    @property
    def exit_code(self) -> int:
        """Return what ``eval run`` exits with."""
        return EXIT_CODES[self.decision.outcome]
