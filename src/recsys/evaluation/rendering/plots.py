"""Plots as plain SVG text: no script, no font, nothing to fetch; readable in print."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from recsys.evaluation.parts import Day, Interval, Measured
from recsys.evaluation.words import percent, value_and_span

__all__ = ["Whisker", "bounds_plot", "counts_plot", "histogram_plot", "intervals_plot", "joins_plot", "whiskers_plot"]

WIDTH = 760
LABELS = 210
ROW = 24
RIGHT = 96


class Whisker(NamedTuple):
    """A value with its interval, by name; ``state`` colours it."""

    name: str
    value: float
    interval: Interval
    state: str = ""


def intervals_plot(metrics: Sequence[Measured]) -> str:
    """Draw one row per mean with its interval, all on one scale; those without an interval are left to the
    table.
    """
    shown = [
        Whisker(_name(metric), metric.value, metric.interval)
        for metric in metrics
        if metric.value is not None and metric.interval is not None and _fits(metric.value)
    ]
    return whiskers_plot(shown, title="Metrics with their intervals", shares=False)


def whiskers_plot(rows: Sequence[Whisker], *, title: str, shares: bool = True) -> str:
    """Draw one row per value with its interval, all on one scale with 0 in it; ``shares`` are written as per cent."""
    if not rows:
        return ""
    ends = [end for row in rows for end in (row.interval.low, row.interval.high) if math.isfinite(end)]
    ticks = _ticks(min(0.0, *ends), max(0.0, *ends))
    low, high = ticks[0], ticks[-1]
    scale = (WIDTH - LABELS - RIGHT) / (high - low)

    def x(value: float) -> float:
        return LABELS + (min(max(value, low), high) - low) * scale

    height = ROW * len(rows) + 30
    parts = [_open(height, title)]
    for tick in ticks:
        kind = "grid zero" if tick == 0 else "grid"
        text = percent(tick) if shares else f"{tick:z.12g}"
        parts.append(f'<line class="{kind}" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="4" y2="{height - 22}"/>')
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="{height - 6}">{text}</text>')
    for number, row in enumerate(rows):
        y = ROW * number + ROW / 2 + 2
        text = percent(row.value) if shares else value_and_span(row.value, row.interval)[0]
        parts.append(f'<text class="name" x="{LABELS - 10}" y="{y + 4:.1f}">{escape(row.name)}</text>')
        parts += _whisker(x, y, row)
        parts.append(f'<text x="{WIDTH - RIGHT + 24}" y="{y + 4:.1f}">{text}</text>')
    return "".join([*parts, "</svg>"])


def bounds_plot(name: str, days: Sequence[tuple[str, float, Interval]]) -> str:
    """Draw how a value and its interval went, day by day, around 0."""
    if len(days) < 2:
        return ""
    height, top, bottom, left = 200, 24, 26, 70
    ends = [end for _, value, interval in days[1:] for end in (interval.low, interval.high, value)]
    ticks = _ticks(min(0.0, *ends), max(0.0, *ends))  # the first day is wide, and would flatten the others
    low, high = ticks[0], ticks[-1]
    step = (WIDTH - left - 20) / (len(days) - 1)

    def x(number: int) -> float:
        return left + step * number

    def y(value: float) -> float:
        return top + (height - top - bottom) * (high - min(max(value, low), high)) / (high - low)

    parts = [_open(height, f"{name}, day by day"), f'<text x="{left}" y="14">{escape(name)}</text>']
    for tick in ticks:
        kind = "grid zero" if tick == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{left}" x2="{WIDTH - 20}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="name" x="{left - 8}" y="{y(tick) + 4:.1f}">{tick:z.6g}</text>')
    upper = " ".join(f"{x(n):.1f},{y(interval.high):.1f}" for n, (_, _, interval) in enumerate(days))
    lower = " ".join(f"{x(n):.1f},{y(interval.low):.1f}" for n, (_, _, interval) in reversed(list(enumerate(days))))
    line = " ".join(f"{x(n):.1f},{y(value):.1f}" for n, (_, value, _) in enumerate(days))
    parts.append(f'<polygon class="area" points="{upper} {lower}"/><polyline class="line" points="{line}"/>')
    every = max(1, len(days) // 8)
    for number, (day, _, _) in enumerate(days):
        if number % every == 0:
            parts.append(f'<text class="tick" x="{x(number):.1f}" y="{height - 8}">{escape(day[5:])}</text>')
    return "".join([*parts, "</svg>"])


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers, three to seven, that reach from at or below ``low`` to at or above ``high``."""
    reach = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(reach))
    step = next(power * each for each in (0.2, 0.5, 1.0, 2.0) if reach <= 5 * power * each)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]


def _fits(value: float) -> bool:
    """Money does not share an axis with shares."""
    return abs(value) <= 1


