"""Plots as plain SVG text: no script, no font, nothing to fetch; readable in print."""

import math
from collections.abc import Callable, Sequence
from html import escape

from recsys.evaluation.results import Day, Interval, Measured
from recsys.evaluation.words import percent, value_and_span

__all__ = ["intervals_plot", "joins_plot"]

WIDTH = 760
LABELS = 210
ROW = 24
RIGHT = 96


def intervals_plot(metrics: Sequence[Measured]) -> str:
    """Draw one row per mean with its interval, all on one scale; those without an interval are left to the
    table.
    """
    rows = [(m, m.value, m.interval) for m in metrics if m.value is not None and m.interval is not None]
    shown = [(m, value, interval) for m, value, interval in rows if _fits(value)]
    if not shown:
        return ""
    ticks = _ticks(
        min(0.0, *(interval.low for _, _, interval in shown)), max(0.0, *(interval.high for _, _, interval in shown))
    )
    low, high = ticks[0], ticks[-1]
    scale = (WIDTH - LABELS - RIGHT) / (high - low)

    def x(value: float) -> float:
        return LABELS + (value - low) * scale

    height = ROW * len(shown) + 30
    parts = [_open(height, "Metrics with their intervals")]
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="4" y2="{height - 22}"/>')
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="{height - 6}">{tick:z.12g}</text>')
    for number, (metric, value, interval) in enumerate(shown):
        y = ROW * number + ROW / 2 + 2
        parts.append(f'<text class="name" x="{LABELS - 10}" y="{y + 4:.1f}">{_name(metric)}</text>')
        parts += _whisker(x, y, value, interval)
        text, _ = value_and_span(value, interval)
        parts.append(f'<text x="{WIDTH - RIGHT + 24}" y="{y + 4:.1f}">{text}</text>')
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
    over = "" if metric.over in metric.metric else f" over {metric.over}"
    return escape(metric.metric + over)


def _whisker(x: Callable[[float], float], y: float, value: float, interval: Interval) -> list[str]:
    left, right = x(interval.low), x(interval.high)
    return [
        f'<line class="span" x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>',
        f'<line class="span" x1="{left:.1f}" x2="{left:.1f}" y1="{y - 4:.1f}" y2="{y + 4:.1f}"/>',
        f'<line class="span" x1="{right:.1f}" x2="{right:.1f}" y1="{y - 4:.1f}" y2="{y + 4:.1f}"/>',
        f'<circle class="dot" cx="{x(value):.1f}" cy="{y:.1f}" r="4"/>',
    ]


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
