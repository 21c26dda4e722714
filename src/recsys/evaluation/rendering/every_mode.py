"""The sections that reports of every mode have."""

from typing import Any

import msgspec

from recsys.evaluation.parts import Joins
from recsys.evaluation.rendering.tables import NAMED, Column, Row, Section, Table, flat, listed, table
from recsys.evaluation.results import Results
from recsys.evaluation.words import exact, figure, percent, times

__all__ = ["JOINED", "decided", "how_it_was_made", "integrity", "interval_title", "joined", "logs"]


def decided(results: Results) -> Section:
    """Return the rules in order, with what each found."""
    return Section("How it was decided", "Rules are asked in order; the first that fires decides.", _steps(results))


def integrity(results: Results) -> Section:
    """Return every check of the data."""
    return Section("Integrity", "Whether the data can decide anything.", _integrity(results))


def logs(results: Results) -> list[Section]:
    """Return how the logs met, by day, and what of them did not count."""
    return [
        Section("Joins by day", _JOINS_NOTE, _days(results)),
        Section("Outcomes that do not count", "Each at the first reason that applies.", _drops(results)),
    ]


def how_it_was_made(results: Results) -> list[Section]:
    """Return what was judged, by which settings and versions."""
    return [
        Section("What was judged", "", _data(results)),
        Section("Inputs and thresholds of the decision", "", listed(_inputs(results))),
        Section("Settings", "", listed(msgspec.to_builtins(results.config), write=exact)),
        Section("Versions", "", _versions(results)),
    ]


_JOINS_NOTE = (
    "`outcomes_matched` is the share of outcomes whose exposure exists; `exposures_with_outcome` the share "
    "of exposures that somebody acted on. A dash: the log cannot say."
)


def _steps(results: Results) -> Table:
    columns = (Column("rule"), Column("state", "state"), Column("finding", "prose"))
    steps = results.decision.steps
    return table(columns, ((step.rule, step.state.replace("_", " "), step.finding) for step in steps))


def _integrity(results: Results) -> Table:
    columns = (
        Column("check"),
        Column("state", "state"),
        Column("value", "number"),
        Column("threshold", "number"),
        Column("what was seen", "prose"),
    )
    rows = ((c.name, c.state, figure(c.value), exact(c.threshold), c.sentence) for c in results.integrity)
    return table(columns, rows)


JOINED = tuple(
    Column(title, "number") for title in ("exposures", "exposures_with_outcome", "outcomes", "outcomes_matched")
)


def joined(joins: Joins) -> Row:
    outcomes = "–" if joins.outcomes is None else f"{joins.outcomes:,}"
    return (
        f"{joins.exposures:,}",
        percent(joins.exposures_with_outcome),
        outcomes,
        percent(joins.outcomes_matched),
    )


def _days(results: Results) -> Table:
    rows = [("all", *joined(results.joins)), *((day.day, *joined(day.joins)) for day in results.days)]
    return table((Column("day"), *JOINED), rows)


def _drops(results: Results) -> Table:
    columns = (Column("reason"), Column("outcomes", "number"))
    return table(columns, ((drop.reason, f"{drop.outcomes:,}") for drop in results.drops))


def _data(results: Results) -> Table:
    whole = msgspec.to_builtins(results.data)
    rows = [row for name, value in whole.items() if name != "roles" for row in flat(name, value, figure)]
    rows += [(role.role, f"{times(role.rows, 'row')} in {times(role.files, 'file')}") for role in results.data.roles]
    return table(NAMED, [*rows, ("mode", results.mode), ("report format", str(results.format))])


def _inputs(results: Results) -> dict[str, Any]:
    decision = msgspec.to_builtins(results.decision)
    return {"inputs": decision["inputs"], "thresholds": decision["thresholds"]}


def _versions(results: Results) -> Table:
    return table((Column("of"), Column("version", "value")), sorted(results.versions.items()))


def interval_title(results: Results) -> str:
    return f"{100 * results.config.confidence:g}% interval"
