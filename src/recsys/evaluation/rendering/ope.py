"""The sections of an off-policy evaluation's report, and its plots."""

from recsys.evaluation.ope.results import OpeResult
from recsys.evaluation.rendering.every_mode import interval_title
from recsys.evaluation.rendering.plots import Whisker, histogram_plot, whiskers_plot
from recsys.evaluation.rendering.tables import NAMED, Column, Section, Table, table
from recsys.evaluation.results import Results
from recsys.evaluation.words import figure, percent, value_and_span

__all__ = ["findings", "plots"]

_ESTIMATES_NOTE = (
    "What a request would earn under the target policy. The first decides. If the others differ much from it, the "
    "log does not carry what one of them takes for granted: see how experiments are judged off-policy."
)
_WEIGHTS_NOTE = "How much of the log is left once it is weighed. The mean is 1 if the propensities are true."


def findings(results: Results) -> list[Section]:
    """Return the estimates and the weights they rest on."""
    found = _of(results)
    support = [
        ("shown items", f"{found.items:,}"),
        ("without a propensity, or one of 0", percent(found.unsupported)),
        ("clipped", percent(found.clipped)),
    ]
    return [
        Section("Estimates", _ESTIMATES_NOTE, _estimates(results)),
        Section("Weights", _WEIGHTS_NOTE, _weights(found)),
        Section("Support", "What the log knows of what the target policy would show.", table(NAMED, support)),
        Section("Weights of requests", "How many requests have which weight.", _histogram(found)),
    ]


def plots(results: Results) -> dict[str, str]:
    """Return what is drawn, by the title of its section."""
    found = _of(results)
    rows = [Whisker("as it was served", found.logged, found.logged_interval)]
    rows += [Whisker(each.estimator, each.value, each.interval) for each in found.estimates]
    bins = [("0" if each.low == 0 else f"{each.low:g}", each.requests) for each in found.histogram]
    return {
        "Estimates": whiskers_plot(rows, title="What a request earns", shares=False),
        "Weights of requests": histogram_plot("requests by weight, from", bins),
    }


def _of(results: Results) -> OpeResult:
    assert results.ope is not None
    return results.ope


def _estimates(results: Results) -> Table:
    found = _of(results)
    title = interval_title(results)
    columns = (
        Column("estimator"),
        Column("a request earns", "number"),
        Column(title, "number"),
        Column("gain", "number"),
        Column("its interval", "number"),
    )
    rows = [("as it was served", *value_and_span(found.logged, found.logged_interval), "–", "–")]
    rows += [
        (
            each.estimator,
            *value_and_span(each.value, each.interval),
            *value_and_span(each.gain, each.gain_interval, sign=True),
        )
        for each in found.estimates
    ]
    return table(columns, rows)


def _weights(found: OpeResult) -> Table:
    columns = (
        Column("of"),
        Column("worth requests", "number"),
        Column("of all", "number"),
        Column("largest weight", "number"),
        Column("mean weight", "number"),
        Column("its error", "number"),
    )
    rows = (
        (
            each.kind,
            figure(each.effective),
            percent(each.effective / found.requests),
            percent(each.largest_share),
            figure(each.mean),
            figure(each.mean_error),
        )
        for each in found.weights
    )
    return table(columns, rows)


def _histogram(found: OpeResult) -> Table:
    columns = (Column("weight from", "number"), Column("requests", "number"))
    return table(columns, ((figure(each.low), f"{each.requests:,}") for each in found.histogram))
