"""How figures are written for people: three or four significant digits. The JSON keeps them whole."""

import math

from recsys.evaluation.statistics.ratios import Interval

__all__ = ["decimals", "exact", "figure", "fixed", "percent", "span", "times", "value_and_span"]


def figure(value: float | None) -> str:
    """Write a number that stands alone: four digits, or as many as it takes not to pass for a whole one."""
    if value is None:
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.2f}"
    texts = (f"{value:.{digits}g}" for digits in range(4, 17))
    return next((text for text in texts if not float(text).is_integer()), f"{value:.17g}")


def exact(value: float | None) -> str:
    """Write a threshold as it was set: rounded, 0.9996 would be another threshold."""
    return "–" if value is None else f"{value:,.12g}"


def decimals(*values: float, width: float = 0.0) -> int:
    """Return how many decimals suit figures that stand together.

    Three significant digits of the largest; more where an interval of this ``width`` is too narrow to show in
    those.
    """
    largest = max((abs(value) for value in values), default=0.0)
    if largest == 0 or not math.isfinite(largest):
        return 0
    places = max(2 - math.floor(math.log10(largest)), 0)
    while 0 < width < 5 * 10.0**-places and places < 15:
        places += 1
    return places


def fixed(value: float, places: int, *, sign: bool = False) -> str:
    """Write a number with so many decimals, never a negative zero; ``sign`` shows a plus too."""
    return f"{value:+z,.{places}f}" if sign else f"{value:z,.{places}f}"


def value_and_span(value: float | None, interval: Interval | None, *, sign: bool = False) -> tuple[str, str]:
    """Write a value and its interval with the same decimals; what is absent is a dash."""
    if interval is None:
        return (f"+{figure(value)}" if sign and value and value > 0 else figure(value)), "–"
    places = decimals(interval.low, interval.high, value or 0.0, width=interval.high - interval.low)
    return ("–" if value is None else fixed(value, places, sign=sign)), span(interval, places=places, sign=sign)


def span(interval: Interval | None, *, places: int | None = None, sign: bool = False) -> str:
    """Write an interval, with as many decimals as suit it unless told; nothing as a dash."""
    if interval is None:
        return "–"
    if places is None:
        places = decimals(interval.low, interval.high, width=interval.high - interval.low)
    return f"{fixed(interval.low, places, sign=sign)} to {fixed(interval.high, places, sign=sign)}"


def percent(share: float | None) -> str:
    """Write a share (0..1) as per cent; never round a failure up to 100 %."""
    if share is None:
        return "–"
    text = f"{100 * share:.2f}"
    if share < 1 and text == "100.00":
        return "just under 100%"
    if share > 0 and text == "0.00":
        return "under 0.01%"
    return text.removesuffix(".00") + "%"


def times(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
