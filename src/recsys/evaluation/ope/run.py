"""Off-policy evaluation, from logs in the engine to a report."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.evaluation.errors import BadData
from recsys.evaluation.joining.together import Together, describe
from recsys.evaluation.measuring.measures import score_requests
from recsys.evaluation.ope.config import OpeSettings
from recsys.evaluation.ope.model import model_terms
from recsys.evaluation.ope.results import Bin, Estimate, OpeResult, WeightsFound
from recsys.evaluation.ope.rules import Facts, decide
from recsys.evaluation.ope.shown import Shown, read_shown
from recsys.evaluation.ope.soundness import check_weights
from recsys.evaluation.parts import Interval
from recsys.evaluation.report import Report
from recsys.evaluation.reporting import report_on
from recsys.evaluation.statistics.ratios import Ratio, student
from recsys.evaluation.statistics.weighting import Placed, Terms, estimate, slate_terms, weights_of

__all__ = ["run_ope"]


def run_ope(together: Together) -> Report:
    """Estimate what the target policy would have earned."""
    engine, config = together.engine, together.config
    asked = config.ope
    assert asked is not None
    engine.run("CREATE OR REPLACE TEMP VIEW evaluated AS SELECT * FROM exposures WHERE by_user AND NOT empty")
    score_requests(engine, config, reranked=False, only="SEMI JOIN evaluated USING (request)")
    data = describe(together)
    shown = read_shown(engine, asked)
    logged = _logged(shown.placed, asked)
    terms = {name: _terms(together, shown, name, asked) for name in asked.estimators}
    base = _value(logged, shown.placed, normalised=False)
    kinds = {name.removeprefix("sn"): each for name, each in terms.items() if name.endswith("ips")}
    weights = tuple(
        WeightsFound(kind=kind, **weights_of(each, shown.placed.unit)._asdict()) for kind, each in sorted(kinds.items())
    )
    result = OpeResult(
        logged=base.value,
        logged_interval=_interval(base, asked),
        estimates=tuple(_estimate(name, each, logged, shown.placed, asked) for name, each in terms.items()),
        weights=weights,
        histogram=_histogram(next(iter(kinds.values())).weight) if kinds else (),
        clipped=shown.clipped,
        unsupported=shown.unsupported,
        requests=len(shown.placed.unit),
        items=len(shown.placed.weight),
        units=int(shown.placed.unit.max()) + 1,
    )
    checks = (*together.integrity, *check_weights(result, asked))
    return report_on(
        together,
        data=data,
        integrity=checks,
        decision=decide(Facts(data=data, integrity=checks, asked=asked, found=result), config),
        ope=result,
    )


def _logged(placed: Placed, asked: OpeSettings) -> Terms:
    """Return what each request earned as it was served."""
    starts = np.searchsorted(placed.request, np.arange(len(placed.unit)))
    add = np.maximum if asked.reward_aggregation == "any" else np.add
    earned = add.reduceat(placed.reward, starts)
    return Terms(earned, np.ones(len(earned)))


def _terms(together: Together, shown: Shown, name: str, asked: OpeSettings) -> Terms:
    if name in ("dm", "dr"):
        return model_terms(together, shown, doubly_robust=name == "dr")
    return slate_terms(shown.placed, kind=name.removeprefix("sn"), together=asked.reward_aggregation)


def _value(terms: Terms, placed: Placed, *, normalised: bool) -> Ratio:
    found = estimate(terms, placed.unit, normalised=normalised)
    if found is None:
        raise BadData("fewer than two units have a weight", next_step="is the target policy one of other items?")
    return found


def _estimate(name: str, terms: Terms, logged: Terms, placed: Placed, asked: OpeSettings) -> Estimate:
    """Return an estimate and its gain over what was earned; both are of the same requests, so the gain is paired."""
    normalised = name.startswith("sn")
    found = _value(terms, placed, normalised=normalised)
    # Around the estimate a ratio is linear: what a request adds to it beyond its value, over the mean weight.
    spread = (
        (terms.earned - found.value * terms.weight) / terms.weight.mean() if normalised else terms.earned - found.value
    )
    earned = logged.earned - logged.earned.mean()
    paired = _value(Terms(spread - earned, logged.weight), placed, normalised=False)
    gain = Ratio(found.value - float(logged.earned.mean()), paired.variance, paired.units)
    return Estimate(
        estimator=name,
        value=found.value,
        interval=_interval(found, asked),
        gain=gain.value,
        gain_interval=_interval(gain, asked),
    )


def _interval(found: Ratio, asked: OpeSettings) -> Interval:
    half = student((1 + asked.confidence) / 2, found.units - 1) * math.sqrt(found.variance)
    return Interval.around(found.value, half)


def _histogram(weights: npt.NDArray[Any]) -> tuple[Bin, ...]:
    """Count weights by powers of two; those of 0 apart."""
    zero = int((weights <= 0).sum())
    powers, counts = np.unique(np.floor(np.log2(weights[weights > 0])), return_counts=True)
    bins = [Bin(low=0.0, requests=zero)] if zero else []
    return (*bins, *(Bin(low=float(2.0**power), requests=int(n)) for power, n in zip(powers, counts, strict=True)))
