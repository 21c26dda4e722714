"""What binds whatever is served: the items withdrawn and the users erased by the newest release a host has seen.

Both bind as soon as they are committed, also when the release that carries them cannot be served here: whatever
answers then, of an older release or from the floor, leaves these items out and knows nothing of these users. Kept in
one file each, beside the host's snapshots: ``withdrawn/<tenant>.json`` and ``erased/<tenant>.json``.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from recsys.encoding import canonical
from recsys.snapshot.errors import SnapshotRejected
from recsys.snapshot.sealed import Damaged, read_sealed, write_sealed

__all__ = ["Bound", "read_bound", "write_bound"]

FORMAT = 1


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """The ids (of items, or pseudonyms) that generation ``generation`` binds; ``digest`` names the blob they come from,
    ``None`` for no ids.
    """

    generation: int
    digest: str | None
    ids: frozenset[str]
    format: int = FORMAT


def write_bound(path: Path, *, generation: int, digest: str | None, ids: Iterable[str]) -> Bound:
    """Replace the file, sealed; durable when it returns."""
    bound = Bound(generation=generation, digest=digest, ids=frozenset(ids))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sealed(path, canonical({**msgspec.structs.asdict(bound), "ids": sorted(bound.ids)}))
    return bound


def read_bound(path: Path) -> Bound | None:
    """Read the file; ``None`` when there is none. Raises ``SnapshotRejected`` when it is damaged."""
    if not path.exists():
        return None
    try:
        bound = msgspec.json.decode(read_sealed(path), type=Bound)
        if bound.format == FORMAT:
            return bound
        problem = f"it has format {bound.format}; this version reads {FORMAT}"
    except (Damaged, msgspec.MsgspecError) as error:
        problem = str(error)
    what = f"what is {path.parent.name} cannot be read: {problem}"
    raise SnapshotRejected(tenant=path.stem, generation=0, reason=what)
