"""Releases: the append-only log of what a tenant serves, and the levers that move it.

:class:`Releases` is what callers use. One file per action says what it means (``ship``, ``put``,
``rollback``, ``undo``, ``hold``, ``withdraw``, ``create``); ``rebase`` says what a lost race means;
``commit`` is the one loop that writes.
"""

from recsys.releases.attempt import Attempt
from recsys.releases.change import Change
from recsys.releases.diff import Diff
from recsys.releases.errors import (
    AlreadyRolledBack,
    AttemptReused,
    CannotUndo,
    DamagedRecord,
    Held,
    LogForked,
    LostRace,
    NewerFormat,
    NoReleases,
    NothingOlder,
    StaleHead,
    UnfitRelease,
    UnknownGeneration,
)
from recsys.releases.expect import Expect
from recsys.releases.manifest import ArtifactRef, Manifest, Window
from recsys.releases.plan import Gate
from recsys.releases.record import LEVERS, Hold, Lever, Release, Surface
from recsys.releases.tenant import Page, Releases, create_tenant
from recsys.releases.verify import Finding, Verification

__all__ = [
    "LEVERS",
    "AlreadyRolledBack",
    "ArtifactRef",
    "Attempt",
    "AttemptReused",
    "CannotUndo",
    "Change",
    "DamagedRecord",
    "Diff",
    "Expect",
    "Finding",
    "Gate",
    "Held",
    "Hold",
    "Lever",
    "LogForked",
    "LostRace",
    "Manifest",
    "NewerFormat",
    "NoReleases",
    "NothingOlder",
    "Page",
    "Release",
    "Releases",
    "StaleHead",
    "Surface",
    "UnfitRelease",
    "UnknownGeneration",
    "Verification",
    "Window",
    "create_tenant",
]
