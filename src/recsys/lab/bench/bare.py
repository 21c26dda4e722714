"""The bare queries: popularity and co-occurrence in plain SQL over the files, and nothing else; and whether a run of
the pipelines found the same.
"""

import sys
import time
from pathlib import Path
from string import Template

import msgspec
import numpy as np

from recsys.errors import Failed
from recsys.lab.bench.history import SQL, History
from recsys.lab.bench.watched import watched
from recsys.pipelines.engine import MEMORY_LIMIT, literal
from recsys.pipelines.less import live_manifest
from recsys.releases import Releases
from recsys.signals import SIGNALS
from recsys.signals.cooc import Cooc
from recsys.signals.popularity import Popularity
from recsys.store import Store
from recsys.store.columns import Columns

__all__ = ["Bare", "Likeness", "TooLarge", "bare", "compare"]

_SAMPLE = 2_000
"""Items whose scores and neighbours are compared."""
_QUERIES = ("popularity", "cooc")


class Bare(msgspec.Struct, frozen=True, kw_only=True):
    """What the bare queries took: ``seconds`` of the process, ``took_s`` of each query."""

    events: int
    seconds: float
    cpu_s: float
    took_s: dict[str, float]
    peak_mb: float

    def line(self) -> str:
        """Write it for people."""
        queries = ", ".join(f"{name} {took:.1f}" for name, took in self.took_s.items())
        return (
            f"{self.events:>13,}  bare queries: {self.seconds:.1f} s ({queries}), {self.cpu_s:.1f} s of cores, "
            f"{self.peak_mb:,.0f} MB"
        )


class TooLarge(Failed):
    """The events do not fit."""


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """How the artifacts compare with what the bare queries found, over a sample of items.

    ``popularity``: largest relative difference of a score; ours counts a day's decay in 2**-20. ``cooc``: that of a
    weight. ``pairs`` were compared; ``other_pairs`` have another support, or are in one only and no equal weight at the
    end of a list explains it.
    """

    items: int
    popularity: float
    pairs: int
    cooc: float
    other_pairs: int

    def line(self) -> str:
        """Write it for people."""
        return (
            f"both found: scores of {self.items:,} items within {self.popularity:.0e}, weights of {self.pairs:,} pairs "
            f"within {self.cooc:.0e}; {self.other_pairs} pairs otherwise"
        )


def bare(history: History, *, events: int, folder: Path) -> Bare:
    """Run the bare queries in a process of their own, with the memory the pipelines give their engine; what they find
    is written to ``folder``.

    Raises
    ------
    TooLarge
        When that memory is not enough: a single query cannot always spill.
    """
    folder.mkdir()
    job = msgspec.json.encode({"history": history, "folder": str(folder)}).decode()
    try:
        done = watched([sys.executable, "-m", "recsys.lab.bench.bare", job])
    except Failed as error:
        if "OutOfMemoryException" in str(error):
            raise TooLarge(f"the bare queries ran out of {MEMORY_LIMIT}") from error
        raise
    took_s = msgspec.json.decode(done.output, type=dict[str, float])
    return Bare(events=events, seconds=done.seconds, cpu_s=done.cpu_s, took_s=took_s, peak_mb=done.peak_mb)


def compare(store: Store, tenant: str, surface: str, *, found: Path) -> Likeness:
    """Compare what a surface serves with what the bare queries wrote to the folder ``found``."""
    import duckdb

    popularity, cooc = (_opened(store, tenant, surface, name) for name in _QUERIES)
    assert isinstance(popularity, Popularity)
    assert isinstance(cooc, Cooc)
    chosen = np.unique(np.linspace(0, len(popularity.items) - 1, _SAMPLE).astype(np.int64)).tolist()
    ours = {popularity.items[at]: float(popularity.score[at]) for at in chosen}
    with duckdb.connect() as db:
        db.execute("CREATE TABLE chosen AS SELECT unnest(?) AS item_id", [list(ours)])
        scores = dict(db.execute(_of(found, "popularity", "item_id, score")).fetchall())
        rows = db.execute(_of(found, "cooc", "item_id, neighbour_id, support, weight")).fetchall()
    theirs: dict[str, dict[str, tuple[int, float]]] = {}
    for item, neighbour, support, weight in rows:
        theirs.setdefault(item, {})[neighbour] = (support, weight)
    pairs, others, apart = 0, 0, 0.0
    for item in ours:
        mine, other = _neighbours(cooc, item), theirs.get(item, {})
        for neighbour in mine.keys() & other.keys():
            pairs += 1
            others += mine[neighbour][0] != other[neighbour][0]
            apart = max(apart, _apart(mine[neighbour][1], other[neighbour][1]))
        for one, against in ((mine, other), (other, mine)):
            end = min((weight for _, weight in against.values()), default=0.0)
            others += sum(_apart(one[name][1], end) > 1e-9 for name in one.keys() - against.keys())
    return Likeness(
        items=len(ours),
        popularity=max(_apart(score, scores.get(item, 0.0)) for item, score in ours.items()),
        pairs=pairs,
        cooc=apart,
        other_pairs=others,
    )


def _of(found: Path, query: str, columns: str) -> str:
    rows = f"read_parquet({literal(str(found / f'{query}.parquet'))})"
    return f"SELECT {columns} FROM {rows} SEMI JOIN chosen USING (item_id)"  # noqa: S608 - our own path


def _apart(one: float, other: float) -> float:
    return abs(one - other) / max(abs(one), abs(other), 1e-300)


def _neighbours(cooc: Cooc, item: str) -> dict[str, tuple[int, float]]:
    at = cooc.items.find(item)
    if at is None:
        return {}
    span = range(int(cooc.offsets[at]), int(cooc.offsets[at + 1]))
    return {cooc.items[int(cooc.neighbours[n])]: (int(cooc.support[n]), float(cooc.weight[n])) for n in span}


def _opened(store: Store, tenant: str, surface: str, name: str) -> object:
    """Open the tenant's artifact of a signal that the surface serves."""
    manifest = live_manifest(store, Releases(store, tenant, actor="bench").current(), surface)
    assert manifest is not None
    ref = next(one for one in manifest.signals[name] if one.scope == "tenant")
    return SIGNALS[name].open(Columns(store.blobs.read(tenant, ref.artifact), where=name), tenant=tenant)


class _Job(msgspec.Struct):
    history: History
    folder: Path


def _main() -> None:
    import duckdb

    job = msgspec.json.decode(sys.argv[1], type=_Job, dec_hook=lambda kind, value: kind(value))
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(job.folder / "spill"),
    }
    took_s = {}
    with duckdb.connect(str(job.folder / "bare.duckdb"), config=settings) as db:
        for name in _QUERIES:
            began = time.monotonic()
            text = Template((SQL / f"bare_{name}.sql").read_text(encoding="utf-8"))
            select = text.substitute(events=job.history.events.replace("'", "''"), end=job.history.end)
            db.execute(f"COPY ({select}) TO {literal(str(job.folder / f'{name}.parquet'))} (FORMAT parquet)")
            took_s[name] = round(time.monotonic() - began, 3)
    sys.stdout.buffer.write(msgspec.json.encode(took_s))


if __name__ == "__main__":
    _main()
