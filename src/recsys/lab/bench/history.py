"""A synthetic shop's events and catalogue of any size, for benchmarks of the pipelines: files, made by DuckDB alone.

It has the shape of a shop (sessions, few items that sell most, busy users, anonymous ones, what followed our lists)
and no truth to be found in it: for that there is ``recsys simulate``.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import msgspec

from recsys.encoding import canonical, decode
from recsys.errors import Failed
from recsys.progress import Progress, silent

if TYPE_CHECKING:
    import duckdb

__all__ = ["SQL", "History", "Shape", "make_history"]

SQL = Path(__file__).with_name("sql")
_STRETCH = 5_000_000
"""Events of one file: a hundred million need no more memory than these."""
_ITEMS_A_TOPIC = 500
_SETTINGS = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880"


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a history is made by. ``users``: at most as many have a user id, and as many only an anonymous one. Shares
    in 0..1: ``anonymous`` of the sessions, ``followed`` of the events (they have a request id).
    """

    events: int
    users: int
    items: int
    days: int = 30
    seed: int = 1
    anonymous: float = 0.3
    followed: float = 0.12


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Where it lies. ``events`` is a glob; ``start`` and ``end`` are UTC days, both included."""

    events: str
    catalog: str
    start: date
    end: date
    size_bytes: int


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds: written last, so that half a history is not taken for one."""

    shape: Shape
    engine: str
    end: date


def make_history(
    shape: Shape, folder: Path, *, end: date, threads: int | None = None, progress: Progress = silent
) -> History:
    """Write the files below ``folder``, for days that go on to ``end``; or take those that are there, with the end they
    have. The same shape, end and version of the engine give the same bytes, with any number of threads.
    """
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    made, note = _Made(shape=shape, engine=duckdb.__version__, end=end), folder / "shape.json"
    if note.exists():
        found = decode(note.read_bytes(), _Made, what=str(note))
        if found.shape != shape:
            raise Failed(f"{folder} holds a history of another shape", next_step="name another folder, or remove it")
        made = found
    else:
        _write(made, folder, threads=threads, progress=progress)
        note.write_bytes(canonical(made))
    return History(
        events=str(folder / "events-*.parquet"),
        catalog=str(folder / "catalog.parquet"),
        start=_first_day(made),
        end=made.end,
        size_bytes=sum(path.stat().st_size for path in folder.glob("events-*.parquet")),
    )


def _first_day(made: _Made) -> date:
    return made.end - timedelta(days=made.shape.days - 1)


def _write(made: _Made, folder: Path, *, threads: int | None, progress: Progress) -> None:
    import duckdb

    shape = made.shape
    holes: dict[str, object] = {
        "total": shape.events,
        "salt": shape.seed << 40,  # above all numbers of events and items
        "days": shape.days,
        "start": _first_day(made),
        "users": shape.users,
        "items": shape.items,
        "topics": max(1, shape.items // _ITEMS_A_TOPIC),
        "anonymous": round(65536 * shape.anonymous),
        "followed": round(65536 * shape.followed),
    }
    with duckdb.connect(config={} if threads is None else {"threads": threads}) as db:
        _copy(db, folder / "catalog.parquet", "catalog", holes)
        with progress(f"making {shape.events:,} events", total=shape.events) as advance:
            for first in range(0, shape.events, _STRETCH):
                last = min(first + _STRETCH, shape.events)
                db.execute(
                    "CREATE OR REPLACE TEMP TABLE stretch AS SELECT n FROM range(?::BIGINT, ?::BIGINT) AS r (n)",
                    [first, last],
                )
                _copy(db, folder / f"events-{first // _STRETCH:05d}.parquet", "events", holes)
                advance(last - first)


def _copy(db: "duckdb.DuckDBPyConnection", path: Path, query: str, holes: Mapping[str, object]) -> None:
    text = Template((SQL / f"{query}.sql").read_text(encoding="utf-8")).substitute(holes)
    quoted = str(path).replace("'", "''")
    db.execute(f"COPY ({text}) TO '{quoted}' ({_SETTINGS})")
