"""How figures are written for people. The JSON keeps them whole."""

from recsys.evaluation.report import Interval

__all__ = ["figure", "percent", "span", "times"]


def figure(value: float | None) -> str:
    """Write a number with four significant digits; nothing as a dash."""
    if value is None:
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 1000 else f"{value:.4g}"


def percent(share: float | None) -> str:
    """Write a share (0..1) as per cent; never round a failure up to 100 %."""
    if share is None:
        return "–"
    text = f"{100 * share:.2f}"
    if share < 1 and text == "100.00":
        return "just under 100%"
    if share > 0 and text == "0.00":
        return "under 0.01%"
    return text.rstrip("0").rstrip(".") + "%"


def span(interval: Interval | None) -> str:
    """Write an interval; nothing as a dash."""
    return "–" if interval is None else f"{figure(interval.low)} to {figure(interval.high)}"


def times(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
