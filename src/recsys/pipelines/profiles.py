"""Compute what each user did last, from the canonical events of a run."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.encoding import digest_of
from recsys.pipelines.engine import Engine, open_engine
from recsys.pipelines.engines import SignalEngine
from recsys.pipelines.limits import Limits, check_limit
from recsys.pipelines.rundir import Ingested, Made, RunFolder
from recsys.progress import Advance, Progress, silent
from recsys.signals import Heading
from recsys.signals import profiles as definition
from recsys.store.columns import Columns

__all__ = ["Gathered", "gather_profiles", "pack_profiles"]

_USERS_AT_ONCE = 200_000
"""With 50 events each 10 million rows, 200 MB."""
_MEMORY = "600MB"
"""Enough to read a stretch of users in order."""


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine left in files: the owners' names, and what each did last. Both by owner."""

    owners: Path
    rows: Path
    users: int
    types: tuple[str, ...]
    items: tuple[str, ...]
    params: definition.Params


def gather_profiles(
    engine: SignalEngine, params: definition.Params, *, items: npt.NDArray[np.object_], folder: Path
) -> Gathered | str:
    """Compute the profiles of the whole tenant into files; a text says why there are none.

    Reads the tables that signals read, and the pseudonyms that ``ingest`` wrote down. ``items``: ids, by number.
    """
    people = RunFolder(folder).people
    if params.last == 0:
        return "profiles are off: signals.profiles.last is 0"
    if not people.exists():
        return "profiles need the pseudonyms of an ingest by this version: ingest again"
    engine.files("people", [people], {})
    tables = definition.tables(params)
    for name, small in tables.items():
        engine.table(name, small)
    steps = definition.steps()
    result = steps.pop("result")
    for name, select in steps.items():
        engine.make(name, select)
    gathered = Gathered(
        owners=folder / f"{definition.KIND}.owners.parquet",
        rows=folder / f"{definition.KIND}.rows.parquet",
        users=int(engine.arrays("SELECT count(*) AS users FROM owners")["users"][0]),
        types=tuple(engine.arrays("SELECT event_type FROM types ORDER BY type")["event_type"].tolist()),
        items=tuple(items.tolist()),
        params=params,
    )
    if gathered.users:
        engine.write("SELECT owner, name FROM owners ORDER BY owner", gathered.owners)
        engine.write(result, gathered.rows)
    engine.drop(*tables, *steps)
    return gathered if gathered.users else "no event is of a user or browser with an id, so there are no profiles"


def pack_profiles(
    gathered: Gathered, made: Ingested, *, folder: Path, limits: Limits, progress: Progress = silent
) -> Made:
    """Make the artifact of what was gathered, and check it.

    All profiles are held at once, so the engine that gathered them should be closed: what it holds comes on top.
    """
    heading = Heading(tenant=made.tenant, start=made.start, end=made.end, params=msgspec.to_builtins(gathered.params))
    path = folder / f"{definition.KIND}.bin"
    with (
        progress("pack profiles", total=gathered.users) as advance,
        open_engine(folder=folder, memory_limit=_MEMORY) as reader,
        path.open("wb") as file,
    ):
        parts = _parts(reader, gathered, advance)
        types, items = gathered.types, gathered.items
        definition.finish(file, parts, heading, types=types, items=items, key_id=made.key_id)
    for read in (gathered.owners, gathered.rows):
        read.unlink()
    size_bytes = path.stat().st_size
    check_limit("artifact_bytes", seen=size_bytes, limits=limits)
    definition.check_profiles(Columns.map(path), tenant=made.tenant)
    return Made(
        signal=definition.KIND,
        scope="tenant",
        segment=None,
        file=path.name,
        digest=digest_of(path),
        rows=gathered.users,
        size_bytes=size_bytes,
        params=dict(heading.params),
    )


def _parts(reader: Engine, gathered: Gathered, advance: Advance) -> Iterator[definition.Part]:
    """Take the result over in stretches of users: all of it at once is the most memory a run would need."""
    reader.files("owners", [gathered.owners], {})
    reader.files("entries", [gathered.rows], {})
    for first in range(0, gathered.users, _USERS_AT_ONCE):
        inside = f"owner >= {first} AND owner < {first + _USERS_AT_ONCE}"
        names = reader.arrays(f"SELECT name FROM owners WHERE {inside} ORDER BY owner")  # noqa: S608 - numbers of ours
        rows = reader.arrays(
            f"SELECT owner, item, type, day FROM entries WHERE {inside} ORDER BY owner, place"  # noqa: S608 - the same
        )
        yield definition.Part(names["name"].tolist(), rows)
        advance(len(names["name"]))
