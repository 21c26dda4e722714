"""Joins, splits and reports in the words of the page Evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from recsys.console.charts import Chart, Curve, Mark, day_s
from recsys.events.observed import JoinDay
from recsys.operations.balance import HOLDS_BELOW, Balance
from recsys.operations.evidence import Content
from recsys.operations.thresholds import THRESHOLDS
from recsys.pipelines.gate import GateReport

__all__ = ["DAYS", "Joined", "facts_of", "joined", "split_chart"]

DAYS = (7, 14, 28)
"""How many days may be asked for: reading a month of logs takes its time."""

_MOST_FACTS = 200
"""Of a report nobody knows the form of; the whole of it is in the store."""
_LONGEST = 300
_DEEPEST = 32


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """How well outcomes find their exposures over some days. ``low``: days below what a decision needs."""

    state: Literal["healthy", "degraded", "unknown"]
    sentence: str
    days: tuple[JoinDay, ...]
    low: tuple[JoinDay, ...]
    chart: Chart
    least: float = THRESHOLDS.outcomes_matched_degraded


def joined(days: Sequence[JoinDay]) -> Joined:
    """Say how well outcomes find their exposures, and on which days they did not."""
    outcomes, matched = sum(day.outcomes for day in days), sum(day.matched for day in days)
    exposures, least = sum(day.exposures for day in days), THRESHOLDS.outcomes_matched_degraded
    low = tuple(day for day in days if day.outcomes_matched is not None and day.outcomes_matched < least)
    state: Literal["healthy", "degraded", "unknown"] = "degraded" if low else "healthy"
    if not exposures and not outcomes:
        state, said = "unknown", "Nothing was answered, and nothing was done."
    elif not outcomes:
        state, said = "unknown", f"{exposures:,} answers, and nothing was done with any: no outcome came back."
    else:
        said = f"{matched / outcomes:.1%} of {outcomes:,} outcomes find the answer they belong to"
        said += f"; on {len(low)} of {len(days)} days fewer than {least:.0%} do." if low else "."
    return Joined(state=state, sentence=said, days=tuple(days), low=low, chart=_joins_chart(days))


def _joins_chart(days: Sequence[JoinDay]) -> Chart:
    return Chart(
        label="Share of outcomes that find their answer, and of answers that have an outcome, by day",
        x=tuple(day_s(day.day) for day in days),
        series=(
            Curve(label="outcomes that find their answer", values=tuple(day.outcomes_matched for day in days)),
            Curve(label="answers with an outcome", values=tuple(day.exposures_with_outcome for day in days)),
        ),
        unit="share",
        days=True,
        min=0.0,
        max=1.0,
        lines=(Mark(label="least", value=THRESHOLDS.outcomes_matched_degraded),),
    )


def split_chart(split: Balance) -> Chart:
    """Draw how likely a split is by chance, day by day."""
    return Chart(
        label=f"How likely so uneven a split of {split.experiment} is by chance, by day",
        x=tuple(day_s(day.day) for day in split.days),
        series=(
            Curve(label="p, looked at every day", values=tuple(day.p_sequential for day in split.days)),
            Curve(label="p, looked at once", values=tuple(day.p for day in split.days)),
        ),
        unit="p",
        days=True,
        log=True,
        lines=(Mark(label="mismatch below", value=HOLDS_BELOW),),
    )


def facts_of(content: Content) -> tuple[tuple[str, str], ...]:
    """Return what is in a report that is no evaluation's, as names and values."""
    if isinstance(content, GateReport):
        return tuple(_of_gate(content))
    assert isinstance(content, Mapping)
    flat = list(_flat("", content))
    if len(flat) > _MOST_FACTS:
        flat = [*flat[:_MOST_FACTS], ("…", f"and {len(flat) - _MOST_FACTS:,} more, in the store")]
    return tuple(flat)


def _of_gate(report: GateReport) -> Iterator[tuple[str, str]]:
    limits = report.limits
    yield "requests of late that were answered again", f"{report.requests:,}"
    yield "what was live then", f"generation {report.generation}"
    yield "manifest that was to ship", report.manifest
    yield "empty lists", f"{_pair(report.empty_rate, '.1%')}; at most {limits.max_empty_rate:.0%}, or as many as before"
    yield "items that lists keep", f"{report.overlap:.1%}; at least {limits.min_overlap:.0%}"
    yield (
        "ranking one request, p99",
        _pair(report.p99_ms, ".3g", " ms")
        + (f"; at most {limits.max_p99_ms:g} ms" if limits.max_p99_ms is not None else "; no limit is set"),
    )
    hits = "nothing was taken after these requests"
    if report.hit_rate is not None:
        hits = f"{_pair(report.hit_rate, '.1%')} of {report.taken:,}; judges nothing, and favours what was shown"
    yield "items that users took and the list has", hits
    yield (
        "lists with what must not be shown",
        f"{len(report.violations):,}" + (f": requests {', '.join(report.violations[:5])}" if report.violations else ""),
    )
    yield "what failed", "; ".join(report.failed) or "nothing"
    yield "forced", "yes" if report.forced else "no"


def _pair(values: tuple[float, float], form: str, unit: str = "") -> str:
    return f"{values[0]:{form}}{unit} before, {values[1]:{form}}{unit} after"


def _flat(name: str, value: Any, *, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Name every value in a tree by the way to it."""
    if depth > _DEEPEST:
        yield name[:_LONGEST], "…"
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner, depth=depth + 1)
    elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
        for place, inner in enumerate(value, start=1):
            yield from _flat(f"{name}[{place}]", inner, depth=depth + 1)
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list) else "–" if value is None else str(value)
        yield name[:_LONGEST], text[:_LONGEST] + ("…" if len(text) > _LONGEST else "")
