"""Whether the log says anything of the target policy."""

from recsys.evaluation.ope.config import OpeSettings
from recsys.evaluation.ope.results import OpeResult
from recsys.evaluation.parts import Check
from recsys.evaluation.words import exact, figure, percent

__all__ = ["check_weights"]


def check_weights(found: OpeResult, asked: OpeSettings) -> tuple[Check, ...]:
    """Hold where an estimate would be chance: of the estimator that decides, or of the whole log."""
    decides = asked.estimators[0].removeprefix("sn")
    kind = decides if decides.endswith("ips") else "iips"
    weights = next((each for each in found.weights if each.kind == kind), None)
    checks = [
        _most(
            "unsupported", found.unsupported, asked.max_unsupported, "of shown items have no propensity, or one of 0"
        ),
        _most(
            "clipped", found.clipped, asked.max_clipped, f"of shown items are rarer than {exact(asked.min_propensity)}"
        ),
    ]
    if weights is None:
        return tuple(checks)
    effective = f"the log is worth {figure(weights.effective)} of {found.requests:,} requests, by weights of {kind}"
    off = abs(weights.mean - 1)
    holds = off > asked.max_mean_off and off > 4 * weights.mean_error
    error = figure(weights.mean_error)
    mean = f"the mean weight is {figure(weights.mean)} (error {error}), and 1 if propensities are true"
    return (
        *checks,
        _check(
            "effective_sample", weights.effective, asked.min_ess, effective, holds=weights.effective < asked.min_ess
        ),
        _most("largest_weight", weights.largest_share, asked.max_weight_share, "of all weight lies on one request"),
        _check("mean_weight", weights.mean, 1.0, mean, holds=holds),
    )


def _most(name: str, share: float, most: float, said: str) -> Check:
    return _check(name, share, most, f"{percent(share)} {said}; {percent(most)} may", holds=share > most)


def _check(name: str, value: float, threshold: float, said: str, *, holds: bool) -> Check:
    return Check(name=name, state="hold" if holds else "ok", value=value, threshold=threshold, sentence=said)
