"""All that one evaluation found, as one frozen value."""

from collections.abc import Mapping

from recsys.evaluation.aa.results import AaResult
from recsys.evaluation.config import Config, Mode
from recsys.evaluation.experiment.results import ExperimentResult
from recsys.evaluation.interleaving.results import InterleavingResult
from recsys.evaluation.offline.results import OfflineResult
from recsys.evaluation.ope.results import OpeResult
from recsys.evaluation.parts import EXIT_CODES, Check, Data, Day, Decision, Drop, Joins, Part

__all__ = ["FORMAT", "Results"]

FORMAT = 1


class Results(Part, frozen=True, kw_only=True):
    """What a report holds, before anything is written for people; of the modes' parts, that of its own."""

    mode: Mode
    decision: Decision
    data: Data
    joins: Joins
    days: tuple[Day, ...]
    drops: tuple[Drop, ...]
    integrity: tuple[Check, ...]
    config: Config
    versions: Mapping[str, str]
    offline: OfflineResult | None = None
    experiment: ExperimentResult | None = None
    interleaving: InterleavingResult | None = None
    ope: OpeResult | None = None
    aa: AaResult | None = None
    baseline: str | None = None
    """Digest of the baseline report's bytes."""
    format: int = FORMAT

    @property
    def exit_code(self) -> int:
        """Return what ``eval run`` exits with."""
        return EXIT_CODES[self.decision.outcome]
