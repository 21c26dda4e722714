"""Settings of offline evaluation: what to measure and what must hold."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from recsys.evaluation.errors import NotInData, SettingsInvalid
from recsys.evaluation.measuring.metrics import Denominator, Metric, metric_of
from recsys.evaluation.settings import Settings

__all__ = ["RELEVANT", "Gate", "MetricSpec", "Offline", "Relevance"]

Relevance = Mapping[Literal["view", "click", "conversion"], Annotated[int, Meta(ge=0, le=100)]]
RELEVANT: Relevance = {"click": 1, "conversion": 1}
"""What is relevant unless a config says otherwise."""


class MetricSpec(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A metric to compute; lists take ``k``, rates take a ``denominator`` (``served`` or ``viewed``
    requests).
    """

    name: str
    k: Annotated[int, Meta(ge=1, le=1000)] | None = None
    denominator: Denominator | None = None


class Gate(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run must show to pass. ``metric`` as the report names it: ``ndcg@10``, ``ctr:served``.

    ``max_drop`` bounds baseline minus candidate, in the metric's own units, or as a share of the baseline
    when ``relative``. ``min_value`` bounds the metric itself and needs no baseline.
    """

    metric: str
    max_drop: Annotated[float, Meta(ge=0)] | None = None
    relative: bool = False
    min_value: float | None = None


class Offline(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``relevance`` grades an item by what the user did with it (the highest grade counts); 0 or absent is
    not relevant.
    """

    metrics: tuple[MetricSpec, ...]
    slice_keys: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    relevance: Relevance = msgspec.field(default_factory=lambda: dict(RELEVANT))
    confidence: Annotated[float, Meta(gt=0.5, lt=1)] = 0.95

    def asked(self) -> tuple[Metric, ...]:
        """Return the metrics to compute, in the config's order."""
        return tuple(metric_of(spec.name, k=spec.k, denominator=spec.denominator) for spec in self.metrics)

    def check(self) -> None:
        """Check what types cannot say."""
        metrics = self.asked()
        if not metrics:
            raise SettingsInvalid("config: offline.metrics is empty", next_step="name at least one metric")
        names = [metric.label for metric in metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SettingsInvalid(f"config: offline.metrics has `{twice[0]}` twice", next_step="keep one of them")
        if not any(self.relevance.values()):
            next_step = "grade click or conversion"
            raise SettingsInvalid("config: offline.relevance makes nothing relevant", next_step=next_step)
        named = {metric.label: metric for metric in metrics}
        for metric in metrics:
            if metric.family == "quantile":
                next_step = "it is compared between the arms of an experiment"
                raise SettingsInvalid(f"config: `{metric.label}` is no mean over requests", next_step=next_step)
        for gate in self.gates:
            _check_gate(gate, named)


def _check_gate(gate: Gate, named: Mapping[str, Metric]) -> None:
    if gate.metric not in named:
        raise NotInData("gate", gate.metric, reason="not among offline.metrics", known=tuple(named))
    if gate.max_drop is None and gate.min_value is None:
        raise SettingsInvalid(f"config: gate `{gate.metric}` demands nothing", next_step="give max_drop or min_value")
    if named[gate.metric].family == "catalogue":
        raise SettingsInvalid(
            f"config: gate `{gate.metric}` has no value per request, so no interval to decide by",
            next_step="gate a ranking metric or a rate",
        )
