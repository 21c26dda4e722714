"""Can the outcomes be believed: their clocks, their ids, their worth, and whether any of them counts at all?"""

from recsys.encoding import rfc3339
from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine
from recsys.evaluation.parts import Check, Joins
from recsys.evaluation.words import figure, percent, times

__all__ = [
    "DELAYS",
    "check_clocks",
    "check_counting",
    "check_repeated",
    "check_valued",
    "late",
    "late_sentence",
]

_HOUR_US = 3_600_000_000
_SOON_US = 27 * 60 * 1_000_000
"""Views and clicks come within minutes. No zone is nearer to another than half an hour."""
_SOON = 0.01
_ENOUGH_TO_BE_LATE = 100
"""Views and clicks below which none may come soon by chance."""
_LONGEST_LOG_DAYS = 5 * 366
_DAY_US = 24 * _HOUR_US

DELAYS = (
    "count(*), count_if(delay_us < 0), quantile_disc(delay_us, 0.5) FILTER (delay_us < 0), "
    f"count_if(event_type IN ('view', 'click')), count_if(event_type IN ('view', 'click') AND delay_us < {_SOON_US}), "
    "quantile_disc(delay_us, 0.5) FILTER (event_type IN ('view', 'click'))"
)
"""What clocks are judged by, of matched outcomes of users."""


def check_clocks(engine: Engine, config: Config, *, early: int) -> Check:
    """Hold when outcomes come before their exposures, when none comes soon after, or when exposures are years apart."""
    matched, _, typical, acted, soon, typical_act = engine.row(f"SELECT {DELAYS} FROM matched WHERE by_user")  # noqa: S608
    first, last = engine.row("SELECT first_us, last_us FROM shown WHERE which = 0")
    share, most = early / matched if matched else 0.0, config.integrity.max_early_outcomes
    sentence = "outcomes come after their exposures"
    if early:
        hours = typical / _HOUR_US
        sentence = (
            f"{percent(share)} of matched outcomes come before their exposure ({percent(most)} may), "
            f"typically {figure(-hours)} h before"
        )
        if share > most and abs(hours) >= 0.45:
            sentence += ": is one log in another time zone?"
    if share <= most and late(acted, soon):
        sentence = late_sentence(acted, soon, typical_act)
        return Check(name="clocks", state="hold", value=soon / acted, threshold=_SOON, sentence=sentence)
    if share <= most and last - first > _LONGEST_LOG_DAYS * _DAY_US:
        days = (last - first) / _DAY_US
        sentence = f"exposures run from {rfc3339(first / 1e6)} to {rfc3339(last / 1e6)}: is a clock wrong?"
        return Check(name="clocks", state="hold", value=days, threshold=_LONGEST_LOG_DAYS, sentence=sentence)
    state = "hold" if share > most else "ok"
    return Check(name="clocks", state=state, value=share, threshold=most, sentence=sentence)  # type: ignore[arg-type]


def late(acted: int, soon: int) -> bool:
    """Tell whether so few of the views and clicks come soon that a clock must be wrong."""
    return acted >= _ENOUGH_TO_BE_LATE and soon < _SOON * acted


def late_sentence(acted: int, soon: int, typical_us: int) -> str:
    """Say how late views and clicks come."""
    return (
        f"{percent(soon / acted)} of {acted:,} views and clicks come within 27 minutes of their exposure, typically "
        f"{figure(typical_us / _HOUR_US)} h after: is one log in another time zone?"
    )


def check_repeated(engine: Engine, config: Config, *, duplicates: int) -> Check:
    """Hold when rows without an event id repeat others, which would count money twice; and when an event id is that of
    different events, of which all but one are dropped.
    """
    most = config.integrity.max_repeated_outcomes
    if duplicates:
        same = "hash(request_id, item_id, event_type)"
        reused, example = engine.row(
            "SELECT count(*), min(event_id) FROM (SELECT event_id FROM outcomes_read WHERE event_id IS NOT NULL "  # noqa: S608
            f"GROUP BY event_id HAVING count(*) > 1 AND min({same}) <> max({same}))"
        )
        if reused:
            sentence = f"{times(reused, 'event id')} of several different outcomes, such as `{example[:40]}`"
            sentence += ": an id is of one event, sent once or again"
            return Check(name="repeated_outcomes", state="hold", value=float(reused), threshold=0.0, sentence=sentence)
    rows, different = engine.row("SELECT count(*), count(DISTINCT content) FROM outcomes WHERE event IS NULL")
    share = (rows - different) / rows if rows else 0.0
    sentence = "no outcome is another once more"
    if share:
        sentence = (
            f"{percent(share)} of outcomes without an event id are another row once more, to the moment "
            f"({percent(most)} may): was a file read or an event written twice?"
        )
    state = "hold" if share > most else "ok"
    return Check(name="repeated_outcomes", state=state, value=share, threshold=most, sentence=sentence)  # type: ignore[arg-type]


def check_counting(engine: Engine, config: Config, joins: Joins, dropped: dict[str, int]) -> Check:
    """Hold when no outcome counts, or none of a kind that a metric counts: its 0 would be no finding."""
    unmatched = dropped["no_exposure"]
    lost = sum(outcomes for reason, outcomes in dropped.items() if reason != "duplicate_event_id")
    counting = (joins.outcomes or 0) - lost
    sentence = f"{times(counting, 'outcome')} {'counts' if counting == 1 else 'count'}"
    holds = counting == 0
    if holds:
        most_common = max(sorted(dropped), key=lambda reason: dropped[reason])
        reason = "no_exposure" if unmatched == joins.outcomes else most_common
        sentence = f"no outcome counts; most were dropped as {reason}: every metric would be 0"
    elif nothing := _needed_and_none(engine, config):
        holds = True
        sentence = "; ".join(f"no {event} counts, most were dropped as {reason}" for event, reason in nothing.items())
        sentence += ": what is counted of it would be 0"
    state = "hold" if holds else "ok"
    return Check(name="outcomes_counting", state=state, value=float(counting), threshold=1.0, sentence=sentence)  # type: ignore[arg-type]


def _needed_and_none(engine: Engine, config: Config) -> dict[str, str]:
    """Return the event types that are asked about and of which none counts, with why most do not."""
    needed = {metric.definition.needs for metric in config.metrics()} | {config.reward_event}
    needed |= {"view" for metric in config.metrics() if metric.denominator == "viewed"}
    counted: dict[str, int] = {}
    why: dict[str, tuple[int, str]] = {}
    for event, reason, outcomes in engine.rows("SELECT event_type, reason, count(*) FROM matched GROUP BY ALL"):
        if reason is None:
            counted[event] = outcomes
        why[event] = max(why.get(event, (0, "")), (outcomes, reason or ""))
    return {
        event: why[event][1] if event in why else "no_exposure" for event in sorted(filter(None, needed - set(counted)))
    }


def check_valued(engine: Engine, config: Config) -> tuple[Check, ...]:
    """Hold when many conversions say no value and money is judged: they would count as worth 0."""
    if not any(metric.name == "revenue_per_request" for metric in config.metrics()):
        return ()
    conversions, valued = engine.row("SELECT count(*), count(value) FROM outcomes WHERE event_type = 'conversion'")
    share, least = valued / conversions if conversions else 1.0, config.integrity.min_valued
    sentence = f"{percent(share)} of conversions have a value; at least {percent(least)} must, or the rest count as 0"
    state = "hold" if share < least else "ok"
    return (Check(name="conversions_valued", state=state, value=share, threshold=least, sentence=sentence),)  # type: ignore[arg-type]
