"""Compares a run with an earlier one, request by request, and judges the gates.

The earlier report carries, for each metric, the sums of its per-request values by unit, in the order of the
units' ids. On the same requests with the same outcomes the units are the same, so subtracting sums is
subtracting requests, and the sums are all that an interval clustered by unit needs.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine, sql_text
from recsys.evaluation.errors import NotComparable, NotInData
from recsys.evaluation.measuring.measures import VIEWED, Mean, means_of
from recsys.evaluation.offline.config import Gate
from recsys.evaluation.offline.results import Comparison, GateResult, OfflineResult, Pairing
from recsys.evaluation.parts import Data, Interval, Measured
from recsys.evaluation.statistics.ratios import Moments, ratio, ratio_interval
from recsys.evaluation.words import decimals, exact, fixed, percent, span, value_and_span

__all__ = ["Units", "check_comparable", "judge_gates", "units_of"]

Sums = npt.NDArray[np.int64]

State = Literal["pass", "not_judged", "unclear", "fail"]

_WORST_LAST: tuple[State, ...] = ("pass", "not_judged", "unclear", "fail")


class Units:
    """Each unit's sums in this run: requests (served and viewed), and values by metric."""

    def __init__(self, served: Sums, viewed: Sums, values: dict[str, Sums], scale: dict[str, int]) -> None:
        self.served = served
        self.viewed = viewed
        self.values = values
        self.scale = scale

    def pairing(self) -> Pairing:
        """Return what a later run needs to pair itself with this one."""
        return Pairing(
            units=len(self.served),
            scale=self.scale,
            positions={label: tuple(np.flatnonzero(sums).tolist()) for label, sums in self.values.items()},
            sums={label: tuple(sums[sums != 0].tolist()) for label, sums in self.values.items()},
        )


def units_of(engine: Engine, config: Config) -> Units:
    """Read every unit's sums over the judged requests."""
    by_label: dict[str, Mean] = {mean.metric.label: mean for mean in means_of(config)}
    columns = sorted({mean.column for mean in by_label.values()})
    values = ", ".join(columns)
    found = engine.run(sql_text("paired", {"values": values or "0 AS nothing"})).fetchnumpy()
    return Units(
        np.asarray(found["served"], dtype=np.int64),
        np.asarray(found["viewed"], dtype=np.int64),
        {label: np.asarray(found[mean.column], dtype=np.int64) for label, mean in by_label.items()},
        {label: mean.metric.scale for label, mean in by_label.items()},
    )


def check_comparable(data: Data, baseline: Data) -> None:
    """Refuse a baseline that measured something else; says everything that differs.

    Raises
    ------
    NotComparable
        Unless exposures, outcomes, attribution, judged requests, kind of lists and candidate set are the
        same.
    """
    reasons = {
        "judged_on": "other exposures, outcomes, attribution or relevance (fingerprint `judged_on`)",
        "split": "other requests were judged (`split`)",
        "lists": f"one judged {baseline.lists} lists, the other {data.lists}",
        "candidates": f"one chose from {baseline.candidates} candidates, the other from {data.candidates}",
        "units": "another number of units",
    }
    differences = tuple(why for name, why in reasons.items() if getattr(data, name) != getattr(baseline, name))
    if differences:
        raise NotComparable(differences)


def judge_gates(
    config: Config, metrics: tuple[Measured, ...], units: Units, baseline: OfflineResult | None
) -> tuple[GateResult, ...]:
    """Judge every gate, in the config's order."""
    primary = {mean.metric.label: mean for mean in reversed(means_of(config))}
    found = []
    for gate in config.offline.gates if config.offline else ():
        mean = primary[gate.metric]
        measured = next(m for m in metrics if (m.metric, m.over) == (gate.metric, mean.over))
        comparison = _compare(gate, mean, units, baseline, config) if baseline else None
        found.append(_judge(gate, measured, comparison, confidence=config.confidence))
    return tuple(found)


def _compare(gate: Gate, mean: Mean, units: Units, baseline: OfflineResult, config: Config) -> Comparison:
    label = gate.metric
    before = baseline.pairing
    if label not in before.sums or before.scale[label] != units.scale[label]:
        raise NotInData("gate", label, reason="the baseline report has no such metric", known=tuple(before.sums))
    sums = np.zeros(len(units.served), dtype=np.int64)
    sums[list(before.positions[label])] = before.sums[label]
    served = units.viewed if mean.over == VIEWED else units.served
    drop = _moments(sums - units.values[label], served, units.scale[label])
    interval, _ = ratio_interval(drop, confidence=config.confidence)
    value = ratio(_moments(sums, served, units.scale[label]))
    return Comparison(baseline=value or 0.0, drop=ratio(drop) or 0.0, interval=interval)


