"""The report: results with their views. Its canonical JSON is the truth; Markdown and HTML are views of it."""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import to_builtins

from recsys.encoding import Invalid, canonical, decode
from recsys.evaluation.errors import BadData
from recsys.evaluation.rendering import html, markdown
from recsys.evaluation.results import FORMAT, Results

if TYPE_CHECKING:
    import pandas

__all__ = ["Report", "read_report"]


class Report(Results, frozen=True, kw_only=True):
    """The result of one evaluation, to keep, to show and to compare with."""

    def to_json(self) -> bytes:
        """Return the canonical JSON of the report."""
        return canonical(self)

    def to_markdown(self) -> str:
        """Return the report as Markdown, decision first."""
        return markdown.render(self)

    def to_html(self) -> str:
        """Return the report as one HTML page that needs nothing else."""
        return html.render(self)

    def to_frame(self) -> "pandas.DataFrame":
        """Return the metrics over all and by slice, or an experiment's effects, one row each; needs pandas."""
        import pandas

        if self.experiment is not None:
            return pandas.DataFrame([to_builtins(effect) for effect in self.experiment.effects])
        assert self.offline is not None
        rows = [("", "", measured) for measured in self.offline.metrics]
        rows += [(found.key, found.value, measured) for found in self.offline.slices for measured in found.metrics]
        return pandas.DataFrame(
            [
                {
                    "slice_key": key,
                    "slice": value,
                    "metric": measured.metric,
                    "over": measured.over,
                    "value": measured.value,
                    "low": measured.interval.low if measured.interval else None,
                    "high": measured.interval.high if measured.interval else None,
                    "requests": measured.requests,
                    "units": measured.units,
                }
                for key, value, measured in rows
            ]
        )

    def _repr_html_(self) -> str:
        return html.body(self)


def read_report(source: str | Path | bytes) -> Report:
    """Read a report's JSON.

    Raises
    ------
    Invalid
        When it is not one; of a page for people (Markdown, HTML) it says how to get the JSON.
    BadData
        When there is no such file.
    """
    if isinstance(source, bytes):
        return _read(source, what="report")
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise BadData(f"report {source}: {error.strerror}", next_step="check the path") from None
    return _read(data, what=f"report {source}")


def _read(data: bytes, *, what: str) -> Report:
    page = data.lstrip()[:1] in (b"#", b"<")
    if page:
        raise Invalid(what, "a page for people, and not the report itself", suggestion=_JSON)
    try:
        return _checked(decode(data, Report, what=what), what)
    except Invalid as error:
        raise Invalid(what, error.problem, suggestion=error.next_step or _JSON) from None


_JSON = "give the JSON that `recsys eval run --output report.json` writes; run it again if only the page was kept"


def _checked(report: Report, what: str) -> Report:
    """Refuse a report that another version wrote, or whose sums by unit do not fit together: they were cut or changed,
    and what is subtracted of them would be no difference.
    """
    if report.format != FORMAT:
        raise BadData(f"{what}: format {report.format}, and this reads {FORMAT}", next_step="make the report again")
    if report.offline is not None:
        pairing = report.offline.pairing
        for label, places in pairing.positions.items():
            sums = pairing.sums.get(label, ())
            in_order = all(a < b for a, b in pairwise((-1, *places, pairing.units)))
            whole = all(-(1 << 63) <= each < 1 << 63 for each in sums)
            if not (in_order and whole and len(sums) == len(places) and label in pairing.scale):
                next_step = "make the baseline again, and keep it as it is"
                raise BadData(f"{what}: the sums of `{label}` by unit are damaged", next_step=next_step)
    return report
