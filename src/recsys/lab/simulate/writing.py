"""Files of a simulation: batches of numbers go into DuckDB, words come out, in JSON lines or Parquet."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.catalog.item import Item
from recsys.lab.simulate.goods import catalogue
from recsys.lab.simulate.history import SURFACES, Batch
from recsys.lab.simulate.truth import EXPERIMENT, VARIANTS
from recsys.lab.simulate.world import World, stream

__all__ = ["STREAMS", "FileFormat", "Writer"]

FileFormat = Literal["jsonl", "parquet"]
_DESCRIBED = ("item_id", "title", "category", "tags", "brand", "price", "available", "created_at")
"""What this shop says of an item; written out whole, defaults too, so that no reader has to know them."""
STREAMS = ("interactions", "exposures", "outcomes", "assignments")
_SQL = Path(__file__).with_name("sql")
_COPY = {
    "jsonl": "(FORMAT json)",
    "parquet": "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)",
}
Columns = dict[str, npt.NDArray[np.generic]]


class Writer:
    """Collects batches of one history, then writes all files at once, each in order of time.

    The numbers wait in a DuckDB file in ``directory``, so a long history needs disk and not memory.
    """

    def __init__(self, world: World, *, directory: Path, tag: str, length: int) -> None:
        import duckdb

        self._world, self._directory, self._length = world, directory, length
        # Half of the units each; the coin belongs to the unit, not to the visit.
        self._arm = stream(world.seed, "old-shop", 1).random(len(world.users)) < 0.5
        self._work = directory / "batches.duckdb"
        self._db = duckdb.connect(str(self._work))
        self._counts: dict[str, int] = {}
        self._db.execute("SET threads = 1")  # more than one may cut Parquet differently from run to run
        self._db.execute(f"SET temp_directory = '{_quoted(directory / 'spill')}'")
        self._set("tag", tag)
        self._set("experiment", EXPERIMENT)
        self._set("variants", list(VARIANTS))
        self._set("surfaces", list(SURFACES))

    def add(self, batch: Batch) -> None:
        """Take in one batch."""
        ids = self._world.items.ids
        lists = dict(batch.lists)
        lists["arm"] = self._arm[batch.lists["user"]].astype(np.int64)
        for place in range(self._length):
            lists[f"i{place + 1}"] = ids[batch.shown[:, place]]
            lists[f"p{place + 1}"] = np.round(batch.propensities[:, place], 9)
        self._append("told_interactions", self._worded(batch.interactions))
        self._append("told_lists", lists)
        self._append("told_outcomes", self._worded(batch.outcomes))

    def _worded(self, columns: Columns) -> Columns:
        """Name the items, and say what a purchase was worth."""
        items, worded = self._world.items, dict(columns)
        item = worded.pop("item")
        worded["item_id"] = items.ids[item]
        worded["value"] = np.round(items.price[item] * columns["quantity"], 2)
        return worded

    def write(self, name: str, *, form: FileFormat) -> tuple[Path, int]:
        """Write one stream; returns the file and its rows."""
        shown = ", ".join(
            f"{{'item_id': e.i{r}, 'rank': {r}, 'propensity': e.p{r}}}" for r in range(1, self._length + 1)
        )
        select = (_SQL / f"{name}.sql").read_text(encoding="utf-8").replace("$SHOWN", shown)
        return self._copy(select, name, form)

    def write_catalogue(self, *, form: FileFormat, end: date) -> tuple[Path, int]:
        """Write the catalogue as of the end of a day."""
        lines = self._directory / "catalog.jsonl"
        count = _write_lines(lines, catalogue(self._world, end=end))
        if form == "jsonl":
            return lines, count
        read = (_SQL / "catalog.sql").read_text(encoding="utf-8")
        self._db.execute(f"CREATE TEMP TABLE goods AS {read}", [str(lines)])
        lines.unlink()
        return self._copy("SELECT * FROM goods", "catalog", form)

    def close(self) -> None:
        """Let go of the numbers; the files that were written stay."""
        self._db.close()
        self._work.unlink(missing_ok=True)

    def _copy(self, select: str, name: str, form: FileFormat) -> tuple[Path, int]:
        path = self._directory / f"{name}.{form}"
        self._db.execute(f"COPY ({select}) TO '{_quoted(path)}' {_COPY[form]}")
        row = self._db.fetchone()
        return path, int(row[0]) if row else 0

    def _append(self, table: str, columns: Columns) -> None:
        rows, count = len(columns["ts"]), self._counts.get(table)
        first = count or 0
        told = {"n": np.arange(first, first + rows), "user_no": columns["user"]}
        told |= {name: values for name, values in columns.items() if name != "user"}
        self._db.register("told", told)
        into = f"CREATE TABLE {table} AS" if count is None else f"INSERT INTO {table}"
        # A column of text without a row has no type of its own.
        texts = [f"CAST({name} AS VARCHAR) AS {name}" for name, values in told.items() if values.dtype == object]
        taken = f"* REPLACE ({', '.join(texts)})" if texts else "*"
        self._db.execute(f"{into} SELECT {taken} FROM told")  # noqa: S608 - names of ours
        self._db.unregister("told")
        self._counts[table] = first + rows

    def _set(self, name: str, value: object) -> None:
        self._db.execute(f"SET VARIABLE {name} = $1", [value])


def _write_lines(path: Path, rows: Iterable[Item]) -> int:
    encoder = msgspec.json.Encoder()
    count = 0
    with path.open("wb") as file:
        for count, row in enumerate(rows, 1):  # noqa: B007 - the count is what stays
            file.write(encoder.encode({name: getattr(row, name) for name in _DESCRIBED}) + b"\n")
    return count


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
