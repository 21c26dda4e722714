"""Settings of an interleaving's evaluation."""

from typing import Annotated, Literal

from msgspec import Meta

from recsys.evaluation.errors import SettingsInvalid
from recsys.evaluation.measuring.metrics import Metric
from recsys.evaluation.settings import Settings, Unit
from recsys.evaluation.statistics.differences import Inference

__all__ = ["InterleavingSettings"]


class InterleavingSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose lists took turns, and what counts as a vote for one.

    Parameters
    ----------
    control, candidate
        The teams, as the log names them: the variants of the experiment.
    experiment_id
        Which interleaving; without it every exposure with teams is taken.
    algorithm
        ``team_draft``: an item is a vote for who placed it. ``balanced``: the two lists are read from ``ranklists``,
        and clicks are counted in the first places of both, as many as reach the lowest click.
    reward_event
        What is a vote.
    inference
        Which p-value decides: ``sequential`` at any time, ``fixed`` at one look that was planned.
    seed
        Of the randomisation test where units are too many to try every way.
    """

    control: str
    candidate: str
    experiment_id: str | None = None
    algorithm: Literal["team_draft", "balanced"] = "team_draft"
    reward_event: Literal["view", "click", "conversion"] = "click"
    unit: Unit = "anonymous_id"
    alpha: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05
    inference: Inference = "sequential"
    seed: Annotated[int, Meta(ge=0)] = 42
    slice_keys: tuple[str, ...] = ()

    def asked(self) -> tuple[Metric, ...]:
        """Return nothing: votes are counted, not metrics."""
        return ()

    def check(self) -> None:
        """Check what types cannot say."""
        if self.control == self.candidate:
            next_step = "name the two teams"
            raise SettingsInvalid("config: interleaving.control and candidate are the same", next_step=next_step)
