"""The sections of an experiment's report, and its plots."""

from recsys.evaluation.experiment.results import Effect, ExperimentResult
from recsys.evaluation.parts import Interval
from recsys.evaluation.rendering.every_mode import interval_title
from recsys.evaluation.rendering.plots import Whisker, bounds_plot, whiskers_plot
from recsys.evaluation.rendering.tables import Column, Row, Section, Table, table, without_empty_columns
from recsys.evaluation.results import Results
from recsys.evaluation.words import exact, figure, percent, span, value_and_span

__all__ = ["findings", "plots"]


def findings(results: Results) -> list[Section]:
    """Return effects, guardrails, what else was computed, and where things differ."""
    found = _of(results)
    return [
        Section("Effects", _EFFECTS_NOTE, _effects(_of(results))),
        Section("Behind the effects", _BEHIND_NOTE, _behind(_of(results))),
        Section("Guardrails", _GUARDRAILS_NOTE, _guardrails(found), said=tuple(g.sentence for g in found.guardrails)),
        Section("Ceilings of each arm", _CEILINGS_NOTE, _ceilings(found)),
        Section("Power", _POWER_NOTE, _power(found)),
        Section("Day by day", _DAYS_NOTE, _by_time(results, "cumulative")),
        Section("By days since first assignment", _SINCE_NOTE, _by_time(results, "since_first")),
        Section("Computed otherwise", _OTHERWISE_NOTE, _otherwise(results)),
        Section(
            "Slices",
            "For diagnosis only: no rule looks at them, and among many some look good by chance.",
            _slices(results),
        ),
        Section("Arms", f"The control is `{found.control}`.", _arms(found)),
        Section("Sample ratio", _RATIO_NOTE, _ratio(found)),
    ]


_EFFECTS_NOTE = (
    "Candidate minus control, with units as they were first assigned. `p` is corrected for the number of metrics of "
    "the same role; intervals are those of the inference that decides."
)
_BEHIND_NOTE = (
    "The change's intervals by both kinds of inference, what was done to the units' sums before, and the relative "
    "effect to believe, given what effects are usually like."
)
_GUARDRAILS_NOTE = "Harm is how much worse than control: above its margin the arm is rolled back, below it is harmless."
_CEILINGS_NOTE = (
    "All requests of an arm, of whatever traffic, joined with nothing. The bound holds whenever one looks. Of a "
    "latency the rate is the share of requests slower than the ceiling."
)
_POWER_NOTE = "The smallest effect this data would find, and what the smallest that matters needs."
_DAYS_NOTE = "What was known at the end of each day."
_SINCE_NOTE = "An effect that shrinks with the days is the charm of the new."
_OTHERWISE_NOTE = "No rule looks at these. If one of them would decide otherwise, find out why before you act."
_SLICES_NOTE = "For diagnosis only: no rule looks at them, and among many some look good by chance."
_RATIO_NOTE = "Units by arm against their meant shares. Only the first line decides; the others say where it began."


def _of(results: Results) -> ExperimentResult:
    assert results.experiment is not None
    return results.experiment


def plots(results: Results) -> dict[str, str]:
    """Return what is drawn, by the title of its section."""
    found = _of(results)
    forest = [
        Whisker(_name(each, found), each.relative, each.relative_interval, state=each.verdict)
        for each in found.effects
        if each.relative is not None and each.relative_interval is not None
    ]
    lines: dict[str, list[tuple[str, float, Interval]]] = {}
    for day in found.by_time:
        if day.kind == "cumulative":
            lines.setdefault(f"{day.metric} of {day.variant}", []).append((day.at, day.absolute, day.interval))
    return {
        "Effects": whiskers_plot(forest, title="Relative effects with their intervals"),
        "Day by day": "".join(bounds_plot(name, days) for name, days in lines.items()),
        "Sample ratio": whiskers_plot(_shares(found), title="Share of units by arm, against the meant share"),
    }


def _shares(found: ExperimentResult) -> list[Whisker]:
    """Return each arm's share over its meant one, with the interval that chance gives it."""
    from recsys.evaluation.statistics.shares import share_interval

    total = sum(arm.units for arm in found.arms)
    shown = []
    for arm in found.arms:
        if total and arm.meant_share:
            interval = share_interval(arm.units, total)
            low, high = interval.low / arm.meant_share - 1, interval.high / arm.meant_share - 1
            value = arm.units / total / arm.meant_share - 1
            shown.append(Whisker(arm.variant, value, Interval(low=low, high=high)))
    return shown


def _name(each: Effect, found: ExperimentResult) -> str:
    return each.metric if len(found.arms) == 2 else f"{each.metric} of {each.variant}"


def _effects(found: ExperimentResult) -> Table:
    columns = (
        Column("metric"),
        Column("role"),
        Column("verdict", "state"),
        Column("control", "number"),
        Column("candidate", "number"),
        Column("change", "number"),
        Column("relative", "number"),
        Column("its interval", "number"),
        Column("p", "number"),
    )
    return without_empty_columns(table(columns, (_effect(each, found) for each in found.effects)))


def _behind(found: ExperimentResult) -> Table:
    columns = (
        Column("metric"),
        Column("fixed interval", "number"),
        Column("sequential interval", "number"),
        Column("units", "number"),
        Column("how", "word"),
        Column("to believe", "number"),
    )
    rows = (
        (
            _name(each, found),
            span(each.fixed, sign=True),
            span(each.sequential, sign=True),
            f"{each.units:,}",
            _how(each),
            percent(each.shrunk),
        )
        for each in found.effects
    )
    return without_empty_columns(table(columns, rows))


