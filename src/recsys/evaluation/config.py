"""The config file of an evaluation: its mode, what is asked in that mode, and when data can be trusted."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import to_builtins
from msgspec.structs import replace

from recsys.evaluation.aa.config import AaSettings
from recsys.evaluation.errors import SettingsInvalid
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.interleaving.config import InterleavingSettings
from recsys.evaluation.measuring.metrics import Metric
from recsys.evaluation.offline.config import RELEVANT, Offline, Relevance
from recsys.evaluation.ope.config import OpeSettings
from recsys.evaluation.settings import Apply, Attribution, Integrity, Settings, Unit, read_settings

__all__ = ["Config", "Mode", "read_config"]

Mode = Literal["offline", "experiment", "interleaving", "ope", "aa-check"]


Asked = Offline | ExperimentSettings | InterleavingSettings | OpeSettings | AaSettings


class Config(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``mode`` says which of the parts is asked; the others may stand there and are not looked at. ``apply``: what
    ``--apply`` may do.
    """

    mode: Mode = "offline"
    offline: Offline | None = None
    experiment: ExperimentSettings | None = None
    interleaving: InterleavingSettings | None = None
    ope: OpeSettings | None = None
    aa: AaSettings | None = None
    integrity: Integrity = Integrity()
    attribution: Attribution = Attribution()
    apply: Apply = Apply()

    @property
    def asked(self) -> Asked:
        """Return the part of the mode."""
        found = self.part
        assert found is not None, "read_config has looked"
        return found

    @property
    def part(self) -> Asked | None:
        """Return the part of the mode, if it is there."""
        parts: dict[Mode, Asked | None] = {
            "offline": self.offline,
            "experiment": self.experiment,
            "interleaving": self.interleaving,
            "ope": self.ope,
            "aa-check": self.aa,
        }
        return parts[self.mode]

    @property
    def unit(self) -> Unit | None:
        """Return by which id units are told apart; ``None``: by whichever a request has."""
        asked = self.asked
        return None if isinstance(asked, Offline) else asked.unit

    @property
    def reward_event(self) -> str | None:
        """Return what is counted besides metrics, in the modes that count an event."""
        asked = self.asked
        return asked.reward_event if isinstance(asked, InterleavingSettings | OpeSettings) else None

    @property
    def slice_keys(self) -> tuple[str, ...]:
        """Return what to slice by."""
        return self.asked.slice_keys

    @property
    def relevance(self) -> Relevance:
        """Return the grade of each event type."""
        return self.offline.relevance if self.mode == "offline" and self.offline else RELEVANT

    @property
    def confidence(self) -> float:
        """Return the confidence of intervals, in 0..1."""
        asked = self.asked
        return asked.confidence if isinstance(asked, Offline | OpeSettings) else 1 - asked.alpha

    def metrics(self) -> tuple[Metric, ...]:
        """Return the metrics to compute, in the config's order."""
        return self.asked.asked()


def read_config(source: str | Path | Mapping[str, Any] | Config, *, experiment_id: str | None = None) -> Config:
    """Read and check a config file (YAML) or mapping; ``experiment_id`` takes the place of its own.

    Raises
    ------
    SettingsInvalid
        For an unknown key or metric (with the nearest name), a value that makes no sense, or a mode without its part.
    NotInData
        For a gate on a metric that is not computed.
    """
    config = source if isinstance(source, Config) else read_settings(source, Config, what="config")[0]
    if config.part is None:
        name = "aa" if config.mode == "aa-check" else config.mode
        raise SettingsInvalid(f"config: mode {config.mode} and no `{name}:`", next_step="say what is asked")
    if experiment_id is not None:
        config = _of_experiment(config, experiment_id)
    _check_finite(to_builtins(config), "")
    _check_slice_keys(config.slice_keys)
    config.asked.check()
    return config


def _of_experiment(config: Config, experiment_id: str) -> Config:
    if config.mode == "experiment" and config.experiment is not None:
        return replace(config, experiment=replace(config.experiment, experiment_id=experiment_id))
    if config.mode == "interleaving" and config.interleaving is not None:
        return replace(config, interleaving=replace(config.interleaving, experiment_id=experiment_id))
    raise SettingsInvalid(
        f"an experiment id for mode {config.mode}", next_step="modes with one: experiment, interleaving"
    )


def _check_finite(value: object, where: str) -> None:
    """Refuse a number that bounds nothing: ``.nan`` fails every comparison, and ``.inf`` is no limit."""
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsInvalid(f"config: `{where}` is {value}", next_step="give a number, or leave it out")
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, each in inside:
        _check_finite(each, f"{where}[{key}]" if isinstance(key, int) else f"{where}.{key}".removeprefix("."))


def _check_slice_keys(keys: tuple[str, ...]) -> None:
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise SettingsInvalid(f"config: slice_keys has `{twice[0]}` twice", next_step="keep one of them")
