"""Compute what each user did last, from the canonical events of a run."""

from pathlib import Path

import msgspec

from recsys.encoding import digest
from recsys.pipelines.engines import SignalEngine
from recsys.pipelines.limits import Limits, check_limit
from recsys.pipelines.rundir import Ingested, Made, RunFolder
from recsys.signals import Heading
from recsys.signals import profiles as definition
from recsys.store.columns import Columns

__all__ = ["compute_profiles"]


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
    result = steps.pop("result")
    for name, select in steps.items():
        engine.make(name, select)
    names = engine.arrays("SELECT name FROM owners ORDER BY owner")["name"].tolist()
    types = engine.arrays("SELECT event_type FROM types ORDER BY type")["event_type"].tolist()
    items = engine.arrays("SELECT item_id FROM items ORDER BY item")["item_id"].tolist()
    rows = engine.arrays(result)
    engine.drop(*tables, *steps)
    if not names:
        return "no event is of a user or browser with an id, so there are no profiles"
    heading = Heading(tenant=made.tenant, start=made.start, end=made.end, params=msgspec.to_builtins(params))
    blob = definition.finish(rows, heading, names=names, types=types, items=items, key_id=made.key_id)
    check_limit("artifact_bytes", seen=len(blob), limits=limits)
    definition.check_profiles(Columns(blob, where=definition.KIND), tenant=made.tenant)
    file = f"{definition.KIND}.bin"
    (folder / file).write_bytes(blob)
    return Made(
        signal=definition.KIND,
        scope="tenant",
        segment=None,
        file=file,
        digest=digest(blob),
        rows=len(names),
        size_bytes=len(blob),
        params=dict(heading.params),
    )
