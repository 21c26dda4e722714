"""Settings of an experiment's evaluation."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from recsys.evaluation.errors import SettingsInvalid
from recsys.evaluation.measuring.metrics import Metric, metric_named
from recsys.evaluation.settings import Settings, Unit
from recsys.evaluation.statistics.corrections import Correction
from recsys.evaluation.statistics.differences import Inference

__all__ = ["Cuped", "ExperimentSettings", "Guardrail"]

Positive = Annotated[float, Meta(gt=0)]


class Guardrail(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a candidate must not harm.

    ``margin``: how much worse than control it may be, in the metric's units, or as a share of control's when
    ``relative``. ``ceiling``: what the candidate's own value must not exceed; of service metrics and latencies it is
    watched on all requests of the arm, and ends the arm at once.
    """

    metric: str
    margin: Annotated[float, Meta(ge=0)] | None = None
    relative: bool = False
    ceiling: Positive | None = None


class Cuped(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The metric whose variance is reduced by what its units did in the ``days`` before the experiment."""

    metric: str
    days: Annotated[int, Meta(ge=1, le=366)] = 14


class ExperimentSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is compared, on which metrics, and by which statistics.

    Parameters
    ----------
    variants
        The share of units that each arm was meant to get. Empty: every arm seen was meant to get as many.
    mde
        The smallest relative effect on the primary metrics that would matter: what the days still needed are for.
    planned_n
        Units of all arms at which the one look of ``fixed`` inference is taken.
    inference
        Which interval decides: ``sequential`` at any time, ``fixed`` only at ``planned_n``.
    success_metrics
        Ship takes one of them better; without any, the primary metrics.
    exclude
        Requests that are left out, by what their context says: ``{device: [kiosk]}``.
    winsorise
        Units' sums of money are capped at this quantile of them; 1 caps nothing.
    usual_effect
        Standard deviation of relative effects as experiments usually have them: what is far beyond is doubted.
    max_crossovers
        Share of units that were seen in more than one arm.
    """

    primary_metrics: tuple[str, ...]
    experiment_id: str = ""
    control_variant: str = "control"
    variants: Mapping[str, Positive] = {}
    unit: Unit = "anonymous_id"
    alpha: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05
    power: Annotated[float, Meta(gt=0, lt=1)] = 0.8
    mde: Positive | None = None
    planned_n: Annotated[int, Meta(ge=2)] | None = None
    inference: Inference = "sequential"
    success_metrics: tuple[str, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    correction: Correction = "holm"
    cuped: Cuped | None = None
    exclude: Mapping[str, tuple[str, ...]] = {}
    slice_keys: tuple[str, ...] = ()
    winsorise: Annotated[float, Meta(gt=0.5, le=1)] = 0.999
    usual_effect: Positive = 0.1
    max_crossovers: Annotated[float, Meta(ge=0, le=1)] = 0.01

    @property
    def successes(self) -> tuple[str, ...]:
        """Return the labels of the metrics of which one must be better to ship."""
        return tuple(metric_named(name).label for name in self.success_metrics or self.primary_metrics)

    @property
    def primaries(self) -> tuple[str, ...]:
        """Return the labels of the primary metrics."""
        return tuple(metric_named(name).label for name in self.primary_metrics)

    def asked(self) -> tuple[Metric, ...]:
        """Return every metric that plays a part, each once: primary, success, guardrails."""
        names = (*self.primary_metrics, *self.success_metrics, *(guard.metric for guard in self.guardrails))
        return tuple(dict.fromkeys(metric_named(name) for name in names))

    def check(self) -> None:
        """Check what types cannot say."""
        if not self.experiment_id:
            next_step = "add it, or give --experiment-id; a candidate's: recsys candidate show"
            raise SettingsInvalid("config: no experiment.experiment_id", next_step=next_step)
        if not self.primary_metrics:
            raise SettingsInvalid("config: experiment.primary_metrics is empty", next_step="say what is to get better")
        for metric in self.asked():
            if metric.family == "catalogue":
                next_step = "compare means over requests, rates or latencies"
                raise SettingsInvalid(f"config: `{metric.label}` has no value per request", next_step=next_step)
        if self.variants and self.control_variant not in self.variants:
            known = ", ".join(sorted(self.variants))
            raise SettingsInvalid(
                f"config: experiment.control_variant `{self.control_variant}` is not among the variants",
                next_step=f"known: {known}",
            )
        if self.inference == "fixed" and self.planned_n is None:
            next_step = "say how many units were planned, or let inference be sequential"
            raise SettingsInvalid("config: fixed inference takes experiment.planned_n", next_step=next_step)
        for guard in self.guardrails:
            if guard.margin is None and guard.ceiling is None:
                next_step = "give margin or ceiling"
                raise SettingsInvalid(f"config: guardrail `{guard.metric}` demands nothing", next_step=next_step)
        if self.cuped is not None and metric_named(self.cuped.metric) not in self.asked():
            next_step = "name one of the metrics"
            raise SettingsInvalid(f"config: cuped.metric `{self.cuped.metric}` is not compared", next_step=next_step)
