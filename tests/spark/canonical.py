"""Run folders with canonical data as ``ingest`` leaves it, made row by row."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from recsys.pipelines.rundir import Ingested, Partition, RunFolder, Validated

START, END = date(2026, 9, 28), date(2026, 10, 7)
"""Clocks far away go forward on 4 October."""
ITEMS = (
    "a",
    "A",
    "ä",
    "a\u0308",
    "á",
    "Ω",
    "🎈",
    "z z",
    "it's",
    "back\\slash",
    '"',
    "10",
    "9",
    "\u00a0",
    "日本",
    "ab",
    "aB",
)
"""Ids that differ by case, by marks, by planes of Unicode; and ids that SQL might read."""
TYPES = ("view", "click", "purchase", "add_to_cart", "it's \\n odd")
EDGES = ("00:00:00.000000", "00:00:00.000001", "02:30:00.5", "14:29:59.999999", "14:30:00", "23:59:59.999999")
"""The ends of a day here and far away, and an hour that is missing there."""


class Event(NamedTuple):
    ts: str
    item_id: str
    who: int
    basket: int
    event_type: str = "purchase"
    surface: str | None = None
    segment: str | None = None
    request: int | None = None


class Exposure(NamedTuple):
    ts: str
    request: int
    items: Sequence[tuple[str, int]]
    surface: str | None = "home"
    segment: str | None = None


def write_run(folder: Path, events: Iterable[Event], exposures: Iterable[Exposure] = (), *, people: Mapping[int, str]):
    """Lay down a run folder that is ingested and validated."""
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    kinds = {
        "events": {
            "ts": "TIMESTAMP",
            "item_id": "VARCHAR",
            "who": "BIGINT",
            "basket": "BIGINT",
            "event_type": "VARCHAR",
            "surface": "VARCHAR",
            "segment": "VARCHAR",
            "request": "BIGINT",
        },
        "exposures": {
            "ts": "TIMESTAMP",
            "request": "BIGINT",
            "items": "STRUCT(item_id VARCHAR, rank INTEGER)[]",
            "surface": "VARCHAR",
            "segment": "VARCHAR",
        },
    }
    shown = [row._replace(items=[{"item_id": item, "rank": rank} for item, rank in row.items]) for row in exposures]
    partitions = []
    with duckdb.connect() as engine:
        for stream, rows in (("events", list(events)), ("exposures", shown)):
            for day in sorted({row.ts[:10] for row in rows}):
                of_day = [row for row in rows if row.ts[:10] == day]
                part = Partition(day=day, stream=stream, rows=len(of_day), digest="sha256:" + "0" * 64)
                run.day(stream, day).mkdir(parents=True)
                _write(engine, run.partition(part), kinds[stream], of_day)
                partitions.append(part)
        _write(engine, run.people, {"who": "BIGINT", "name": "VARCHAR"}, list(people.items()))
    run.write(
        "ingest",
        Ingested(
            tenant="demo",
            surface="home",
            segment="new_users",
            start=str(START),
            end=str(END),
            partitions=tuple(partitions),
            counts={},
            key_id="k1",
        ),
    )
    run.write("validate", Validated(findings=()))
    return folder


def _write(engine: duckdb.DuckDBPyConnection, path: Path, kinds: Mapping[str, str], rows: Sequence[Sequence[Any]]):
    lists = ", ".join(f"unnest(CAST($c{n} AS {kind}[])) AS {name}" for n, (name, kind) in enumerate(kinds.items()))
    values = {f"c{n}": [row[n] for row in rows] for n in range(len(kinds))}
    if rows:
        engine.execute(f"COPY (SELECT {lists}) TO '{path}' (FORMAT parquet)", values)
    else:
        nothing = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in kinds.items())
        engine.execute(f"COPY (SELECT {nothing} LIMIT 0) TO '{path}' (FORMAT parquet)")


def a_shop(folder: Path, *, users: int = 40, visits: int = 6, seed: int = 1, exposed: bool = True) -> Path:
    """Make a shop of odd ids and moments: many things at once, long baskets, some of it after our lists, some users
    without a name.
    """
    rng = random.Random(seed)
    names = [rng.getrandbits(62) for _ in range(users)]
    events, exposures = [], []
    for who in names:
        for _ in range(visits):
            day = START + timedelta(days=rng.randrange((END - START).days + 1))
            basket, request = rng.getrandbits(62), rng.choice((None, None, rng.getrandbits(62)))
            surface = rng.choice(("home", "pdp", None))
            segment = rng.choice(("new_users", None))
            ts = f"{day} {rng.choice(EDGES)}"
            taken = [rng.choice(ITEMS) for _ in range(rng.choice((1, 3, 3, 9)))]
            for step, item in enumerate(taken):
                later = ts if rng.random() < 0.5 else _later(ts, step)
                kind = rng.choice(TYPES)
                events.append(Event(later, item, who, basket, kind, rng.choice((surface, None)), segment, request))
            if exposed and request is not None and rng.random() < 0.8:
                listed = rng.sample((*ITEMS, "never bought"), 8)
                ranks = [(item, rank * rng.choice((1, 40))) for rank, item in enumerate(listed, start=1)]
                exposures.append(Exposure(ts, request, ranks if rng.random() < 0.9 else [], surface, segment))
    people = {who: f"{n:032x}" for n, who in enumerate(names[::-1]) if n % 4}
    return write_run(folder, events, exposures, people=people)


def _later(ts: str, seconds: int) -> str:
    """Return a moment of the same day: what would fall into the next stays."""
    moved = datetime.fromisoformat(ts).replace(tzinfo=UTC) + timedelta(seconds=seconds)
    return moved.strftime("%Y-%m-%d %H:%M:%S.%f") if str(moved.date()) == ts[:10] else ts
