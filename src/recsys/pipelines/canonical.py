"""From staged rows to canonical partitions: who acted, in which basket, once per event, one file per UTC day.

Canonical events have whole numbers for who acted, the basket and the request, so that nothing later sorts or compares
text, and no raw id is left.
"""

import datetime
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from recsys.pipelines.engine import Engine, literal
from recsys.pipelines.rundir import Partition, RunFolder

__all__ = ["Days", "drop_duplicates", "name_people", "write_events", "write_exposures", "write_people"]


class Days:
    """A window of UTC days, both included."""

    def __init__(self, first: datetime.date, last: datetime.date) -> None:
        self.first = first
        self.last = last

    def __iter__(self) -> Iterator[datetime.date]:
        return (self.first + datetime.timedelta(days=n) for n in range(len(self)))

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __str__(self) -> str:
        return f"{self.first} and {self.last}"

    def inside(self) -> str:
        """Write the condition that a row lies inside."""
        after = self.last + datetime.timedelta(days=1)
        return f"(ts >= DATE '{self.first}' AND ts < DATE '{after}')"


def drop_duplicates(engine: Engine) -> int:
    """Keep one row of each event id; return how many were dropped."""
    engine.make("again", engine.script("duplicates"))
    dropped = engine.number("SELECT count(*) FROM again")
    if dropped:
        engine.run("DELETE FROM staged WHERE rowid IN (SELECT row FROM again)")
    return dropped


def name_people(engine: Engine, pseudonym: Callable[[str], str]) -> int:
    """Make the table ``people`` from every id seen to its number; return how many there are."""
    with engine.function("pseudonym_of", pseudonym):
        engine.make("people", engine.script("people"))
    return engine.number("SELECT count(DISTINCT who) FROM people")


def write_people(engine: Engine, folder: RunFolder) -> None:
    """Write down whose number is whose pseudonym. An id that is none of ours (hashed elsewhere, in another form) is
    left out: nobody could ask for it.
    """
    people = "SELECT DISTINCT who, name FROM people WHERE regexp_full_match(name, '[0-9a-f]{32}') ORDER BY who"
    engine.run(f"COPY ({people}) TO {literal(str(folder.people))} (FORMAT parquet)")


def write_events(engine: Engine, folder: RunFolder, days: Days) -> tuple[list[Partition], dict[str, int]]:
    """Write the events of the window; return the partitions, and how many rows fell away for which reason."""
    engine.make("others_lists", engine.script("others_lists"))
    return _write_stream(engine, folder, "events", days)


def write_exposures(engine: Engine, folder: RunFolder, days: Days) -> tuple[list[Partition], dict[str, int]]:
    """Write the exposures of the window; return the partitions, and how many fell away for which reason."""
    return _write_stream(engine, folder, "exposures", days)


def _write_stream(engine: Engine, folder: RunFolder, stream: str, days: Days) -> tuple[list[Partition], dict[str, int]]:
    """Write one file per day that has rows. The table is sorted, so a day is one stretch of it, in one order."""
    engine.make(stream, engine.script(stream, inside=days.inside()))
    counts = engine.named(engine.script(f"{stream}_left_out", inside=days.inside()))
    rows = {str(day): int(n) for day, n in engine.rows(f"SELECT dt, count(*) FROM {stream} GROUP BY dt")}  # noqa: S608 - our table
    written = []
    for day in map(str, days):
        if day in rows:
            path = folder.partition(stream, day)
            path.parent.mkdir(parents=True, exist_ok=True)
            one = f"SELECT * EXCLUDE (dt) FROM {stream} WHERE dt = DATE {literal(day)}"  # noqa: S608 - our table
            engine.run(f"COPY ({one}) TO {literal(str(path))} (FORMAT parquet)")
            written.append(Partition(day=day, stream=stream, rows=rows[day], digest=_digest_file(path)))
    engine.run(f"DROP TABLE {stream}")
    return written, counts


def _digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
