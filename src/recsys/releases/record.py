"""The release record: one generation of a tenant, naming everything that can change an answer."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from recsys.encoding import canonical, is_whole, with_check

__all__ = [
    "FORMAT",
    "LEVERS",
    "Action",
    "Candidate",
    "Hold",
    "Lever",
    "Release",
    "Requires",
    "Supersedes",
    "Surface",
    "Unit",
    "artifacts_of",
    "candidate_of",
    "format_of",
    "levers_touched",
    "parts_of",
    "read_release",
    "touched",
]

FORMAT = 3
"""The newest release format this version reads. 2 came with candidates, erased users, collections and restored logs; 3
with overlays of the catalogue.
"""

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
    "restore",
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


Unit = Literal["anonymous_id", "user_id", "session_id"]


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Content served to a share (0..1) of units beside what a surface serves, before it is promoted or aborted.

    ``since`` is the generation that began it: its name, and the salt by which units are assigned, so that a unit
    keeps its arm while the share grows. ``manifest`` answers in place of the surface's; of the documents ``config``
    and ``rules`` only the part that is the surface's own.
    """

    share: float
    since: int
    unit: Unit = "anonymous_id"
    manifest: str | None = None
    config: str | None = None
    rules: str | None = None


class Surface(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one surface serves: the digest of its manifest, and a candidate beside it."""

    manifest: str | None = None
    candidate: Candidate | None = None


class Supersedes(msgspec.Struct, frozen=True, kw_only=True):
    """Where a restored log takes up another: it continues generation ``generation`` of ``log``, and stands above every
    later one that a reader may have seen of it.
    """

    log: str
    generation: int


class Requires(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader must understand before it may serve this release."""

    format: int = 1


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One generation. Readers ignore fields they do not know; writers carry every field forward.

    ``config``, ``rules``, ``overlay``, ``withdrawn`` and ``erased`` are digests of blobs; ``changed`` says
    in which generation each lever last changed (``config``, ``rules``, ``artifacts:<surface>``), and the ``overlay``;
    ``restores`` is the generation whose content a rollback or undo brought back; ``previous`` is the digest
    of the record before, byte for byte; ``condemned`` is the digest of the list of blobs that a collection under way
    deletes; ``supersedes`` stands in records of action ``restore``;
    ``intent`` is the digest of what the attempt asked for, absent in records
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
    condemned: str | None = None
    supersedes: Supersedes | None = None
    requires: Requires = Requires()
    previous: str | None = None
    intent: str | None = None

    def encode(self) -> bytes:
        """Write the bytes that are stored and chained, with a check of their own before them: the newest record has
        no one after it who names its digest.
        """
        return with_check(canonical(self))


def read_release(data: bytes) -> Release:
    """Read a stored record; raises ``msgspec.DecodeError`` or ``UnicodeDecodeError`` when it is not what was written.
    Records of before there was a check are taken at their word.
    """
    if not is_whole(data):
        raise msgspec.DecodeError("its bytes are not those its check was made over")
    return msgspec.json.decode(data, type=Release)


def format_of(release: Release) -> int:
    """Return the format a reader must know to serve all that a release says, and nothing it forbids."""
    if release.overlay is not None:
        return 3
    begun = any(surface.candidate is not None for surface in release.surfaces.values())
    return 2 if begun or release.erased or release.condemned or release.supersedes else 1


def candidate_of(surface: str) -> str:
    """Name the candidate of a surface as :func:`parts_of` does."""
    return f"candidate:{surface}"


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
        "condemned": release.condemned,
    }
    for name, surface in release.surfaces.items():
        parts[artifacts_of(name)] = surface.manifest
        if surface.candidate is not None:
            parts[candidate_of(name)] = surface.candidate
    return parts


def touched(before: Release, after: Release) -> frozenset[str]:
    """Name the parts that differ between two releases."""
    old, new = parts_of(before), parts_of(after)
    return frozenset(part for part in {*old, *new} if old.get(part) != new.get(part))


def levers_touched(parts: Iterable[str]) -> frozenset[str]:
    """Keep the parts that a lever can reverse: ``config``, ``rules``, ``artifacts:<surface>``; and ``overlay``, which
    goes back with all of them, or by an undo.
    """
    return frozenset(part for part in parts if part in {"config", "rules", "overlay"} or part.startswith("artifacts:"))
