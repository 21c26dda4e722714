"""What is withdrawn by the newest release a host has seen, kept beside its snapshots.

A withdrawal binds as soon as it is committed, also when the release that carries it cannot be served here: whatever
answers then, of an older release or from the floor, leaves these items out.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from recsys.encoding import canonical
from recsys.snapshot.errors import SnapshotRejected
from recsys.snapshot.sealed import Damaged, read_sealed, write_sealed

__all__ = ["Withdrawn", "read_withdrawn", "write_withdrawn"]

FORMAT = 1


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """The ids generation ``generation`` withdraws; ``digest`` names the blob they come from, ``None`` for no ids."""

    generation: int
    digest: str | None
    ids: frozenset[str]
    format: int = FORMAT


def write_withdrawn(path: Path, *, generation: int, digest: str | None, ids: Iterable[str]) -> Withdrawn:
    """Replace the file, sealed; durable when it returns."""
    withdrawn = Withdrawn(generation=generation, digest=digest, ids=frozenset(ids))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sealed(path, canonical({**msgspec.structs.asdict(withdrawn), "ids": sorted(withdrawn.ids)}))
    return withdrawn


def read_withdrawn(path: Path) -> Withdrawn | None:
    """Read the file; ``None`` when there is none. Raises ``SnapshotRejected`` when it is damaged."""
    if not path.exists():
        return None
    try:
        withdrawn = msgspec.json.decode(read_sealed(path), type=Withdrawn)
        if withdrawn.format == FORMAT:
            return withdrawn
        problem = f"it has format {withdrawn.format}; this version reads {FORMAT}"
    except (Damaged, msgspec.MsgspecError) as error:
        problem = str(error)
    raise SnapshotRejected(tenant=path.stem, generation=0, reason=f"what is withdrawn cannot be read: {problem}")
