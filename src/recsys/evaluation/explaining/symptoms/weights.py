"""Symptom: the weights of an off-policy evaluation say that its log cannot answer."""

from typing import TYPE_CHECKING

from recsys.evaluation.explaining.finding import Finding, found, ruled_out
from recsys.evaluation.report import Report

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_weights"]

_BY_CHECK = {
    "unsupported": (
        "what the target policy shows was never shown by the one that logged, or propensities are not logged",
        "let the logging policy explore (docs/how-to/explore.md), and log each item's propensity as it was drawn",
    ),
    "clipped": (
        "propensities are below min_propensity: the logging policy hardly ever shows these items",
        "explore more, or choose a target nearer to what was shown",
    ),
    "mean_weight": (
        "propensities are not those that items were drawn by: of another place, of another policy, or after a filter",
        "ask who logs `propensity`: it is of this item at this rank, given those above it",
    ),
    "effective_sample": (
        "the two policies are far apart, so that few requests speak for the target",
        "collect more of the log, explore more, or choose a target nearer to what was shown",
    ),
    "largest_weight": (
        "one request speaks for the target almost alone",
        "look at that list's propensities; raise min_propensity, or use a self-normalised or doubly robust estimator",
    ),
}
"""The ones whose truth the others hang on come first."""


def check_weights(report: Report, _logs: "Logs | None") -> Finding | None:
    """Report the first of the weights' checks that holds."""
    if report.ope is None:
        return None
    holding = {check.name: check for check in report.integrity if check.state == "hold" and check.name in _BY_CHECK}
    name = next((name for name in _BY_CHECK if name in holding), None)
    if name is None:
        return ruled_out("weights", "the log is worth enough requests, and its weights have a mean near 1")
    cause, next_step = _BY_CHECK[name]
    return found(
        "weights",
        holding[name].sentence,
        evidence={check.name: [check.value, check.threshold] for check in holding.values()},
        cause=cause,
        next_step=next_step,
        unseen="which requests: the weights are in the HTML report",
    )
