"""The tables of a report, the same in Markdown and HTML. Everything in the JSON has a place here."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from recsys.evaluation.metrics import METRICS
from recsys.evaluation.results import GateResult, Interval, Joins, Measured, Results
from recsys.evaluation.words import exact, figure, percent, span, times, value_and_span

__all__ = ["Column", "Section", "Table", "sections"]

Row = tuple[str, ...]


class Column(msgspec.Struct, frozen=True):
    """A column and how it is set: a ``word`` or ``number`` is never broken, ``prose`` wraps at its spaces,
    ``value`` (which may be a digest) anywhere.
    """

    title: str
    kind: Literal["word", "state", "number", "prose", "value"] = "word"


class Table(msgspec.Struct, frozen=True):
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


class Section(msgspec.Struct, frozen=True):
    """A title, what to know to read the table, the table, and ``said``: sentences on what it shows."""

    title: str
    note: str
    table: Table
    said: Row = ()


def sections(results: Results) -> list[Section]:
    """Return every part of a report that has something in it, in reading order."""
    found = [
        Section("How it was decided", "Rules are asked in order; the first that fires decides.", _steps(results)),
        Section("Integrity", "Whether the data can decide anything.", _integrity(results)),
        Section("Gates", _gates_note(results), _gates(results), said=tuple(g.sentence for g in results.offline.gates)),
        Section("Metrics", _metrics_note(results), _metrics(results)),
        Section("Slices", _slices_note(results), _slices(results)),
        Section("Joins by day", _JOINS_NOTE, _days(results)),
        Section("Joins by slice", _SLICE_JOINS_NOTE, _slice_joins(results)),
        Section("Outcomes that do not count", "Each at the first reason that applies.", _drops(results)),
        Section("What was judged", "", _data(results)),
        Section("Inputs and thresholds of the decision", "", _listed(_inputs(results))),
        Section("Settings", "", _listed(msgspec.to_builtins(results.config), write=exact)),
        Section("Versions", "", _versions(results)),
        Section("Pairing", _PAIRING_NOTE, _pairing(results)),
    ]
    return [section for section in found if section.table.rows]


_JOINS_NOTE = (
    "`outcomes_matched` is the share of outcomes whose exposure exists; `exposures_with_outcome` the share "
    "of exposures that somebody acted on. A dash: the log cannot say."
)
_SLICE_JOINS_NOTE = "As by day. An outcome without exposure tells nothing of its slice but its `surface`."
_PAIRING_NOTE = "What a later run needs to compare itself with this one request by request; the sums are in the JSON."


def _table(columns: tuple[Column, ...], rows: Iterable[Row]) -> Table:
    return Table(columns, tuple(rows))


def _steps(results: Results) -> Table:
    columns = (Column("rule"), Column("state", "state"), Column("finding", "prose"))
    steps = results.decision.steps
    return _table(columns, ((step.rule, step.state.replace("_", " "), step.finding) for step in steps))


def _integrity(results: Results) -> Table:
    columns = (
        Column("check"),
        Column("state", "state"),
        Column("value", "number"),
        Column("threshold", "number"),
        Column("what was seen", "prose"),
    )
    rows = ((c.name, c.state, figure(c.value), exact(c.threshold), c.sentence) for c in results.integrity)
    return _table(columns, rows)


def _gates_note(results: Results) -> str:
    against = f"The baseline is `{results.baseline}`." if results.baseline else "There was no baseline."
    return f"{against} A change is this run minus the baseline, paired request by request, with users as units."


def _gates(results: Results) -> Table:
    columns = (
        Column("metric"),
        Column("over"),
        Column("state", "state"),
        Column("value", "number"),
        Column(_interval_title(results), "number"),
        Column("baseline", "number"),
        Column("change", "number"),
        Column("its interval", "number"),
        Column("may drop", "number"),
        Column("at least", "number"),
    )
    return _without_empty_columns(_table(columns, (_gate(gate) for gate in results.offline.gates)))


def _gate(gate: GateResult) -> Row:
    value, interval = value_and_span(gate.value, gate.interval)
    baseline = change = changes = "–"
    if seen := gate.comparison:
        baseline, _ = value_and_span(seen.baseline, gate.interval)
        change, changes = value_and_span(seen.change, seen.change_interval, sign=True)
    return (
        gate.metric,
        gate.over,
        gate.state.replace("_", " "),
        value,
        interval,
        baseline,
        change,
        changes,
        figure(gate.max_drop),
        exact(gate.min_value),
    )


def _without_empty_columns(table: Table) -> Table:
    kept = [n for n in range(len(table.columns)) if any(row[n] != "–" for row in table.rows)]
    rows = (tuple(row[n] for n in kept) for row in table.rows)
    return _table(tuple(table.columns[n] for n in kept), rows)


def _interval_title(results: Results) -> str:
    return f"{100 * results.config.offline.confidence:g}% interval"


def _metrics_note(results: Results) -> str:
    kind = "logged lists (what was shown)"
    if results.data.lists == "reranked":
        kind = f"re-ranked lists of `{results.data.ranker}`"
    return (
        f"Of {kind}. `served` is every request judged, `relevant` those that led to something, "
        "`viewed` those with a view, `lists` all lists together."
    )


def _measured_columns(results: Results) -> tuple[Column, ...]:
    return (
        Column("metric"),
        Column("over"),
        Column("value", "number"),
        Column(_interval_title(results), "number"),
        Column("requests", "number"),
        Column("users", "number"),
    )


def _measured(each: Measured) -> Row:
    return (
        each.metric,
        each.over,
        *value_and_span(each.value, each.interval),
        f"{each.requests:,}",
        f"{each.units:,}",
    )


def _metrics(results: Results) -> Table:
    columns = (*_measured_columns(results), Column("what it is", "prose"))
    return _table(columns, ((*_measured(each), _explained(each)) for each in results.offline.metrics))


def _explained(each: Measured) -> str:
    name = each.metric.partition("@")[0].partition(":")[0]
    notes = [METRICS[name].sentence] if name in METRICS else []
    notes += [f"{key.replace('_', ' ')} {figure(value)}" for key, value in sorted(each.details.items())]
    notes += [f"no interval: {each.why_no_interval}"] if each.why_no_interval else []
    return "; ".join(notes)


def _slices_note(results: Results) -> str:
    reasons = {each.why_no_interval for found in results.offline.slices for each in found.metrics} - {""}
    return "For diagnosis only: no gate looks at them." + "".join(f" A dash: {reason}." for reason in sorted(reasons))


def _slices(results: Results) -> Table:
    rows = ((f"{s.key} = {s.value}", *_measured(m)) for s in results.offline.slices for m in s.metrics)
    return _table((Column("slice"), *_measured_columns(results)), rows)


_JOINED = tuple(
    Column(title, "number") for title in ("exposures", "exposures_with_outcome", "outcomes", "outcomes_matched")
)


def _joined(joins: Joins) -> Row:
    outcomes = "–" if joins.outcomes is None else f"{joins.outcomes:,}"
    return (
        f"{joins.exposures:,}",
        percent(joins.exposures_with_outcome),
        outcomes,
        percent(joins.outcomes_matched),
    )


def _days(results: Results) -> Table:
    rows = [("all", *_joined(results.joins)), *((day.day, *_joined(day.joins)) for day in results.days)]
    return _table((Column("day"), *_JOINED), rows)


def _slice_joins(results: Results) -> Table:
    rows = ((f"{s.key} = {s.value}", *_joined(s.joins)) for s in results.offline.slices)
    return _table((Column("slice"), *_JOINED), rows)


def _drops(results: Results) -> Table:
    columns = (Column("reason"), Column("outcomes", "number"))
    return _table(columns, ((drop.reason, f"{drop.outcomes:,}") for drop in results.drops))


_NAMED = (Column("name"), Column("value", "value"))


def _data(results: Results) -> Table:
    whole = msgspec.to_builtins(results.data)
    rows = [row for name, value in whole.items() if name != "roles" for row in _flat(name, value, figure)]
    rows += [(role.role, f"{times(role.rows, 'row')} in {times(role.files, 'file')}") for role in results.data.roles]
    return _table(_NAMED, [*rows, ("mode", results.mode), ("report format", str(results.format))])


def _inputs(results: Results) -> dict[str, Any]:
    decision = msgspec.to_builtins(results.decision)
    return {"inputs": decision["inputs"], "thresholds": decision["thresholds"]}


def _versions(results: Results) -> Table:
    return _table((Column("of"), Column("version", "value")), sorted(results.versions.items()))


def _pairing(results: Results) -> Table:
    columns = (Column("metric"), Column("users with a value", "number"), Column("in units of", "number"))
    pairing = results.offline.pairing
    rows = (
        (label, f"{len(sums):,} of {pairing.units:,}", f"1/{pairing.scale[label]:,}")
        for label, sums in sorted(pairing.sums.items())
    )
    return _table(columns, rows)


def _listed(values: Mapping[str, Any], *, write: Any = figure) -> Table:
    """Write nested settings as dotted names with their values."""
    return _table(_NAMED, (row for name, value in sorted(values.items()) for row in _flat(name, value, write)))


def _flat(name: str, value: Any, write: Any) -> list[Row]:
    if isinstance(value, dict) and set(value) == {"low", "high"}:
        return [(name, span(msgspec.convert(value, Interval)))]
    if isinstance(value, dict):
        return [row for inner, each in sorted(value.items()) for row in _flat(f"{name}.{inner}", each, write)]
    if isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
        return [(f"{name}.{number}", _given(each, write)) for number, each in enumerate(value, start=1)]
    return [(name, _plain(value, write))]


def _given(values: Mapping[str, Any], write: Any) -> str:
    """Write what is given of a small record: ``name ndcg, k 20``."""
    return ", ".join(f"{name} {_plain(value, write)}" for name, value in values.items() if value is not None)


def _plain(value: Any, write: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(_plain(each, write) for each in value) or "none"
    return value if isinstance(value, str) else write(value)