def _how(each: Effect) -> str:
    how = "–" if each.method == "plain" else each.method
    return how if each.removed is None else f"{how}, {percent(each.removed)} of the variance removed"


def _effect(each: Effect, found: ExperimentResult) -> Row:
    change, _ = value_and_span(each.absolute, each.interval, sign=True)
    within = "–"
    if each.relative_interval is not None:
        within = f"{percent(each.relative_interval.low)} to {percent(each.relative_interval.high)}"
    return (
        _name(each, found),
        ", ".join(each.roles),
        each.verdict,
        figure(each.control),
        figure(each.candidate),
        change,
        percent(each.relative),
        within,
        f"{each.p_adjusted:.2g}",
    )


def _guardrails(found: ExperimentResult) -> Table:
    columns = (
        Column("arm"),
        Column("metric"),
        Column("state", "state"),
        Column("harm", "number"),
        Column("its interval", "number"),
        Column("margin", "number"),
        Column("value", "number"),
        Column("ceiling", "number"),
        Column("power", "number"),
    )
    rows = []
    for guard in found.guardrails:
        write = percent if guard.relative else figure
        interval = guard.interval
        within = "–" if interval is None else f"{write(interval.low)} to {write(interval.high)}"
        margin = (percent if guard.relative else exact)(guard.margin)
        state = guard.state.replace("_", " ")
        rows.append(
            (
                guard.variant,
                guard.metric,
                state,
                write(guard.harm),
                within,
                margin,
                figure(guard.value),
                exact(guard.ceiling),
                percent(guard.power),
            )
        )
    return without_empty_columns(table(columns, rows))


def _ceilings(found: ExperimentResult) -> Table:
    columns = (
        Column("arm"),
        Column("metric"),
        Column("state", "state"),
        Column("rate", "number"),
        Column("at least", "number"),
        Column("allowed", "number"),
        Column("ceiling", "number"),
        Column("requests", "number"),
    )
    rows = (
        (
            arm.variant,
            arm.metric,
            "broken" if arm.broken else "ok",
            percent(arm.rate),
            percent(arm.at_least),
            percent(arm.allowed),
            exact(arm.ceiling),
            f"{arm.requests:,}",
        )
        for arm in found.ceilings
    )
    return table(columns, rows)


def _power(found: ExperimentResult) -> Table:
    columns = (
        Column("arm"),
        Column("metric"),
        Column("would be found", "number"),
        Column("of control", "number"),
        Column("units", "number"),
        Column("units needed", "number"),
        Column("days still needed", "number"),
    )
    rows = (
        (
            each.variant,
            each.metric,
            figure(each.minimum_detectable),
            percent(each.minimum_detectable / each.control) if each.control > 0 else "–",
            f"{each.units:,}",
            "–" if each.units_needed is None else f"{each.units_needed:,}",
            "–" if each.days_needed is None else f"{each.days_needed:.1f}",
        )
        for each in found.effects
    )
    return without_empty_columns(table(columns, rows))


def _by_time(results: Results, kind: str) -> Table:
    columns = (
        Column("day" if kind == "cumulative" else "days since"),
        Column("arm"),
        Column("metric"),
        Column("change", "number"),
        Column(interval_title(results), "number"),
        Column("units", "number"),
    )
    rows = (
        (day.at, day.variant, day.metric, *value_and_span(day.absolute, day.interval, sign=True), f"{day.units:,}")
        for day in _of(results).by_time
        if day.kind == kind
    )
    return table(columns, rows)


def _otherwise(results: Results) -> Table:
    columns = (
        Column("arm"),
        Column("metric"),
        Column("way"),
        Column("change", "number"),
        Column(interval_title(results), "number"),
        Column("p", "number"),
        Column("units", "number"),
    )
    rows = (
        (
            line.variant,
            line.metric,
            line.way.replace("_", " "),
            *value_and_span(line.absolute, line.interval, sign=True),
            f"{line.p:.2g}",
            f"{line.units:,}",
        )
        for line in _of(results).sensitivity
    )
    return table(columns, rows)


def _slices(results: Results) -> Table:
    columns = (
        Column("slice"),
        Column("arm"),
        Column("metric"),
        Column("control", "number"),
        Column("candidate", "number"),
        Column("change", "number"),
        Column(interval_title(results), "number"),
        Column("units", "number"),
    )
    rows = (
        (
            f"{each.key} = {each.value}",
            each.variant,
            each.metric,
            figure(each.control),
            figure(each.candidate),
            *value_and_span(each.absolute, each.interval, sign=True),
            f"{each.units:,}",
        )
        for each in _of(results).slices
    )
    return table(columns, rows)


def _arms(found: ExperimentResult) -> Table:
    columns = (Column("arm"), Column("meant share", "number"), Column("units", "number"), Column("requests", "number"))
    rows = [(arm.variant, percent(arm.meant_share), f"{arm.units:,}", f"{arm.requests:,}") for arm in found.arms]
    rows.append(("seen in several", "–", f"{found.crossovers:,}", "–"))
    rows.append(("without a unit", "–", "–", f"{found.requests_without_unit:,}"))
    return table(columns, rows)


def _ratio(found: ExperimentResult) -> Table:
    columns = (
        Column("part"),
        Column("units", "value"),
        Column("p", "number"),
        Column("p at any look", "number"),
        Column("off by up to", "number"),
        Column("test"),
    )
    rows = (
        (
            line.part,
            ", ".join(f"{arm} {units:,}" for arm, units in sorted(line.units.items())),
            f"{line.p:.2g}",
            f"{line.p_sequential:.2g}",
            percent(line.deviation),
            line.method.replace("_", "-"),
        )
        for line in found.sample_ratio
    )
    return table(columns, rows)
