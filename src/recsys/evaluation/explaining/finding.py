"""What is said of one symptom."""

from collections.abc import Mapping
from typing import Any, Literal

from recsys.evaluation.parts import Part

__all__ = ["Finding", "Symptom", "Verdict", "found", "not_seen", "ruled_out"]

Symptom = Literal[
    "missing_days",
    "missing_arm",
    "everything_wins",
    "low_joins",
    "reused_request_ids",
    "unrecorded_answers",
    "clocks",
    "all_zero",
    "uncounted_outcomes",
    "crossovers",
    "sample_ratio",
    "weights",
    "few_units",
    "one_day",
    "novelty",
    "impossible_lift",
    "bots",
    "other_checks",
]
Verdict = Literal["found", "ruled_out", "not_seen"]


class Finding(Part, frozen=True, kw_only=True):
    """One symptom: whether it is there, by what evidence, since when, where, and what to do next.

    ``first_bad_day`` and ``last_bad_day`` are the ends of the days in a row that are farthest from what they should be
    (:mod:`recsys.evaluation.explaining.days`), in UTC. ``stands_out`` is the slice that shows it most, like
    ``surface = pdp``. ``requests`` are some request ids to look up, from those days and that slice; only the data has
    them, no report. ``brings`` names symptoms that this one brings about; ``follows_from`` the found one that brought
    this about. ``unseen`` says what could not be looked at, and how it could.
    """

    symptom: Symptom
    verdict: Verdict
    said: str
    evidence: Mapping[str, Any] = {}
    first_bad_day: str | None = None
    last_bad_day: str | None = None
    stands_out: str | None = None
    requests: tuple[str, ...] = ()
    cause: str = ""
    next_step: str = ""
    brings: tuple[Symptom, ...] = ()
    follows_from: Symptom | None = None
    unseen: str = ""


def found(symptom: Symptom, said: str, *, cause: str, next_step: str, **more: Any) -> Finding:
    """Return what speaks for a symptom."""
    return Finding(symptom=symptom, verdict="found", said=said, cause=cause, next_step=next_step, **more)


def ruled_out(symptom: Symptom, said: str, **more: Any) -> Finding:
    """Return what speaks against it."""
    return Finding(symptom=symptom, verdict="ruled_out", said=said, **more)


def not_seen(symptom: Symptom, said: str, **more: Any) -> Finding:
    """Return why neither can be told."""
    return Finding(symptom=symptom, verdict="not_seen", said=said, **more)
