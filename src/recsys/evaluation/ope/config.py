"""Settings of an off-policy evaluation."""

from typing import Annotated, Literal

from msgspec import Meta

from recsys.evaluation.errors import SettingsInvalid
from recsys.evaluation.measuring.metrics import Metric
from recsys.evaluation.settings import Settings, Share, Unit

__all__ = ["Estimator", "OpeSettings"]

Estimator = Literal["sips", "iips", "rips", "snsips", "sniips", "snrips", "dm", "dr"]


class OpeSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is earned, how it is estimated, and when an estimate says nothing.

    Parameters
    ----------
    reward_event
        An item of a list earns 1 when it is acted on so.
    reward_aggregation
        A list earns the ``sum`` of its items; or 1 if ``any`` earned, which only slate estimators (``sips``,
        ``snsips``) can tell.
    estimators
        The first decides.
    context_keys
        What of the context the reward model of ``dm`` and ``dr`` may look at, beside item and rank.
    min_propensity
        Logging propensities below it are taken for it: weights are clipped.
    min_ess
        Requests that the weighted log is worth, at least.
    max_weight_share
        Of all weight, what one request may have at most.
    max_mean_off
        How far the mean weight may lie from 1: it is 1 when the propensities are true.
    max_clipped, max_unsupported
        Share of items whose propensity was clipped; whose logging propensity is missing or 0.
    """

    reward_event: Literal["view", "click", "conversion"] = "click"
    reward_aggregation: Literal["sum", "any"] = "sum"
    unit: Unit = "request_id"
    estimators: tuple[Estimator, ...] = ("snrips", "rips", "sniips", "iips", "snsips", "sips")
    context_keys: tuple[str, ...] = ()
    confidence: Annotated[float, Meta(gt=0.5, lt=1)] = 0.95
    min_propensity: Annotated[float, Meta(gt=0, lt=1)] = 1e-6
    min_ess: Annotated[float, Meta(ge=1)] = 100.0
    max_weight_share: Share = 0.05
    max_mean_off: Annotated[float, Meta(gt=0)] = 0.1
    max_clipped: Share = 0.01
    max_unsupported: Share = 0.0

    @property
    def slice_keys(self) -> tuple[str, ...]:
        """Return nothing: a slice is a dataset of its own."""
        return ()

    def asked(self) -> tuple[Metric, ...]:
        """Return nothing: what is earned is estimated, not measured."""
        return ()

    def check(self) -> None:
        """Check what types cannot say."""
        if not self.estimators:
            raise SettingsInvalid("config: ope.estimators is empty", next_step="name at least one, like snrips")
        if len(set(self.estimators)) < len(self.estimators):
            raise SettingsInvalid("config: ope.estimators has one twice", next_step="keep one of them")
        others = [name for name in self.estimators if not name.endswith("sips")]
        if self.reward_aggregation == "any" and others:
            next_step = "leave it out, or let reward_aggregation be sum"
            raise SettingsInvalid(f"config: ope estimator `{others[0]}` adds up items", next_step=next_step)
