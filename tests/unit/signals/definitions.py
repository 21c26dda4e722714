"""Runs a signal's definition over a few rows, as the pipelines do over many."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recsys.catalog import Item, open_catalog, pack_catalog
from recsys.pipelines.compute import evidence
from recsys.pipelines.engine import Engine, open_engine
from recsys.signals import SIGNALS, Heading
from recsys.store.columns import Columns

LAST = datetime.date(2026, 11, 22)
LAST_DAY = (LAST - datetime.date(1970, 1, 1)).days
HEADING = Heading(tenant="demo", start="2026-11-01", end="2026-11-22")

Event = tuple[str, str, str, int] | tuple[str, str, str, int, int]
"""item, who, event type, days before the last day; and the second of that day, 0 if it does not matter"""


def computed(
    name: str,
    folder: Path,
    events: Iterable[Event],
    *,
    params: Mapping[str, Any] | None = None,
    baskets: Sequence[str] | None = None,
    requests: Sequence[int | None] | None = None,
    exposures: Iterable[tuple[str, int, int]] = (),
    threads: int = 1,
) -> bytes:
    """Return the artifact of these events; ``exposures`` are (item, rank, request)."""
    signal = SIGNALS[name]
    rows = list(events)
    shown = list(exposures)
    ids = sorted({row[0] for row in rows} | {row[0] for row in shown}, key=str.encode)
    number = {item: n for n, item in enumerate(ids)}
    people = {who: 1000 + n for n, who in enumerate(sorted({row[1] for row in rows}))}
    groups = baskets or [f"{row[1]} {row[3]}" for row in rows]
    basket = {group: n for n, group in enumerate(sorted(set(groups)))}
    parsed = signal.Params(**(params or {}))
    with open_engine(folder=folder, threads=threads) as engine:
        _table(engine, "items", item=("INTEGER", [number[i] for i in ids]), item_id=("VARCHAR", ids))
        _table(
            engine,
            "events",
            day=("INTEGER", [LAST_DAY - row[3] for row in rows]),
            moment=("BIGINT", [_moment(row) for row in rows]),
            item=("INTEGER", [number[row[0]] for row in rows]),
            who=("BIGINT", [people[row[1]] for row in rows]),
            basket=("BIGINT", [basket[group] for group in groups]),
            event_type=("VARCHAR", [row[2] for row in rows]),
            request=("BIGINT", list(requests or [None] * len(rows))),
        )
        _table(
            engine,
            "exposures",
            item=("INTEGER", [number[item] for item, _, _ in shown]),
            rank=("INTEGER", [rank for _, rank, _ in shown]),
            request=("BIGINT", [request for _, _, request in shown]),
        )
        names = np.array(ids, dtype=object)
        return signal.finish(evidence(engine, signal, parsed, ids=names, last_day=LAST_DAY, days=22), HEADING)


def from_catalog(name: str, items: Iterable[Item], params: Mapping[str, Any] | None = None) -> bytes:
    """Return the artifact of these items."""
    signal = SIGNALS[name]
    catalog = open_catalog(Columns(pack_catalog(items, tenant="demo"), where="test"), tenant="demo")
    return signal.finish(signal.compute(catalog, signal.Params(**(params or {}))), HEADING)


def _moment(row: Event) -> int:
    seconds = row[4] if len(row) == 5 else 0
    return ((LAST_DAY - row[3]) * 86_400 + seconds) * 1_000_000


def _table(engine: Engine, name: str, **columns: tuple[str, list[Any]]) -> None:
    """Make a table of whole columns at once: row by row would take longer than what is tested."""
    lists = ", ".join(
        f"unnest(CAST($c{n} AS {kind}[])) AS {column}" for n, (column, (kind, _)) in enumerate(columns.items())
    )
    values = {f"c{n}": cells for n, (_, cells) in enumerate(columns.values())}
    engine.run(f"CREATE TABLE {name} AS SELECT {lists}", **values)


def opened(name: str, blob: bytes) -> Any:
    columns = Columns(blob, where="test")
    SIGNALS[name].check(columns, tenant="demo")
    return SIGNALS[name].open(columns, tenant="demo")


def ranking(blob: bytes) -> list[str]:
    """Return the items of a popularity artifact, most popular first."""
    artifact = opened("popularity", blob)
    return [artifact.items[int(n)] for n in artifact.order]


def scores(blob: bytes) -> dict[str, float]:
    artifact = opened("popularity", blob)
    return dict(zip(artifact.items.to_list(), artifact.score.tolist(), strict=True))


def nearest(name: str, blob: bytes, item: str) -> list[tuple[str, float]]:
    """Return an item's neighbours in order, each with its weight."""
    artifact = opened(name, blob)
    return [(artifact.items[int(artifact.neighbours[n])], float(artifact.weight[n])) for n in _span(artifact, item)]


def neighbours(blob: bytes, item: str) -> list[tuple[str, int]]:
    """Return an item's neighbours by co-occurrence in order, each with its support."""
    artifact = opened("cooc", blob)
    return [(artifact.items[int(artifact.neighbours[n])], int(artifact.support[n])) for n in _span(artifact, item)]


def _span(artifact: Any, item: str) -> range:
    at = artifact.items.find(item)
    return range(0) if at is None else range(int(artifact.offsets[at]), int(artifact.offsets[at + 1]))
