"""What an answer was made of, and who shipped each part of it: the releases its parts came with."""

from collections.abc import Mapping

import msgspec

from recsys.events import Exposure
from recsys.releases import Release
from recsys.releases.errors import DamagedRecord, NewerRecord, UnknownGeneration
from recsys.releases.history import History
from recsys.releases.record import artifacts_of

__all__ = ["Made", "Version", "made_at", "release_at", "versions_of"]


class Made(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A release as far as it says who made it, when and why."""

    generation: int
    at: str
    actor: str
    action: str
    reason: str
    evidence: tuple[str, ...] = ()


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part of what an answer was made of: its digest, and the release it came with. ``part`` is a name as a release
    has it in ``changed``; ``made`` is missing where that release cannot be read.
    """

    part: str
    version: str
    made: Made | None = None


def release_at(history: History, generation: int | None) -> Release | None:
    """Return a release; ``None`` where the log does not have it, or not in a form this version reads."""
    try:
        return None if generation is None else history.record(generation)
    except (UnknownGeneration, DamagedRecord, NewerRecord):
        return None


def made_at(history: History, generation: int | None) -> Made | None:
    """Return who made a generation, when and why."""
    release = release_at(history, generation)
    if release is None:
        return None
    return Made(
        generation=release.generation,
        at=release.at,
        actor=release.actor,
        action=release.action,
        reason=release.reason,
        evidence=release.evidence,
    )


def versions_of(exposure: Exposure, history: History, *, generation: int | None) -> tuple[Version, ...]:
    """Name what an answer was made of, as recorded, each with the release it came with."""
    release = release_at(history, generation)
    surface = exposure.context.get("surface", "")
    named = {"config": "config", "rules": "rules", artifacts_of(surface): "manifest"}
    recorded = {part: exposure.context.get(f"{what}_version") for part, what in named.items()}
    came = {} if release is None else dict(release.changed)
    if release is not None:
        recorded["overlay"] = release.overlay
        if exposure.decision is not None and exposure.decision.arm == "candidate":
            came |= _of_candidate(release, surface)
    return tuple(
        Version(part=part, version=version, made=made_at(history, came.get(part)))
        for part, version in recorded.items()
        if version is not None
    )


def _of_candidate(release: Release, surface: str) -> Mapping[str, int]:
    """Return the parts that a candidate brings, with the generation that began it."""
    served = release.surfaces.get(surface)
    candidate = None if served is None else served.candidate
    if candidate is None:
        return {}
    brought = {"config": candidate.config, "rules": candidate.rules, artifacts_of(surface): candidate.manifest}
    return {part: candidate.since for part, named in brought.items() if named is not None}
