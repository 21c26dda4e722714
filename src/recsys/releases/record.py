"""The release record: one generation of a tenant, naming everything that can change an answer."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from recsys.encoding import canonical

__all__ = [
    "FORMAT",
    "LEVERS",
    "Action",
    "Candidate",
    "Hold",
    "Lever",
    "Release",
    "Requires",
    "Surface",
    "artifacts_of",
    "levers_touched",
    "parts_of",
    "touched",
]

FORMAT = 1
"""The store format this version of the package writes and reads."""

Action = Literal[
    "create",
    "ship",
    "config",
    "rules",
    "items",
    "rollback",
    "undo",
    "hold",
    "resume",
    "candidate",
    "promote",
    "abort",
    "withdraw",
    "erase",
    "gc",
]
Lever = Literal["config", "rules", "artifacts", "all"]
LEVERS: tuple[Lever, ...] = ("config", "rules", "artifacts")
"""The levers a hold can cover and a release can change; ``all`` is the three together."""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """The state "stop shipping": refuses changes to these levers of one surface (``None``: every surface) until
    resumed.

    ``generation`` is the release that placed it, so that a refusal can name it.
    """

    surface: str | None
    levers: tuple[Lever, ...]
    reason: str
    actor: str
    since: str
    generation: int | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Content served to a share of subjects before it is promoted or aborted."""

    share: float
    unit: str = "anonymous_id"
    manifest: str | None = None
    config: str | None = None
    rules: str | None = None


class Surface(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one surface serves: the digest of its manifest, and a candidate beside it."""

    manifest: str | None = None
    candidate: Candidate | None = None


class Requires(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader must understand before it may serve this release."""

    format: int = FORMAT


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One generation. Readers ignore fields they do not know; writers carry every field forward.

    ``config``, ``rules``, ``overlay``, ``withdrawn`` and ``erased`` are digests of blobs; ``changed`` says
    in which generation each lever last changed (``config``, ``rules``, ``artifacts:<surface>``);
    ``restores`` is the generation whose content a rollback or undo brought back; ``previous`` is the digest
    of the record before, byte for byte; ``intent`` is the digest of what the attempt asked for, absent in records
    of before it was kept.
    """

    tenant: str
    generation: int
    log: str
    attempt: str
    at: str
    actor: str
    action: Action
    reason: str
    config: str
    rules: str
    evidence: tuple[str, ...] = ()
    surfaces: Mapping[str, Surface] = {}
    overlay: str | None = None
    withdrawn: str | None = None
    erased: str | None = None
    holds: tuple[Hold, ...] = ()
    changed: Mapping[str, int] = {}
    restores: int | None = None
    requires: Requires = Requires()
    previous: str | None = None
    intent: str | None = None

    def encode(self) -> bytes:
        """Write the bytes that are stored and chained."""
        return canonical(self)


def artifacts_of(surface: str) -> str:
    """Name the artifacts lever of a surface as ``changed`` does."""
    return f"artifacts:{surface}"


def parts_of(release: Release) -> dict[str, object]:
    """Return all in a release that can change an answer or a right to ship, by the name of the part."""
    parts: dict[str, object] = {
        "config": release.config,
        "rules": release.rules,
        "overlay": release.overlay,
        "withdrawn": release.withdrawn,
        "erased": release.erased,
        "holds": release.holds,
    }
    for name, surface in release.surfaces.items():
        parts[artifacts_of(name)] = surface.manifest
        if surface.candidate is not None:
            parts[f"candidate:{name}"] = surface.candidate
    return parts


def touched(before: Release, after: Release) -> frozenset[str]:
    """Name the parts that differ between two releases."""
    old, new = parts_of(before), parts_of(after)
    return frozenset(part for part in {*old, *new} if old.get(part) != new.get(part))


def levers_touched(parts: Iterable[str]) -> frozenset[str]:
    """Keep the parts that a lever can reverse: ``config``, ``rules``, ``artifacts:<surface>``."""
    return frozenset(part for part in parts if part in {"config", "rules"} or part.startswith("artifacts:"))