def _name(metric: Measured) -> str:
    return metric.metric + ("" if metric.over in metric.metric else f" over {metric.over}")


def _whisker(x: Callable[[float], float], y: float, row: Whisker) -> list[str]:
    left, right = x(row.interval.low), x(row.interval.high)
    return [
        f'<g class="{row.state}">',
        f'<line class="span" x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>',
        f'<line class="span" x1="{left:.1f}" x2="{left:.1f}" y1="{y - 4:.1f}" y2="{y + 4:.1f}"/>',
        f'<line class="span" x1="{right:.1f}" x2="{right:.1f}" y1="{y - 4:.1f}" y2="{y + 4:.1f}"/>',
        f'<circle class="dot" cx="{x(row.value):.1f}" cy="{y:.1f}" r="4"/>',
        "</g>",
    ]


def counts_plot(name: str, counts: Sequence[int], *, even: float) -> str:
    """Draw how often something fell into equal parts of 0..1, and how often it would if it fell evenly."""
    height, top, bottom, left = 150, 24, 24, 52
    most = max(*counts, even) * 1.05
    step = (WIDTH - left - 20) / len(counts)

    def y(count: float) -> float:
        return top + (height - top - bottom) * (1 - count / most)

    parts = [_open(height, name), f'<text x="{left}" y="14">{escape(name)}</text>']
    for number, count in enumerate(counts):
        parts.append(
            f'<rect class="bar" x="{left + step * number + 1:.1f}" y="{y(count):.1f}" width="{step - 2:.1f}" '
            f'height="{height - bottom - y(count):.1f}"><title>{count:,}</title></rect>'
        )
    parts.append(f'<line class="least" x1="{left}" x2="{WIDTH - 20}" y1="{y(even):.1f}" y2="{y(even):.1f}"/>')
    parts.append(f'<text class="name" x="{left - 8}" y="{y(even) + 4:.1f}">{even:,.0f}</text>')
    for share in (0.0, 0.5, 1.0):
        x = left + (WIDTH - left - 20) * share
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 6}">{share:g}</text>')
    return "".join([*parts, "</svg>"])


def histogram_plot(name: str, bins: Sequence[tuple[str, int]]) -> str:
    """Draw counts by what is written under each bar."""
    if not bins:
        return ""
    height, top, bottom, left = 170, 24, 26, 70
    most = max(count for _, count in bins)
    step = (WIDTH - left - 20) / len(bins)
    parts = [_open(height, name), f'<text x="{left}" y="14">{escape(name)}</text>']
    every = max(1, len(bins) // 12)
    for number, (under, count) in enumerate(bins):
        tall = (height - top - bottom) * count / most
        x, y = left + step * number, height - bottom - tall
        parts.append(
            f'<rect class="bar" x="{x + 1:.1f}" y="{y:.1f}" width="{max(step - 2, 1):.1f}" height="{tall:.1f}">'
            f"<title>{escape(under)}: {count:,}</title></rect>"
        )
        if number % every == 0:
            parts.append(f'<text class="tick" x="{x + step / 2:.1f}" y="{height - 8}">{escape(under)}</text>')
    parts.append(f'<text class="name" x="{left - 8}" y="{top + 8}">{most:,}</text>')
    return "".join([*parts, "</svg>"])


def joins_plot(days: Sequence[Day], *, least: float) -> str:
    """Draw, per day, the share of outcomes that met their exposure, with the least that is demanded."""
    known = [(day.day, day.joins.outcomes_matched) for day in days if day.joins.outcomes_matched is not None]
    if not known:
        return ""
    height, top, bottom, left = 190, 12, 28, 52
    step = (WIDTH - left - 20) / len(known)
    plot = height - top - bottom

    def y(share: float) -> float:
        return top + plot * (1 - share)

    parts = [_open(height, "Outcomes matched per day")]
    for tick in (0.0, 0.5, 1.0):
        parts.append(f'<line class="grid" x1="{left}" x2="{WIDTH - 20}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="name" x="{left - 8}" y="{y(tick) + 4:.1f}">{percent(tick)}</text>')
    every = max(1, len(known) // 8)
    for number, (day, share) in enumerate(known):
        bar, x = max(1.0, min(step * 0.8, 40.0)), left + step * (number + 0.5)
        state = "bad" if share < least else "bar"
        parts.append(
            f'<rect class="{state}" x="{x - bar / 2:.1f}" y="{y(share):.1f}" width="{bar:.1f}" '
            f'height="{plot * share:.1f}"><title>{escape(day)}: {percent(share)}</title></rect>'
        )
        if number % every == 0:
            parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 8}">{escape(day[5:])}</text>')
    parts.append(f'<line class="least" x1="{left}" x2="{WIDTH - 20}" y1="{y(least):.1f}" y2="{y(least):.1f}"/>')
    return "".join([*parts, "</svg>"])


def _open(height: float, title: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
