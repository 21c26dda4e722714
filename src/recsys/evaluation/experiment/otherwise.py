"""The same effects computed other ways: whether the decision hangs on how it was computed."""

from collections.abc import Iterator, Mapping, Sequence

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.experiment.effects import Measures, Ratios, arm_ratios
from recsys.evaluation.experiment.results import Sensitivity
from recsys.evaluation.experiment.trial import Trial
from recsys.evaluation.measuring.metrics import Metric
from recsys.evaluation.statistics.differences import difference
from recsys.evaluation.statistics.ratios import Ratio

__all__ = ["sensitivity_of"]


def sensitivity_of(
    engine: Engine,
    config: Config,
    trial: Trial,
    measures: Sequence[Measures],
    asked: ExperimentSettings,
    *,
    caps: Mapping[Metric, int],
) -> tuple[Sensitivity, ...]:
    """Compare without what decides: uncapped, unadjusted, without units of several arms, over everybody assigned.

    Units seen in several arms are left out in this line alone: who converts comes back, and crosses over more often.
    """
    found: list[Sensitivity] = []
    for each in measures:
        if each.method != "plain":
            found += _lines(each, each.plain, "plain", trial, asked)
    if caps:
        cut = [each for each in measures if each.metric in caps and each.method == "cuped"]
        for each in cut:
            found += _lines(each, arm_ratios(engine, config, caps=caps)[0, ""][each.metric], "winsorised", trial, asked)
    if trial.crossovers:
        alone = arm_ratios(engine, config, caps=caps, where="which = 0 AND variants = 1").get((0, ""), {})
        for each in measures:
            if (
                each.metric in alone
            ):  # of latencies there is no such line, and none at all where every unit crossed over
                found += _lines(each, alone[each.metric], "without_crossovers", trial, asked)
    if any(trial.assigned_only.values()):
        for each in measures:
            if each.metric.family != "quantile":
                diluted = {arm: _diluted(ratio, trial, arm) for arm, ratio in each.ratios.items()}
                found += _lines(each, diluted, "diluted", trial, asked)
    return tuple(found)


def _diluted(ratio: Ratio | None, trial: Trial, arm: str) -> Ratio | None:
    """Spread what the arm's triggered units did over all that were assigned to it: effects shrink by the share."""
    if ratio is None:
        return None
    share = 1 - trial.assigned_only.get(arm, 0) / trial.seen[arm]
    return Ratio(ratio.value * share, ratio.variance * share * share, trial.seen[arm])


def _lines(each: Measures, ratios: Ratios, way: str, trial: Trial, asked: ExperimentSettings) -> Iterator[Sensitivity]:
    for arm in trial.candidates:
        control, candidate = ratios.get(trial.control), ratios.get(arm)
        if control is not None and candidate is not None:
            seen = difference(control, candidate, alpha=asked.alpha)
            yield Sensitivity(
                variant=arm,
                metric=each.metric.label,
                way=way,  # type: ignore[arg-type]
                absolute=seen.absolute,
                interval=seen.interval(asked.inference),
                p=seen.p(asked.inference),
                units=control.units + candidate.units,
            )
