"""Compute what each user did last, from the canonical events of a run."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from recsys.encoding import digest_of
from recsys.pipelines.engines import SignalEngine
from recsys.pipelines.limits import Limits, check_limit
from recsys.pipelines.rundir import Ingested, Made, RunFolder
from recsys.signals import Heading
from recsys.signals import profiles as definition
from recsys.store.columns import Columns

__all__ = ["compute_profiles"]

_USERS_AT_ONCE = 200_000
"""With 50 events each 10 million rows, 200 MB."""


def compute_profiles(
    engine: SignalEngine, made: Ingested, params: definition.Params, *, folder: Path, limits: Limits
) -> Made | str:
    """Compute the profiles of the whole tenant; a text says why there are none.

    Reads the tables that signals read, and the pseudonyms that ``ingest`` wrote down.
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
    for name, select in steps.items():
        engine.make(name, select)
    types = engine.arrays("SELECT event_type FROM types ORDER BY type")["event_type"].tolist()
    items = engine.arrays("SELECT item_id FROM items ORDER BY item")["item_id"].tolist()
    heading = Heading(tenant=made.tenant, start=made.start, end=made.end, params=msgspec.to_builtins(params))
    path = folder / f"{definition.KIND}.bin"
    users = int(engine.arrays("SELECT count(*) AS users FROM owners")["users"][0])
    if users:
        with path.open("wb") as file:
            definition.finish(file, _parts(engine, users), heading, types=types, items=items, key_id=made.key_id)
    engine.drop(*tables, *steps)
    if not users:
        return "no event is of a user or browser with an id, so there are no profiles"
    size_bytes = path.stat().st_size
    check_limit("artifact_bytes", seen=size_bytes, limits=limits)
    definition.check_profiles(Columns.map(path), tenant=made.tenant)
    return Made(
        signal=definition.KIND,
        scope="tenant",
        segment=None,
        file=path.name,
        digest=digest_of(path),
        rows=users,
        size_bytes=size_bytes,
        params=dict(heading.params),
    )


def _parts(engine: SignalEngine, users: int) -> Iterator[definition.Part]:
    """Take the result over in stretches of users: all of it at once is the most memory a run would need."""
    for first in range(0, users, _USERS_AT_ONCE):
        inside = f"owner >= {first} AND owner < {first + _USERS_AT_ONCE}"
        names = engine.arrays(f"SELECT name FROM owners WHERE {inside} ORDER BY owner")  # noqa: S608 - numbers of ours
        rows = engine.arrays(
            f"SELECT owner, item, type, day FROM result WHERE {inside} ORDER BY owner, place"  # noqa: S608 - the same
        )
        yield definition.Part(names["name"].tolist(), rows)
