"""From staged rows to canonical partitions: who acted, in which basket, once per event, one file per UTC day.

Canonical events have whole numbers for who acted, the basket and the request, so that nothing later sorts or compares
text, and no raw id is left.
"""

import datetime
import os
from collections.abc import Iterator

from recsys.access import PSEUDONYM_LENGTH, Pseudonyms
from recsys.encoding import digest_of
from recsys.pipelines.engine import Engine, literal
from recsys.pipelines.partitions import STREAMS
from recsys.pipelines.rundir import Partition, RunFolder

__all__ = [
    "Days",
    "drop_duplicates",
    "drop_told_before",
    "name_people",
    "pseudonym_of",
    "who_is",
    "write_people",
    "write_stream",
]


class Days:
    """A stretch of UTC days, both ends included."""

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
    return _drop(engine, engine.script("duplicates"))


def drop_told_before(engine: Engine, days: Days) -> int:
    """Drop the rows of these days that a kept day tells already; return how many."""
    return _drop(engine, engine.script("told_before", inside=days.inside()))


def _drop(engine: Engine, select: str) -> int:
    """Drop the staged rows that a query names; return how many."""
    engine.make("again", select)
    dropped = engine.number("SELECT count(*) FROM again")
    if dropped:
        engine.run("DELETE FROM staged WHERE rowid IN (SELECT row FROM again)")
    return dropped


def pseudonym_of(raw_id: str) -> str:
    """Write the pseudonym of a column of raw ids. The engine hashes; Python, one by one, would take ten times as long.
    The statement is given the key's blocks as values, so no text that an error may show has them.
    """
    return f"left(sha256($outer_block || unhex(sha256($inner_block || encode({raw_id})))), {PSEUDONYM_LENGTH})"


def who_is(pseudonym: str) -> str:
    """Write the number of a column of pseudonyms: by md5, since the engine's own hash may change with its version."""
    return f"CAST(md5_number_lower({pseudonym}) & 9223372036854775807::UBIGINT AS BIGINT)"


def name_people(engine: Engine, pseudonyms: Pseudonyms) -> None:
    """Make the table ``people`` from every id seen to its number."""
    script = engine.script("people", pseudonym=pseudonym_of("d.actor"), who=who_is("n.name"))
    engine.make("people", script, **pseudonyms.blocks())


def write_people(engine: Engine, folder: RunFolder) -> int:
    """Write down whose number is whose pseudonym, beside those of the days that are kept; return how many people there
    are. An id that is none of ours (hashed elsewhere, in another form) is not written: nobody could ask for it.
    """
    engine.make("everyone", "SELECT who, name FROM people UNION SELECT who, name FROM kept_people")
    ours = "SELECT who, name FROM everyone WHERE regexp_full_match(name, '[0-9a-f]{32}') ORDER BY who"
    engine.write(ours, folder.people)
    return engine.number("SELECT count(DISTINCT who) FROM everyone")


def write_stream(engine: Engine, folder: RunFolder, stream: str, select: str, days: Days) -> list[Partition]:
    """Write one file per day that has rows; ``select`` gives ``dt`` and the columns of the stream. Each file is sorted
    by itself, so its bytes do not depend on which other days are written with it.
    """
    engine.make(stream, select)
    anonymous = "count(*) FILTER (NOT is_user)" if "is_user" in STREAMS[stream] else "0"
    found = engine.rows(f"SELECT dt, count(*), {anonymous} FROM {stream} GROUP BY dt")  # noqa: S608 - our table
    rows = {str(day): (int(n), int(unnamed)) for day, n, unnamed in found}
    columns = ", ".join(STREAMS[stream])

    def write(connected: Engine, day: str) -> Partition:
        part = folder.day(stream, day)
        part.mkdir(parents=True, exist_ok=True)
        unfinished = part / "unfinished"
        one = f"SELECT {columns} FROM {stream} WHERE dt = DATE {literal(day)} ORDER BY ALL"  # noqa: S608 - ours
        connected.write(one, unfinished)
        n, unnamed = rows[day]
        made = Partition(day=day, stream=stream, rows=n, digest=digest_of(unfinished), anonymous=unnamed)
        os.replace(unfinished, folder.partition(made))  # noqa: PTH105 - both names are here
        return made

    written = engine.each(write, [day for day in map(str, days) if day in rows])
    engine.run(f"DROP TABLE {stream}")
    return written
