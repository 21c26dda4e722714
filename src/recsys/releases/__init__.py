"""Releases: the append-only log of what a tenant serves, and the levers that move it.

:class:`Releases` is what callers use. One file per action says what it means (``ship``, ``put``,
``rollback``, ``undo``, ``hold``, ``candidate``, ``withdraw``, ``erase``, ``create``); ``rebase`` says what a lost
race means; ``commit`` is the one loop that writes.
"""

from recsys.releases.arm import Arm
from recsys.releases.attempt import Attempt
from recsys.releases.candidates import Candidates, RunningCandidate
from recsys.releases.ceiling import KEEP
from recsys.releases.change import Change
from recsys.releases.collect import collect_garbage
from recsys.releases.collected import gone_from
from recsys.releases.diff import Diff
from recsys.releases.erase import erase_users
from recsys.releases.errors import (
    AlreadyPromoted,
    AlreadyRolledBack,
    AttemptReused,
    BeingCollected,
    CandidateRuns,
    CannotUndo,
    Collected,
    DamagedRecord,
    Held,
    LogForked,
    LostRace,
    NewerFormat,
    NoCandidate,
    NoReleases,
    NothingOlder,
    NotUnderstood,
    StaleHead,
    UnfitRelease,
    UnknownGeneration,
)
from recsys.releases.expect import Expect
from recsys.releases.export import Export, export_tenant
from recsys.releases.garbage import Collection
from recsys.releases.manifest import ArtifactRef, Manifest, Window
from recsys.releases.plan import Gate
from recsys.releases.record import LEVERS, Candidate, Hold, Lever, Release, Surface, Unit
from recsys.releases.tenancy import create_tenant
from recsys.releases.tenant import Page, Releases
from recsys.releases.verify import Finding, Verification

__all__ = [
    "KEEP",
    "LEVERS",
    "AlreadyPromoted",
    "AlreadyRolledBack",
    "Arm",
    "ArtifactRef",
    "Attempt",
    "AttemptReused",
    "BeingCollected",
    "Candidate",
    "CandidateRuns",
    "Candidates",
    "CannotUndo",
    "Change",
    "Collected",
    "Collection",
    "DamagedRecord",
    "Diff",
    "Expect",
    "Export",
    "Finding",
    "Gate",
    "Held",
    "Hold",
    "Lever",
    "LogForked",
    "LostRace",
    "Manifest",
    "NewerFormat",
    "NoCandidate",
    "NoReleases",
    "NotUnderstood",
    "NothingOlder",
    "Page",
    "Release",
    "Releases",
    "RunningCandidate",
    "StaleHead",
    "Surface",
    "UnfitRelease",
    "Unit",
    "UnknownGeneration",
    "Verification",
    "Window",
    "collect_garbage",
    "create_tenant",
    "erase_users",
    "export_tenant",
    "gone_from",
]
