"""The report of drills as one HTML page: whether it can be trusted first, then each incident. It fetches nothing."""

from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

import jinja2

from recsys.lab.drills.report import Report

__all__ = ["page"]

_BARS = 450.0
"""How wide the longest bar is, in units of the plot."""


class _Times(NamedTuple):
    """Seconds, over all incidents."""

    median: float
    most: float


def page(report: Report) -> str:
    """Write the whole page."""
    here = files("recsys.lab.drills").joinpath("page.html").read_text(encoding="utf-8")
    style = files("recsys.evaluation").joinpath("rendering", "report.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    acts = [(played, act) for played in report.scenarios for act in played.acts]
    good = sum(played.passed for played in report.scenarios)
    return environment.from_string(here).render(
        report=report,
        headline=f"{good} of {len(report.scenarios)} incidents found and ended",
        style=style,
        acts=acts,
        found=_times([act.seconds.detect for _, act in acts]),
        effect=_times([act.seconds.effect for _, act in acts]),
        visits=sum(played.served.visits for played in report.scenarios),
        empty=sum(played.served.empty for played in report.scenarios),
        failed=sum(played.served.failed for played in report.scenarios),
        scale=_BARS / max((act.seconds.recover for _, act in acts), default=1.0),
    )


def _times(seconds: Sequence[float]) -> _Times:
    ordered = sorted(seconds) or [0.0]
    return _Times(median=ordered[len(ordered) // 2], most=ordered[-1])
