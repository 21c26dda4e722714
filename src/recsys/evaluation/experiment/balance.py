"""Did the arms get the shares of units they were meant to get: over all, by day of first assignment, by slice."""

from collections.abc import Iterable
from typing import Any

from recsys.encoding import rfc3339
from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine
from recsys.evaluation.experiment.results import RatioLine
from recsys.evaluation.experiment.trial import Trial
from recsys.evaluation.joining.judged import slice_columns
from recsys.evaluation.parts import Check
from recsys.evaluation.statistics.sample_ratio import sample_ratio
from recsys.evaluation.words import percent, times

__all__ = ["HOLDS_BELOW", "WARNS_BELOW", "balance_of", "check_balance", "check_crossovers", "check_days"]

HOLDS_BELOW = 0.001
WARNS_BELOW = 0.01
LEAST_DEVIATION = 0.01
"""A mismatch that is sure and smaller than this part of a share moves no decision: large experiments always find one.
"""
_BY_CHANCE = 1e-6
"""Of that many days and arms one is empty by chance."""
_DAY_S = 86_400


def balance_of(engine: Engine, config: Config, trial: Trial) -> tuple[RatioLine, ...]:
    """Test units per arm: over ``all``, which alone decides; by day and slice, where a mismatch began."""
    lines = [_line("all", trial.seen, trial)]
    days = engine.rows("SELECT first_us // 86400000000, arm, count(*) FROM arms GROUP BY ALL ORDER BY ALL")
    lines += [_line(f"day {rfc3339(day * _DAY_S)[:10]}", units, trial) for day, units in _by_first(days)]
    for number, (key, _) in enumerate(zip(config.slice_keys, slice_columns(config), strict=True), start=1):
        rows = engine.rows(
            "SELECT slice, arm, count(*) FROM unit_sums JOIN arms USING (unit) WHERE which = $number "
            "GROUP BY ALL ORDER BY ALL",
            number=number,
        )
        lines += [_line(f"{key} = {value}", units, trial) for value, units in _by_first(rows)]
    return tuple(lines)


def _by_first(rows: Iterable[tuple[object, ...]]) -> list[tuple[Any, dict[str, int]]]:
    found: dict[Any, dict[str, int]] = {}
    for first, arm, units in rows:
        found.setdefault(first, {})[str(arm)] = int(str(units))
    return list(found.items())


def _line(part: str, units: dict[str, int], trial: Trial) -> RatioLine:
    seen = sample_ratio(units, trial.meant)
    return RatioLine(
        part=part,
        units=units,
        p=seen.p,
        p_sequential=seen.p_sequential,
        deviation=min(seen.deviation, 1e9),
        method=seen.method,
    )


def check_balance(lines: tuple[RatioLine, ...], trial: Trial) -> Check:
    """Hold on a mismatch over all units that is sure (p < 0.001) and not tiny; say where it began."""
    whole = lines[0]
    unexpected = sorted(arm for arm in whole.units if arm not in trial.meant)
    holds = bool(unexpected) or (whole.p < HOLDS_BELOW and whole.deviation >= LEAST_DEVIATION)
    listed = ", ".join(f"{arm} {times(units, 'unit')}" for arm, units in sorted(whole.units.items()))
    if unexpected:
        said = f"{', '.join(unexpected)} got units and was to get none: {listed}"
    else:
        off = f"off by up to {percent(whole.deviation)}, p {whole.p:.2g}"
        said = f"{listed}: {off}"
        if holds:
            said += f"; first on {_began(lines)}: units are lost or sorted wrongly in one arm"
        elif whole.p < WARNS_BELOW:
            said += ": keep an eye on it"
    return Check(
        name="sample_ratio", state="hold" if holds else "ok", value=whole.p, threshold=HOLDS_BELOW, sentence=said
    )


def check_days(lines: tuple[RatioLine, ...], trial: Trial) -> Check:
    """Hold when an arm was given to nobody on a day on which others were, and chance cannot be why: arms that ran on
    different days differ by the days.
    """
    total = sum(trial.meant.values())
    missed: dict[str, list[str]] = {}
    for line in lines:
        units = sum(line.units.values())
        for arm, share in trial.meant.items() if line.part.startswith("day ") else ():
            if not line.units.get(arm) and (1 - share / total) ** units < _BY_CHANCE:
                missed.setdefault(arm, []).append(line.part.removeprefix("day "))
    said = "every arm was given on every day"
    if missed:
        arm, days = max(missed.items(), key=lambda each: (len(each[1]), each[0]))
        said = f"{arm} was given to nobody on {times(len(days), 'day')}, first on {days[0]}, when others were: "
        said += "arms of different days differ by the days"
    worst = float(max(map(len, missed.values()), default=0))
    return Check(name="same_days", state="hold" if missed else "ok", value=worst, threshold=0.0, sentence=said)


def _began(lines: tuple[RatioLine, ...]) -> str:
    """Name the first day, and the worst slice, that show the mismatch by themselves."""
    bad = [line for line in lines[1:] if line.p < WARNS_BELOW]
    day = next((line.part.removeprefix("day ") for line in bad if line.part.startswith("day ")), "no single day")
    slices = sorted((line for line in bad if not line.part.startswith("day ")), key=lambda line: line.p)
    return f"{day}, most in {slices[0].part}" if slices else day


def check_crossovers(trial: Trial, most: float) -> Check:
    """Hold when too many units were seen in several arms."""
    total = sum(trial.seen.values())
    share = trial.crossovers / total if total else 0.0
    said = f"{times(trial.crossovers, 'unit')} of {total:,} ({percent(share)}) were seen in several arms"
    said += f"; {percent(most)} may be"
    return Check(name="crossovers", state="hold" if share > most else "ok", value=share, threshold=most, sentence=said)
