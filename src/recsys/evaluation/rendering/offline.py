"""The sections of an offline evaluation's report, and its plot."""

from recsys.evaluation.measuring.metrics import METRICS
from recsys.evaluation.offline.results import GateResult, OfflineResult
from recsys.evaluation.parts import Measured
from recsys.evaluation.rendering.every_mode import JOINED, interval_title, joined
from recsys.evaluation.rendering.plots import intervals_plot
from recsys.evaluation.rendering.tables import Column, Row, Section, Table, table, without_empty_columns
from recsys.evaluation.results import Results
from recsys.evaluation.words import exact, figure, value_and_span

__all__ = ["findings", "of", "plots"]


def of(results: Results) -> OfflineResult:
    """Return what the offline mode found."""
    assert results.offline is not None
    return results.offline


def findings(results: Results) -> list[Section]:
    """Return gates, metrics and slices."""
    said = tuple(gate.sentence for gate in of(results).gates)
    return [
        Section("Gates", _gates_note(results), _gates(results), said=said),
        Section("Metrics", _metrics_note(results), _metrics(results)),
        Section("Slices", _slices_note(results), _slices(results)),
        Section("Joins by slice", _SLICE_JOINS_NOTE, _slice_joins(results)),
        Section("Pairing", _PAIRING_NOTE, _pairing(results)),
    ]


def plots(results: Results) -> dict[str, str]:
    """Return what is drawn, by the title of its section."""
    return {"Metrics": intervals_plot(of(results).metrics)}


_SLICE_JOINS_NOTE = "As by day. An outcome without exposure tells nothing of its slice but its `surface`."
_PAIRING_NOTE = "What a later run needs to compare itself with this one request by request; the sums are in the JSON."


def _gates_note(results: Results) -> str:
    against = f"The baseline is `{results.baseline}`." if results.baseline else "There was no baseline."
    return f"{against} A change is this run minus the baseline, paired request by request, with users as units."


def _gates(results: Results) -> Table:
    columns = (
        Column("metric"),
        Column("over"),
        Column("state", "state"),
        Column("value", "number"),
        Column(interval_title(results), "number"),
        Column("baseline", "number"),
        Column("change", "number"),
        Column("its interval", "number"),
        Column("may drop", "number"),
        Column("at least", "number"),
    )
    return without_empty_columns(table(columns, (_gate(gate) for gate in of(results).gates)))


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
        Column(interval_title(results), "number"),
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
    return table(columns, ((*_measured(each), _explained(each)) for each in of(results).metrics))


def _explained(each: Measured) -> str:
    name = each.metric.partition("@")[0].partition(":")[0]
    notes = [METRICS[name].sentence] if name in METRICS else []
    notes += [f"{key.replace('_', ' ')} {figure(value)}" for key, value in sorted(each.details.items())]
    notes += [f"no interval: {each.why_no_interval}"] if each.why_no_interval else []
    return "; ".join(notes)


def _slices_note(results: Results) -> str:
    reasons = {each.why_no_interval for found in of(results).slices for each in found.metrics} - {""}
    return "For diagnosis only: no gate looks at them." + "".join(f" A dash: {reason}." for reason in sorted(reasons))


def _slices(results: Results) -> Table:
    rows = ((f"{s.key} = {s.value}", *_measured(m)) for s in of(results).slices for m in s.metrics)
    return table((Column("slice"), *_measured_columns(results)), rows)


def _slice_joins(results: Results) -> Table:
    rows = ((f"{s.key} = {s.value}", *joined(s.joins)) for s in of(results).slices)
    return table((Column("slice"), *JOINED), rows)


def _pairing(results: Results) -> Table:
    columns = (Column("metric"), Column("users with a value", "number"), Column("in units of", "number"))
    pairing = of(results).pairing
    rows = (
        (label, f"{len(sums):,} of {pairing.units:,}", f"1/{pairing.scale[label]:,}")
        for label, sums in sorted(pairing.sums.items())
    )
    return table(columns, rows)
