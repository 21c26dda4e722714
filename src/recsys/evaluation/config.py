"""The config file of an evaluation: what to measure and what must hold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from recsys.encoding import did_you_mean
from recsys.evaluation.errors import NotInData, SettingsInvalid
from recsys.evaluation.metrics import METRICS, Metric
from recsys.evaluation.settings import read_settings

__all__ = ["Attribution", "Config", "Gate", "Integrity", "MetricSpec", "Offline", "read_config"]

Share = Annotated[float, Meta(ge=0, le=1)]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Integrity(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the data cannot be trusted to decide on. All are shares.

    ``min_join_rate`` gates ``outcomes_matched``. ``max_duplicates``: exposure rows beyond the first of their
    request id. ``max_unrecorded``: answers the service says it could not record. ``max_early_outcomes``:
    matched outcomes that come before their exposure, which means clocks disagree.
    """

    min_join_rate: Share = 0.95
    max_duplicates: Share = 0.0
    max_unrecorded: Share = 0.001
    max_early_outcomes: Share = 0.01


class Attribution(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which outcomes count for a request: after it, within the window, and on an item it showed."""

    window_h: Annotated[float, Meta(gt=0, le=24 * 366)] = 24.0
    require_shown: bool = True


class MetricSpec(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A metric to compute; lists take ``k``, rates take a ``denominator`` (``served`` or ``viewed``
    requests).
    """

    name: str
    k: Annotated[int, Meta(ge=1, le=1000)] | None = None
    denominator: Literal["served", "viewed"] | None = None


class Gate(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run must show to pass. ``metric`` as the report names it: ``ndcg@10``, ``ctr:served``.

    ``max_drop`` bounds baseline minus candidate, in the metric's own units, or as a share of the baseline
    when ``relative``. ``min_value`` bounds the metric itself and needs no baseline.
    """

    metric: str
    max_drop: Annotated[float, Meta(ge=0)] | None = None
    relative: bool = False
    min_value: float | None = None


class Offline(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``relevance`` grades an item by what the user did with it (the highest grade counts); 0 or absent is
    not relevant.
    """

    metrics: tuple[MetricSpec, ...]
    slice_keys: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    relevance: Mapping[Literal["view", "click", "conversion"], Annotated[int, Meta(ge=0, le=100)]] = msgspec.field(
        default_factory=lambda: {"click": 1, "conversion": 1}
    )
    confidence: Annotated[float, Meta(gt=0.5, lt=1)] = 0.95


class Config(_Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    offline: Offline
    mode: Literal["offline"] = "offline"
    integrity: Integrity = Integrity()
    attribution: Attribution = Attribution()

    def metrics(self) -> tuple[Metric, ...]:
        """Return the metrics to compute, in the config's order."""
        return tuple(_metric(spec) for spec in self.offline.metrics)


def read_config(source: str | Path | Mapping[str, Any] | Config) -> Config:
    """Read and check a config file (YAML) or mapping.

    Raises
    ------
    SettingsInvalid
        For an unknown key or metric (with the nearest name) or a value that makes no sense.
    NotInData
        For a gate on a metric that is not computed.
    """
    if isinstance(source, Config):
        config = source
    else:
        config, _ = read_settings(source, Config, what="config")
    _check(config)
    return config


def _check(config: Config) -> None:
    offline = config.offline
    if not offline.metrics:
        raise SettingsInvalid("config: offline.metrics is empty", next_step="name at least one metric")
    labels = [metric.label for metric in config.metrics()]
    for what, names in (("metrics", labels), ("slice_keys", list(offline.slice_keys))):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SettingsInvalid(f"config: offline.{what} has `{twice[0]}` twice", next_step="keep one of them")
    if not any(offline.relevance.values()):
        raise SettingsInvalid("config: offline.relevance makes nothing relevant", next_step="grade click or conversion")
    for gate in offline.gates:
        _check_gate(gate, config.metrics())


def _check_gate(gate: Gate, metrics: tuple[Metric, ...]) -> None:
    named = {metric.label: metric for metric in metrics}
    if gate.metric not in named:
        raise NotInData("gate", gate.metric, reason="not among offline.metrics", known=tuple(named))
    if gate.max_drop is None and gate.min_value is None:
        raise SettingsInvalid(f"config: gate `{gate.metric}` demands nothing", next_step="give max_drop or min_value")
    if named[gate.metric].family == "catalogue":
        raise SettingsInvalid(
            f"config: gate `{gate.metric}` has no value per request, so no interval to decide by",
            next_step="gate a ranking metric or a rate",
        )


def _metric(spec: MetricSpec) -> Metric:
    definition = METRICS.get(spec.name)
    if definition is None:
        raise SettingsInvalid(f"config: unknown metric `{spec.name}`", next_step=did_you_mean(spec.name, METRICS))
    if definition.family == "rate":
        if spec.k is not None:
            raise SettingsInvalid(f"config: `{spec.name}` takes no k", next_step="it is a rate over requests")
        return Metric(name=spec.name, denominator=spec.denominator or "served")
    if spec.k is None:
        raise SettingsInvalid(f"config: `{spec.name}` needs k", next_step=f"like {{name: {spec.name}, k: 10}}")
    if spec.denominator is not None:
        raise SettingsInvalid(f"config: `{spec.name}` takes no denominator", next_step="it is a mean over requests")
    return Metric(name=spec.name, k=spec.k)
