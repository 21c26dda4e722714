"""How well outcomes and exposures meet: over all, per day, per slice; and why outcomes were dropped."""

from collections.abc import Iterable

from recsys.encoding import rfc3339
from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine
from recsys.evaluation.joining.judged import Judged, slice_columns
from recsys.evaluation.parts import Day, Drop, Joins

__all__ = ["joins_by_day", "joins_by_slice", "joins_over_all", "outcome_drops"]

DAY_S = 86_400


def joins_over_all(engine: Engine) -> Joins:
    """Count over every exposure (by whomever) and every outcome."""
    (exposures,) = engine.row("SELECT exposures FROM shown WHERE which = 0")
    outcomes, matched, acted_on = engine.row(
        "SELECT (SELECT count(*) FROM outcomes), count(*), count_if(first) FROM matched"
    )
    return _joins(exposures, acted_on, outcomes, matched)


def joins_by_day(engine: Engine) -> tuple[Day, ...]:
    """Count per UTC day: exposures by the day they were shown, outcomes by the day they happened."""
    shown = dict(engine.rows("SELECT value::BIGINT, exposures FROM shown WHERE which = -1"))
    acted_on = dict(engine.rows("SELECT day, count_if(first) FROM matched GROUP BY day"))
    done = dict(engine.rows("SELECT day, count(*) FROM outcomes GROUP BY day"))
    matched = dict(engine.rows("SELECT outcome_day, count(*) FROM matched GROUP BY outcome_day"))
    return tuple(
        Day(
            day=rfc3339(day * DAY_S)[:10],
            joins=_joins(shown.get(day, 0), acted_on.get(day, 0), done.get(day, 0), matched.get(day, 0)),
        )
        for day in sorted(set(shown) | set(done))
    )


def joins_by_slice(engine: Engine, config: Config) -> dict[tuple[str, str], Joins]:
    """Count per slice. An outcome without exposure shows only its ``surface``, so only that slice knows its
    share.
    """
    found: dict[tuple[str, str], Joins] = {}
    columns = zip(config.slice_keys, slice_columns(config), strict=True)
    for number, (key, column) in enumerate(columns, start=1):
        shown = dict(engine.rows("SELECT value, exposures FROM shown WHERE which = $number", number=number))
        acted_on = dict(engine.rows(f"SELECT {column}, count_if(first) FROM matched GROUP BY 1"))  # noqa: S608
        done: dict[str, int] = {}
        matched: dict[str, int] = {}
        if key == "surface":
            done = dict(engine.rows("SELECT surface, count(*) FROM outcomes WHERE surface IS NOT NULL GROUP BY 1"))
            matched = dict(
                engine.rows(
                    "SELECT outcome_surface, count(*) FROM matched WHERE outcome_surface IS NOT NULL GROUP BY 1"
                )
            )
        for value in sorted(shown):
            outcomes = done.get(value) if done else None
            found[key, value] = _joins(shown[value], acted_on.get(value, 0), outcomes, matched.get(value, 0))
    return found


def outcome_drops(engine: Engine, judged: Judged, joins: Joins) -> tuple[Drop, ...]:
    """Count outcomes that do not count, by reason; each is counted once, at the first reason in this
    order.
    """
    reasons = dict(engine.rows("SELECT reason, count(*) FROM matched WHERE reason IS NOT NULL GROUP BY reason"))
    (matched,) = engine.row("SELECT count(*) FROM matched")
    counted: Iterable[tuple[str, int]] = (
        ("duplicate_event_id", judged.duplicate_outcomes),
        ("no_exposure", (joins.outcomes or 0) - matched),
        *((reason, reasons.get(reason, 0)) for reason in REASONS),
    )
    return tuple(Drop(reason=reason, outcomes=outcomes) for reason, outcomes in counted)


REASONS = ("not_user_traffic", "not_shown", "before_shown", "outside_window")
"""As ``matched.sql`` writes them, in its order."""


def _joins(exposures: int, acted_on: int, outcomes: int | None, matched: int) -> Joins:
    return Joins(
        exposures=exposures,
        exposures_with_outcome=acted_on / exposures if exposures else None,
        outcomes=outcomes,
        outcomes_matched=matched / outcomes if outcomes else None,
    )
