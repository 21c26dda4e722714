"""How many units an experiment needs, before it begins."""

import math

import msgspec

from recsys.errors import UsageError

__all__ = ["Plan", "plan"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Units that each of two equal arms needs. ``days`` are for both arms together, where a pace was given.

    ``sequential``: for an interval that may be looked at every day; until then an effect of this size is mostly not
    seen, a larger one is seen earlier.
    """

    control: float
    candidate: float
    alpha: float
    power: float
    fixed: int
    sequential: int | None
    days_fixed: float | None = None
    days_sequential: float | None = None


def plan(
    rate: float, change: float, *, alpha: float = 0.05, power: float = 0.8, units_per_day: float | None = None
) -> Plan:
    """Plan an experiment on a share of units, such as those who buy.

    Parameters
    ----------
    rate
        The share of control's units, in 0..1.
    change
        The smallest relative change that matters: 0.1 is a tenth more.
    alpha, power
        Of a two-sided test.
    units_per_day
        New units of both arms together.

    Raises
    ------
    UsageError
        A share outside of 0..1, or no change.
    """
    from recsys.evaluation.statistics.power import units_for_shares, units_needed

    other = rate * (1 + change)
    for value, name in ((rate, "rate"), (other, "rate with the change")):
        if not (math.isfinite(value) and 0 < value < 1):
            raise UsageError(f"a {name} of {value:g}", next_step="shares lie between 0 and 1: 0.1 is a tenth")
    if change == 0:
        raise UsageError("a change of 0 needs endless units", next_step="say the smallest change that matters: 0.05")
    for value, name in ((alpha, "alpha"), (power, "power")):
        if not 0 < value < 1:
            raise UsageError(f"{name} is {value:g}", next_step="give a share between 0 and 1")
    fixed = units_for_shares(rate, other, alpha=alpha, power=power)
    error = math.sqrt(2 * (rate * (1 - rate) + other * (1 - other)))  # of one unit in both arms: half of it in each
    both = units_needed(1, error, abs(other - rate), alpha=alpha, power=power, inference="sequential")
    sequential = None if both is None else math.ceil(both / 2)
    return Plan(
        control=rate,
        candidate=other,
        alpha=alpha,
        power=power,
        fixed=fixed,
        sequential=sequential,
        days_fixed=2 * fixed / units_per_day if units_per_day else None,
        days_sequential=2 * sequential / units_per_day if units_per_day and sequential else None,
    )
