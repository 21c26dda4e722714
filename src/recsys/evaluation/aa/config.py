"""Settings of an A/A check."""

from typing import Annotated

from msgspec import Meta

from recsys.evaluation.errors import SettingsInvalid
from recsys.evaluation.measuring.metrics import Metric, metric_named
from recsys.evaluation.settings import Settings, Unit

__all__ = ["AaSettings"]


class AaSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is tested: ``metrics`` over ``unit``, split in halves ``splits`` times by chance that ``seed`` begins."""

    metrics: tuple[str, ...]
    unit: Unit = "anonymous_id"
    alpha: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05
    splits: Annotated[int, Meta(ge=1000, le=1_000_000)] = 1000
    seed: Annotated[int, Meta(ge=0)] = 42

    @property
    def slice_keys(self) -> tuple[str, ...]:
        """Return nothing: units are split whole."""
        return ()

    def asked(self) -> tuple[Metric, ...]:
        """Return the metrics, each once."""
        return tuple(dict.fromkeys(metric_named(name) for name in self.metrics))

    def check(self) -> None:
        """Check what types cannot say."""
        if not self.metrics:
            raise SettingsInvalid("config: aa.metrics is empty", next_step="name what your experiments compare")
        for metric in self.asked():
            if metric.family in ("catalogue", "quantile"):
                next_step = "check means over requests and rates"
                raise SettingsInvalid(f"config: `{metric.label}` is no ratio over units", next_step=next_step)