def _moments(sums: Sums, requests: Sums, scale: int) -> Moments:
    """Add up in Python's whole numbers: squares of sums do not fit 64 bits."""
    y, n = [int(value) for value in sums], [int(value) for value in requests]
    return Moments(
        units=sum(1 for each in n if each),
        n=sum(n),
        nn=sum(each * each for each in n),
        y=sum(y),
        yy=sum(each * each for each in y),
        yn=sum(a * b for a, b in zip(y, n, strict=True)),
        scale=scale,
    )


def _judge(gate: Gate, measured: Measured, comparison: Comparison | None, *, confidence: float) -> GateResult:
    margin = gate.max_drop
    if margin is not None and gate.relative and comparison:
        margin *= comparison.baseline
    judged: list[tuple[State, str]] = []
    if gate.max_drop is not None:
        judged.append(_judge_drop(gate, measured, comparison, margin or 0.0, confidence))
    if gate.min_value is not None:
        judged.append(_judge_value(gate, measured, gate.min_value, confidence))
    state = max((state for state, _ in judged), key=_WORST_LAST.index)
    return GateResult(
        metric=gate.metric,
        over=measured.over,
        state=state,
        value=measured.value or 0.0,
        interval=measured.interval,
        max_drop=None if comparison is None and gate.relative else margin,
        min_value=gate.min_value,
        comparison=comparison,
        sentence="; ".join(sentence for _, sentence in judged),
    )


def _judge_drop(
    gate: Gate, measured: Measured, comparison: Comparison | None, margin: float, confidence: float
) -> tuple[State, str]:
    if comparison is None:
        return "not_judged", f"{gate.metric} has no baseline to drop from"
    interval, drop = comparison.interval, comparison.drop
    moved = f"{gate.metric} {_moved(comparison, measured.value or 0.0, confidence)}"
    most = exact(margin)
    if gate.relative:
        most = f"{fixed(margin, decimals(margin))} ({percent(gate.max_drop)} of the baseline)"
    allowed = f"a drop of at most {most} is allowed"
    sure = f"{moved}; {allowed}"
    if interval is None:
        return "unclear", sure
    if interval.low > margin:
        return "fail", f"{sure}: it fell too far"
    if interval.high <= margin:
        return "pass", sure
    return "unclear", f"{sure}: not settled{_more(interval, drop, margin)}"


def _moved(comparison: Comparison, value: float, confidence: float) -> str:
    """Say how a metric went from the baseline to this run, with the decimals its change needs."""
    before, by = comparison.baseline, comparison.change_interval
    places = decimals(before, value, width=by.high - by.low if by else 0.0)
    way = "rose" if comparison.change > 0 else "fell"
    moved = f"{way} from {fixed(before, places)} to {fixed(value, places)}"
    if comparison.change == 0:
        moved = f"stayed at {fixed(value, places)}"
    if by is None:
        return f"{moved}, with too few users for an interval"
    # A small change of a large figure has decimals of its own, or it would read as none.
    change = span(by, places=max(places, decimals(by.low, by.high) - 1), sign=True)
    return f"{moved} ({percent(confidence)} interval of the change {change})"


def _judge_value(gate: Gate, measured: Measured, least: float, confidence: float) -> tuple[State, str]:
    value, within = value_and_span(measured.value, measured.interval)
    demanded = f"at least {exact(least)} is demanded"
    if measured.interval is None:
        return "unclear", f"{gate.metric} is {value}, with too few users for an interval; {demanded}"
    sure = f"{gate.metric} is {value} ({percent(confidence)} interval {within}); {demanded}"
    if measured.interval.high < least:
        return "fail", f"{sure}: it is too low"
    if measured.interval.low >= least:
        return "pass", sure
    return "unclear", f"{sure}: not settled"


def _more(interval: Interval, drop: float, margin: float) -> str:
    """Say how much more data would settle it, if the drop stays as it is: widths shrink with the root of
    it.
    """
    if drop >= margin:
        return ""
    factor = ((interval.high - drop) / (margin - drop)) ** 2
    return f", about {factor:.1f} times as many users would settle it" if factor < 1000 else ""
