"""Which metrics the data can answer. One that it cannot is an error; but an arm that harms people is ended anyway."""

from collections.abc import Container, Sequence

from msgspec.structs import replace

from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.experiment.results import ArmCeiling
from recsys.evaluation.experiment.trial import Trial
from recsys.evaluation.joining.together import Together
from recsys.evaluation.measuring.measures import unanswerable
from recsys.evaluation.measuring.metrics import Metric, metric_named
from recsys.evaluation.parts import Check

__all__ = ["answerable_part"]


def answerable_part(
    together: Together, trial: Trial, ceilings: Sequence[ArmCeiling]
) -> tuple[Together, tuple[Check, ...]]:
    """Return what is to be judged without the metrics that an arm which breaks a ceiling left no data for, and a check
    that names them.

    A crashing arm has no conversions yet: an error for that would keep it burning.

    Raises
    ------
    NotInData
        For a metric that the data does not have, where no candidate breaks a ceiling.
    """
    lacking = unanswerable(together.engine, together.config, reranked=False)
    if not lacking:
        return together, ()
    if not any(arm.broken and arm.variant != trial.control for arm in ceilings):
        raise next(iter(lacking.values()))
    asked = together.config.experiment
    assert asked is not None
    said = "; ".join(error.message for error in lacking.values())
    check = Check(name="answerable", state="hold", value=float(len(lacking)), threshold=0.0, sentence=said)
    return together._replace(config=replace(together.config, experiment=_without(asked, lacking))), (check,)


def _without(asked: ExperimentSettings, lacking: Container[Metric]) -> ExperimentSettings:
    def kept(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if metric_named(name) not in lacking)

    cuped = asked.cuped
    return replace(
        asked,
        primary_metrics=kept(asked.primary_metrics),
        success_metrics=kept(asked.success_metrics),
        guardrails=tuple(guard for guard in asked.guardrails if metric_named(guard.metric) not in lacking),
        cuped=None if cuped is None or metric_named(cuped.metric) in lacking else cuped,
    )
