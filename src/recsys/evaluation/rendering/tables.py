"""The tables of a report, the same in Markdown and HTML. Everything in the JSON has a place here."""

from collections.abc import Mapping
from typing import Any

import msgspec

from recsys.encoding import canonical
from recsys.evaluation.metrics import METRICS
from recsys.evaluation.report import GateResult, Joins, Measured, Report, Slice
from recsys.evaluation.words import figure, percent, span

__all__ = ["Section", "Table", "sections"]

Table = list[tuple[str, ...]]
"""The first row is the head."""

Section = tuple[str, str, Table]
"""Title, a note, and the table."""


def sections(report: Report) -> list[Section]:
    """Return every part of a report, in reading order."""
    return [
        ("How it was decided", "Rules are asked in order; the first that fires decides.", _steps(report)),
        ("Integrity", "Whether the data can decide anything.", _integrity(report)),
        ("Gates", _gates_note(report), _gates(report)),
        ("Metrics", _metrics_note(report), _metrics(report.offline.metrics)),
        ("Slices", "For diagnosis only: no gate looks at them.", _slices(report.offline.slices)),
        ("Joins by slice", _JOINS_NOTE, _slice_joins(report)),
        ("Joins by day", _JOINS_NOTE, _days(report)),
        ("Outcomes that do not count", "Each at the first reason that applies.", _drops(report)),
        ("What was judged", "", _data(report)),
        ("Inputs and thresholds of the decision", "", _flat(_inputs(report))),
        ("Settings", "", _flat(msgspec.to_builtins(report.config))),
        ("Versions", "", _versions(report)),
        ("Pairing", _PAIRING_NOTE, _pairing(report)),
    ]


_JOINS_NOTE = (
    "outcomes_matched is the share of outcomes whose exposure exists; exposures_with_outcome the share "
    "of exposures that somebody acted on. A dash: the log cannot say."
)
_PAIRING_NOTE = "What a later run needs to compare itself with this one request by request; the sums are in the JSON."


def _steps(report: Report) -> Table:
    head = ("rule", "state", "finding")
    return [
        head,
        *((step.rule, step.state.replace("_", " "), step.finding) for step in report.decision.steps),
    ]


def _integrity(report: Report) -> Table:
    head = ("check", "state", "value", "threshold", "what was seen")
    rows = ((c.name, c.state, figure(c.value), figure(c.threshold), c.sentence) for c in report.integrity)
    return [head, *rows]


def _gates_note(report: Report) -> str:
    if not report.offline.gates:
        return "The config names no gate."
    against = f"Baseline: `{report.baseline}`." if report.baseline else "There was no baseline."
    return f"{against} A drop is baseline minus this run, paired request by request, with users as units."


def _gates(report: Report) -> Table:
    head = (
        "metric",
        "over",
        "state",
        "value",
        "interval",
        "baseline",
        "drop",
        "drop interval",
        "max drop",
        "min",
        "why",
    )
    return [head, *(_gate(gate) for gate in report.offline.gates)]


def _gate(gate: GateResult) -> tuple[str, ...]:
    seen = gate.comparison
    return (
        gate.metric,
        gate.over,
        gate.state.replace("_", " "),
        figure(gate.value),
        span(gate.interval),
        figure(seen.baseline if seen else None),
        figure(seen.drop if seen else None),
        span(seen.interval if seen else None),
        figure(gate.max_drop),
        figure(gate.min_value),
        gate.sentence,
    )


def _metrics_note(report: Report) -> str:
    kind = "logged lists (what was shown)"
    if report.data.lists == "reranked":
        kind = f"re-ranked lists of `{report.data.ranker}`"
    return (
        f"Of {kind}. `served` is every request judged, `relevant` those that led to something, "
        "`viewed` those with a view, `lists` all lists together."
    )


_MEASURED = ("metric", "over", "value", "interval", "requests", "users", "what it is")


def _metrics(metrics: tuple[Measured, ...]) -> Table:
    return [_MEASURED, *(_measured(each) for each in metrics)]


def _measured(each: Measured) -> tuple[str, ...]:
    name = each.metric.partition("@")[0].partition(":")[0]
    notes = [METRICS[name].sentence if name in METRICS else ""]
    notes += [f"{key.replace('_', ' ')} {figure(value)}" for key, value in sorted(each.details.items())]
    return (
        each.metric,
        each.over,
        figure(each.value),
        span(each.interval) if each.interval else f"none: {each.why_no_interval}",
        f"{each.requests:,}",
        f"{each.units:,}",
        "; ".join(notes),
    )


def _slices(slices: tuple[Slice, ...]) -> Table:
    head = ("slice", *_MEASURED[:-1])
    return [head, *((f"{s.key} = {s.value}", *_measured(m)[:-1]) for s in slices for m in s.metrics)]


_JOINED = ("exposures", "exposures_with_outcome", "outcomes", "outcomes_matched")


def _joined(joins: Joins) -> tuple[str, ...]:
    outcomes = "–" if joins.outcomes is None else f"{joins.outcomes:,}"
    return (
        f"{joins.exposures:,}",
        percent(joins.exposures_with_outcome),
        outcomes,
        percent(joins.outcomes_matched),
    )


def _slice_joins(report: Report) -> Table:
    rows = ((f"{s.key} = {s.value}", *_joined(s.joins)) for s in report.offline.slices)
    return [("slice", *_JOINED), ("all", *_joined(report.joins)), *rows]


def _days(report: Report) -> Table:
    return [("day", *_JOINED), *((day.day, *_joined(day.joins)) for day in report.days)]


def _drops(report: Report) -> Table:
    return [("reason", "outcomes"), *((drop.reason, f"{drop.outcomes:,}") for drop in report.drops)]


def _data(report: Report) -> Table:
    rows = _flat({key: value for key, value in msgspec.to_builtins(report.data).items() if key != "roles"})
    for role in report.data.roles:
        rows.append((role.role, f"{role.rows:,} rows in {role.files} files"))
    return [*rows, ("mode", report.mode), ("report format", str(report.format))]


def _inputs(report: Report) -> dict[str, Any]:
    decision = msgspec.to_builtins(report.decision)
    return {"inputs": decision["inputs"], "thresholds": decision["thresholds"]}


def _versions(report: Report) -> Table:
    return [("of", "version"), *((name, version) for name, version in sorted(report.versions.items()))]


def _pairing(report: Report) -> Table:
    pairing = report.offline.pairing
    rows = (
        (label, f"{len(sums):,} of {pairing.units:,}", f"1/{pairing.scale[label]:,}")
        for label, sums in sorted(pairing.sums.items())
    )
    return [("metric", "users with a value", "in units of"), *rows]


def _flat(values: Mapping[str, Any]) -> Table:
    """Write nested settings as dotted names with their values."""
    rows: Table = [("name", "value")]
    for name, value in sorted(values.items()):
        if isinstance(value, dict) and value:
            rows += [(f"{name}.{inner[0]}", inner[1]) for inner in _flat(value)[1:]]
        elif isinstance(value, str):
            rows.append((name, value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            rows.append((name, figure(value)))
        else:
            rows.append((name, canonical(value).decode()))
    return rows
