"""The evaluation of an experiment, from logs in the engine to a report."""

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine
from recsys.evaluation.experiment.answerable import answerable_part
from recsys.evaluation.experiment.balance import balance_of, check_balance, check_crossovers, check_days
from recsys.evaluation.experiment.before import adjusted_by_before
from recsys.evaluation.experiment.ceilings import ceilings_of
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.experiment.doubts import (
    check_agreement,
    check_arm_clocks,
    check_assigned,
    check_complement,
    check_enough,
    check_lifts,
    check_measured,
)
from recsys.evaluation.experiment.effects import (
    Measures,
    arm_ratios,
    effects_of,
    money_caps,
    quantiles_of,
)
from recsys.evaluation.experiment.guardrails import guardrails_of
from recsys.evaluation.experiment.otherwise import sensitivity_of
from recsys.evaluation.experiment.results import Arm, ExperimentResult, SliceEffect
from recsys.evaluation.experiment.rules import Facts, decide
from recsys.evaluation.experiment.timeline import effects_by_time
from recsys.evaluation.experiment.trial import Trial, make_trial
from recsys.evaluation.joining.together import Together, describe
from recsys.evaluation.measuring.measures import mean_of, score_requests
from recsys.evaluation.measuring.metrics import Metric, metric_named
from recsys.evaluation.parts import Check
from recsys.evaluation.report import Report
from recsys.evaluation.reporting import report_on
from recsys.evaluation.statistics.differences import difference
from recsys.evaluation.statistics.ratios import Ratio

__all__ = ["run_experiment"]

_JUDGED_ALONE = "JOIN (SELECT request, unit FROM evaluated) AS judged USING (request)"


def run_experiment(together: Together) -> Report:
    """Compare the arms of an experiment."""
    trial = make_trial(together)
    assert together.config.experiment is not None
    ceilings = ceilings_of(together.engine, together.config.experiment)
    together, unanswered = answerable_part(together, trial, ceilings)
    engine, config = together.engine, together.config
    asked = config.experiment
    assert asked is not None
    score_requests(engine, config, reranked=False, only=_JUDGED_ALONE, unit="judged.unit")
    data = describe(together)
    caps = money_caps(engine, config, asked)
    by_slice = arm_ratios(engine, config, caps=caps)
    measures = _measures(together, trial, caps, by_slice[0, ""])
    (first, last) = engine.row("SELECT min(first_us), (SELECT max(last_us) FROM shown) FROM arms")
    days = max((last - first) / 86_400e6, 1.0)
    effects = effects_of(measures, trial, asked, days=days)
    balance = balance_of(engine, config, trial)
    requests = dict(engine.rows("SELECT arm, count(*) FROM evaluated JOIN arms USING (unit) GROUP BY 1"))
    found = ExperimentResult(
        experiment_id=asked.experiment_id,
        tenants=trial.tenants,
        surfaces=trial.surfaces,
        control=trial.control,
        arms=tuple(
            Arm(
                variant=arm,
                meant_share=trial.meant.get(arm, 0.0) / sum(trial.meant.values()),
                units=trial.seen.get(arm, 0),
                requests=requests.get(arm, 0),
            )
            for arm in (trial.control, *trial.candidates)
        ),
        effects=effects,
        guardrails=guardrails_of(measures, trial, asked),
        ceilings=ceilings,
        sample_ratio=balance,
        sensitivity=sensitivity_of(engine, config, trial, measures, asked, caps=caps),
        by_time=effects_by_time(engine, config, trial, asked, caps=caps),
        slices=_slices(config, trial, asked, by_slice),
        units=sum(trial.seen.values()),
        crossovers=trial.crossovers,
        requests_without_unit=trial.requests_without_unit,
        days=days,
    )
    checks = (*together.integrity, *unanswered, *_checks(engine, together, trial, found, measures))
    return report_on(
        together,
        data=data,
        integrity=checks,
        decision=decide(Facts(data=data, integrity=checks, asked=asked, found=found), config),
        experiment=found,
    )


def _measures(
    together: Together, trial: Trial, caps: dict[Metric, int], ratios: dict[Metric, dict[str, Ratio | None]]
) -> list[Measures]:
    """Return every metric by arm as it decides: money capped, the CUPED metric adjusted."""
    engine, config = together.engine, together.config
    asked = config.experiment
    assert asked is not None
    plain = arm_ratios(engine, config, caps={})[0, ""] if caps else ratios
    quantiles = quantiles_of(
        engine, [metric for metric in config.metrics() if metric.family == "quantile"], confidence=config.confidence
    )
    found = []
    for metric in config.metrics():
        if metric.family == "quantile":
            found.append(Measures(metric, "served", quantiles[metric], quantiles[metric]))
            continue
        method = "winsorised" if metric in caps else "plain"
        each = Measures(metric, mean_of(config, metric).over, ratios[metric], plain[metric], method)
        if asked.cuped is not None and metric_named(asked.cuped.metric) == metric:
            each = adjusted_by_before(together, trial, each, caps=caps)
        found.append(each)
    return found


def _checks(
    engine: Engine,
    together: Together,
    trial: Trial,
    found: ExperimentResult,
    measures: list[Measures],
) -> tuple[Check, ...]:
    asked = together.config.experiment
    assert asked is not None
    checks = [
        check_balance(found.sample_ratio, trial),
        check_days(found.sample_ratio, trial),
        check_arm_clocks(engine, together.config.integrity.max_early_outcomes),
        check_measured(found.effects),
        check_crossovers(trial, asked.max_crossovers),
        check_lifts(found.effects, asked),
    ]
    if asked.inference == "sequential":
        checks.append(check_enough(measures, trial))
    if "assignments" in together.opened:
        checks += [
            check_assigned(engine, asked, together.config.integrity.min_join_rate),
            check_complement(trial),
            *check_agreement(engine, asked, together.config.integrity.max_early_outcomes),
        ]
    return tuple(checks)


def _slices(
    config: Config,
    trial: Trial,
    asked: ExperimentSettings,
    by_slice: dict[tuple[int, str], dict[Metric, dict[str, Ratio | None]]],
) -> tuple[SliceEffect, ...]:
    found = []
    for (which, value), metrics in by_slice.items():
        for metric, ratios in metrics.items() if which else ():
            for arm in trial.candidates:
                control, candidate = ratios.get(trial.control), ratios.get(arm)
                if control is None or candidate is None:
                    continue
                seen = difference(control, candidate, alpha=asked.alpha)
                found.append(
                    SliceEffect(
                        key=config.slice_keys[which - 1],
                        value=value,
                        variant=arm,
                        metric=metric.label,
                        control=control.value,
                        candidate=candidate.value,
                        absolute=seen.absolute,
                        interval=seen.interval(asked.inference),
                        units=control.units + candidate.units,
                    )
                )
    return tuple(found)
