"""Can this data decide anything? Each check names what it saw, the threshold, and what it means when it
holds.
"""

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine
from recsys.evaluation.joining.judged import Judged
from recsys.evaluation.joining.outcomes import check_clocks, check_counting, check_repeated, check_valued
from recsys.evaluation.parts import Check, Day, Drop, Joins
from recsys.evaluation.words import percent, times

__all__ = ["check_assignments", "check_integrity"]


def check_integrity(
    engine: Engine,
    config: Config,
    *,
    judged: Judged,
    joins: Joins,
    days: tuple[Day, ...],
    drops: tuple[Drop, ...],
) -> tuple[Check, ...]:
    """Run every check; those that hold say so and the run is not to be decided on."""
    dropped = {drop.reason: drop.outcomes for drop in drops}
    return (
        _matched(config, joins, days),
        _duplicates(engine, config, judged),
        check_repeated(engine, config, duplicates=judged.duplicate_outcomes),
        _unrecorded(engine, config),
        check_clocks(engine, config, early=dropped["before_shown"]),
        check_counting(engine, config, joins, dropped),
        *check_valued(engine, config),
    )


def _check(name: str, value: float, threshold: float, *, holds: bool, sentence: str) -> Check:
    return Check(name=name, state="hold" if holds else "ok", value=value, threshold=threshold, sentence=sentence)


def _matched(config: Config, joins: Joins, days: tuple[Day, ...]) -> Check:
    value, least = joins.outcomes_matched or 0.0, config.integrity.min_join_rate
    sentence = f"{percent(value)} of outcomes have their exposure; at least {percent(least)} must"
    worst = min(
        (day for day in days if day.joins.outcomes_matched is not None),
        key=lambda day: (day.joins.outcomes_matched or 0.0, day.day),
        default=None,
    )
    if value < least and worst is not None:
        sentence += f"; worst on {worst.day}: {percent(worst.joins.outcomes_matched)}"
        if value == 0:
            sentence += "; none at all usually means exposures and outcomes of different logs or tenants"
    return _check("outcomes_matched", value, least, holds=value < least, sentence=sentence)


def _duplicates(engine: Engine, config: Config, judged: Judged) -> Check:
    (recorded,) = engine.row("SELECT exposures FROM shown WHERE which = 0")
    share = judged.duplicate_rows / (recorded + judged.duplicate_rows)
    most = config.integrity.max_duplicates
    sentence = "every request id occurs once"
    if judged.duplicate_rows:
        (example,) = engine.row("SELECT min(request_id) FROM duplicates")
        sentence = (
            f"{times(judged.duplicate_request_ids, 'request id')} on several exposures, such as `{example}`: "
            f"{percent(share)} of rows are extra, {percent(most)} may be"
        )
    return _check("duplicate_request_ids", share, most, holds=share > most, sentence=sentence)


def _unrecorded(engine: Engine, config: Config) -> Check:
    recorded, known, lost = engine.row("SELECT exposures, know_unrecorded, unrecorded FROM shown WHERE which = 0")
    most = config.integrity.max_unrecorded
    if not known:
        return Check(
            name="unrecorded",
            state="unmeasured",
            value=None,
            threshold=most,
            sentence="no exposure carries `unrecorded` in its context: how many answers were lost is unknown",
        )
    share = int(lost) / (recorded + int(lost))
    sentence = f"{times(int(lost), 'answer')} could not be recorded: {percent(share)}, {percent(most)} may be"
    return _check("unrecorded", share, most, holds=share > most, sentence=sentence)


def check_assignments(engine: Engine) -> Check:
    """Say how many assignments met their exposure; offline evaluation never holds for it."""
    (total,) = engine.row("SELECT count(*) FROM assignments_read")
    (matched,) = engine.row(
        "SELECT count(*) FROM assignments_read WHERE hash(request_id) IN (SELECT request FROM exposures)"
    )
    share = matched / total
    sentence = f"{percent(share)} of assignments have their exposure; offline evaluation does not use arms"
    return Check(name="assignments_matched", state="ok", value=share, threshold=None, sentence=sentence)
