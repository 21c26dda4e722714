"""Users never to be used: what they did, and what they were shown, is taken out before anything is made of it."""

import msgspec

from recsys.access import Pseudonyms
from recsys.pipelines.canonical import pseudonym_of
from recsys.pipelines.engine import Engine
from recsys.pipelines.reading import Reading
from recsys.pipelines.target import Target
from recsys.releases.erase import erased_in
from recsys.releases.history import History
from recsys.signals import SmallTable

__all__ = ["ERASABLE", "drop_erased", "erased_users", "with_ids"]

ERASABLE = {"ids": "VARCHAR[]", "hashed": "BOOLEAN"}
"""Columns by which staged rows of erased users are found; events have ``hashed`` anyway."""
_IDS = ("user_id", "anonymous_id", "session_id", "unit_id")


def erased_users(target: Target) -> frozenset[str]:
    """Return the pseudonyms that the tenant's newest release erases."""
    history = History(target.store.releases, target.store.blobs, target.tenant)
    newest = history.newest()
    return frozenset() if newest is None else erased_in(newest.release, history)


def with_ids(reading: Reading) -> Reading:
    """Let every id of a person go on with the row: one may be erased while another, which would do, is not."""
    ids = ", ".join(name for name in _IDS if name in reading.fields)
    return msgspec.structs.replace(reading, keep={**reading.keep, "ids": f"[{ids}]"})


def drop_erased(engine: Engine, erased: frozenset[str], pseudonyms: Pseudonyms) -> dict[str, int]:
    """Take the rows of erased users out of ``staged`` and ``staged_exposures``; return how many by stream.

    What followed a list that an erased user was shown goes too, whoever it says it was.
    """
    engine.table("erased", SmallTable((("name", "VARCHAR"),), tuple((name,) for name in sorted(erased))))
    exposures = _find(engine, "exposures", "staged_exposures", pseudonyms)
    engine.make("erased_lists", engine.script("erased_lists"))
    engine.run("DELETE FROM staged_exposures WHERE rowid IN (SELECT row FROM erased_rows)")
    events = _find(engine, "events", "staged", pseudonyms)
    engine.run("DELETE FROM staged WHERE rowid IN (SELECT row FROM erased_rows)")
    return {"events_of_erased": events, "exposures_of_erased": exposures}


def _find(engine: Engine, stream: str, staged: str, pseudonyms: Pseudonyms) -> int:
    """Make the table ``erased_rows`` of one stream; return how many there are."""
    script = engine.script("erased_ids", staged=staged, pseudonym=pseudonym_of("d.id"))
    engine.make("erased_ids", script, **pseudonyms.blocks())
    engine.make("erased_rows", engine.script(f"erased_{stream}"))
    return engine.number("SELECT count(*) FROM erased_rows")
