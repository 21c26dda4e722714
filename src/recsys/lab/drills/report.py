"""What came of drills: one document, kept as evidence, that the pages are made from."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from recsys.lab.drills.crowd import Served
from recsys.lab.machine import Machine

__all__ = ["Acted", "Played", "Report", "Seconds"]


class Seconds(msgspec.Struct, frozen=True, kw_only=True):
    """How long it took.

    ``detect``: from the incident to the doctor's finding; ``effect``: from the return of the command that ended it to
    the last answer as before; ``recover``: from the incident to a doctor who finds nothing, with people served again.
    """

    detect: float
    effect: float
    recover: float


class Acted(msgspec.Struct, frozen=True, kw_only=True):
    """One incident of a drill: what the doctor found, and how long it took to end it."""

    symptom: str
    cause: str
    evidence: Mapping[str, Any]
    ruled_out: tuple[str, ...]
    lever: str | None
    command: str | None
    runbook: str | None
    seconds: Seconds


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """One drill. ``typed`` are the commands in their order; ``problems`` say why it failed."""

    name: str
    title: str
    story: str
    passed: bool
    problems: tuple[str, ...]
    acts: tuple[Acted, ...]
    served: Served
    typed: tuple[str, ...]
    seconds: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All drills of one run. ``at`` is when it began."""

    schema: Literal["drill.v1"] = "drill.v1"
    at: str
    version: str
    passed: bool
    seconds: float
    machine: Machine
    scenarios: tuple[Played, ...]
