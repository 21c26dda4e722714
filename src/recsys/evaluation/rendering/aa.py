"""The sections of an A/A check's report, and its plots."""

from recsys.evaluation.aa.results import AaResult
from recsys.evaluation.rendering.plots import counts_plot
from recsys.evaluation.rendering.tables import Column, Section, table
from recsys.evaluation.results import Results
from recsys.evaluation.words import percent

__all__ = ["findings", "plots"]

_NOTE = (
    "Units were split in halves by chance again and again. A test that is right finds a difference in as many splits "
    "as its level says, and its p-values are spread evenly."
)


def findings(results: Results) -> list[Section]:
    """Return what the splits found."""
    found = _of(results)
    columns = (
        Column("metric"),
        Column("state", "state"),
        Column("found", "number"),
        Column("of the splits", "number"),
        Column("a sound test finds", "number"),
        Column("p-values even, p", "number"),
    )
    rows = (
        (
            line.metric,
            "ok" if line.sound else "unsound",
            f"{line.false_positives:,}",
            percent(line.false_positives / found.splits),
            f"{line.low:,} to {line.high:,}",
            "–" if line.uniform is None else f"{line.uniform:.2g}",
        )
        for line in found.lines
    )
    return [Section("Splits", _NOTE, table(columns, rows))]


def plots(results: Results) -> dict[str, str]:
    """Return what is drawn, by the title of its section."""
    found = _of(results)
    drawn = (
        counts_plot(f"p-values of {line.metric}", line.p_values, even=found.splits / len(line.p_values))
        for line in found.lines
    )
    return {"Splits": "".join(drawn)}


def _of(results: Results) -> AaResult:
    assert results.aa is not None
    return results.aa
