"""What the doctor says, and what it looks at."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from recsys.events.observed import Observed
from recsys.releases import Release, Releases
from recsys.store import Store

__all__ = ["Case", "Finding", "Symptom"]

Symptom = Literal["empty-recs", "stale", "regressed", "pipeline-failed", "not-ready"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong: what it is, how we know, what it is not, and the smallest lever that reverses it."""

    tenant: str
    symptom: Symptom
    cause: str
    evidence: Mapping[str, Any]
    surface: str | None = None
    ruled_out: tuple[str, ...] = ()
    lever: str | None = None
    command: str | None = None
    runbook: str | None = None


class Case(NamedTuple):
    """One tenant as the checks see it.

    ``cache`` is where releases are prepared for replay; ``unseen`` collects what could not be looked at.
    """

    store: Store
    tenant: str
    releases: Releases
    head: Release
    observed: Observed
    now_s: float
    cache: Path
    unseen: list[str]
