"""What the doctor says, and what it looks at."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from recsys.events.observed import GenerationStats, Observed
from recsys.operations.here import Here
from recsys.releases import Release, Releases
from recsys.store import Store

__all__ = ["SYMPTOMS", "Case", "Diagnosis", "Finding", "Symptom"]

Symptom = Literal[
    "empty-recs",
    "not-ready",
    "latency",
    "limit-exceeded",
    "stale",
    "regressed",
    "pipeline-failed",
    "validation-failed",
    "eval-wrong",
]
SYMPTOMS: tuple[Symptom, ...] = get_args(Symptom)
"""In the order of the checklist: what users notice first comes first."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong: what it is, how we know, what it is not, and the smallest lever that reverses it.

    ``command`` is the whole line, ready to run; ``next_step`` says what to do where no command can. ``tenant`` is left
    out where a host is in trouble with all of them; ``host`` names it.
    """

    symptom: Symptom
    cause: str
    evidence: Mapping[str, Any]
    tenant: str | None = None
    surface: str | None = None
    host: str | None = None
    ruled_out: tuple[str, ...] = ()
    lever: str | None = None
    command: str | None = None
    next_step: str | None = None
    runbook: str | None = None


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and what could not be seen. Healthy means: nothing found."""

    healthy: bool
    findings: tuple[Finding, ...]
    unseen: tuple[str, ...]


class Case(NamedTuple):
    """One tenant as the checks see it.

    ``cache`` is where releases are prepared for replay; ``unseen`` collects what could not be looked at. ``here`` is
    the host the doctor stands on, where it serves. ``asked``: the symptoms that are looked for.
    """

    store: Store
    tenant: str
    releases: Releases
    head: Release
    observed: Observed
    now_s: float
    cache: Path
    unseen: list[str]
    here: Here | None = None
    asked: frozenset[Symptom] = frozenset(SYMPTOMS)

    def served(self, surface: str) -> list[GenerationStats]:
        """Return what was answered by each generation, oldest first. A log that was put back from a backup lacks those
        that were made after it; nothing can be said of what they changed.
        """
        rows = self.observed.generations(surface)
        if any(row.generation > self.head.generation for row in rows):
            self.not_seen(f"{self.tenant}: answers of generations after {self.head.generation}: this log lacks them")
        return [row for row in rows if row.generation <= self.head.generation]

    def not_seen(self, said: str) -> None:
        """Note what could not be looked at, once."""
        if said not in self.unseen:
            self.unseen.append(said)
