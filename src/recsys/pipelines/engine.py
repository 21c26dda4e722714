"""DuckDB as the pipelines use it: tables in bounded memory, on disk past it, nothing loaded from outside."""

import datetime
import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from queue import SimpleQueue
from string import Template
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

import numpy.typing as npt

from recsys.errors import Failed, UsageError
from recsys.signals import SmallTable

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "MEMORY_LIMIT",
    "Engine",
    "EngineFailed",
    "day_number",
    "identifier",
    "literal",
    "memory_bytes",
    "open_engine",
]

MEMORY_LIMIT = "2500MB"
"""What DuckDB may hold before it spills to disk: with Python beside it a run stays within 4 GB (goal S6)."""
_AT_ONCE = 4
"""Files that are written at once; each holds a day's rows while they are sorted."""
_PARQUET = "FORMAT parquet, DICTIONARY_SIZE_LIMIT 5000"
"""A dictionary is tried for every column, ids too, and is given up the later the larger it may get."""
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")
_UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 1 << 20, "GiB": 1 << 30}


def literal(value: str) -> str:
    """Write text as an SQL string."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Write a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def memory_bytes(text: str) -> int:
    """Read an amount of memory such as ``2500MB`` or ``4 GiB``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(MB|GB|MiB|GiB)", text)
    if found is None:
        raise UsageError(f"`{text}` is no amount of memory", next_step=f"write it as {MEMORY_LIMIT} or 4GB")
    return round(float(found[1]) * _UNITS[found[2]])


class EngineFailed(Failed):
    """The engine could not do what it was asked: a file it cannot read, no room left. ``said`` is its first line;
    ``no_room`` when it was memory or disk that it lacked.
    """

    code = "ENGINE_FAILED"

    def __init__(self, said: str, *, check: str = "memory and disk space", no_room: bool = False) -> None:
        super().__init__(f"the engine failed: {said}", next_step=f"nothing was published; check {check}")
        self.said = said
        self.no_room = no_room


@contextmanager
def _engines_errors() -> Iterator[None]:
    """Turn what the engine raises into ours, and Ctrl-C back into what it was."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except duckdb.Error as error:
        said = str(error).split("\n", 1)[0]
        no_room = isinstance(error, duckdb.OutOfMemoryException) or os.strerror(errno.ENOSPC) in said
        raise EngineFailed(said, no_room=no_room) from error
    except RuntimeError as error:
        if "interrupt" in str(error).lower():  # how Ctrl-C shows when Python noticed it first
            raise KeyboardInterrupt from None
        raise


class Engine:
    """One database, gone when it is closed."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection

    def run(self, sql: str, **values: Any) -> None:
        """Run one statement; ``$name`` in it stands for a value."""
        self._execute(sql, values or None)

    def _execute(self, sql: str, values: dict[str, Any] | None = None) -> "duckdb.DuckDBPyConnection":
        with _engines_errors():
            return self._connection.execute(sql, values)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows of a small result."""
        result = self._execute(sql)
        with _engines_errors():  # a result is computed while it is fetched
            return result.fetchall()

    def value(self, sql: str) -> Any:
        """Return the first column of the first row."""
        return self.rows(sql)[0][0]

    def number(self, sql: str) -> int:
        """Return the first column of the first row as an integer; 0 for NULL."""
        return int(self.value(sql) or 0)

    def arrays(self, sql: str) -> Mapping[str, npt.NDArray[Any]]:
        """Return a result as one array per column."""
        result = self._execute(sql)
        with _engines_errors():
            found: dict[str, npt.NDArray[Any]] = result.fetchnumpy()
        return found

    def columns(self, relation: str) -> dict[str, str]:
        """Return the columns of a relation: name to type."""
        return {str(row[0]): str(row[1]) for row in self.rows(f"DESCRIBE SELECT * FROM {relation}")}  # noqa: S608 - a relation of ours

    def table(self, name: str, small: SmallTable) -> None:
        """Make a small table, replacing one of that name. Its columns are given whole: row by row was a third of a
        small run.
        """
        columns = ", ".join(
            f"unnest(CAST($c{n} AS {kind}[])) AS {column}" for n, (column, kind) in enumerate(small.columns)
        )
        self.make(
            name, f"SELECT {columns}", **{f"c{n}": [row[n] for row in small.rows] for n in range(len(small.columns))}
        )

    def make(self, name: str, select: str, **values: Any) -> None:
        """Make a table of a query's result, replacing one of that name; ``$name`` in it stands for a value."""
        self.run(f"CREATE OR REPLACE TABLE {name} AS {select}", **values)

    def write(self, select: str, path: Path) -> None:
        """Write a query's rows to a Parquet file: whole and on disk, or not at all."""
        unfinished = path.with_suffix(".tmp")
        self.run(f"COPY ({select}) TO {literal(str(unfinished))} ({_PARQUET})")
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)  # noqa: PTH105 - both names are here

    def each(self, work: Callable[["Engine", _Given], _Made], jobs: Sequence[_Given]) -> list[_Made]:
        """Do the same for every job, a few at a time, each with a connection of its own to these tables: what one
        thread does alone, such as writing a file, leaves the other cores to the next. Results stand in the jobs' order.
        """
        at_once = min(_AT_ONCE, len(jobs), self.number("SELECT current_setting('threads')"))
        if at_once < 2:
            return [work(self, job) for job in jobs]
        cursors = [self._connection.cursor() for _ in range(at_once)]
        free: SimpleQueue[Engine] = SimpleQueue()
        for cursor in cursors:
            _prepare(cursor)
            free.put(Engine(cursor))

        stopped = Event()

        def one(job: _Given) -> _Made:
            if stopped.is_set():
                raise CancelledError
            engine = free.get()
            try:
                return work(engine, job)
            except BaseException:
                stopped.set()
                raise
            finally:
                free.put(engine)

        try:
            with ThreadPoolExecutor(at_once) as pool:
                doing = [pool.submit(one, job) for job in jobs]
                try:
                    return [done.result() for done in doing]
                except BaseException:
                    stopped.set()
                    for cursor in cursors:
                        cursor.interrupt()
                    raise
        finally:  # after the threads: a connection at work refuses to be closed, and that would hide what went wrong
            for cursor in cursors:
                cursor.close()

    def view(self, name: str, select: str) -> None:
        """Name a query, replacing a view of that name."""
        self.run(f"CREATE OR REPLACE VIEW {name} AS {select}")

    def files(self, name: str, paths: Sequence[Path], columns: Mapping[str, str]) -> None:
        """Name the rows of Parquet files; without a file an empty relation of these columns."""
        if paths:
            names = ", ".join(literal(str(path)) for path in paths)
            self.view(name, f"SELECT * FROM read_parquet([{names}], hive_partitioning = false)")  # noqa: S608 - ours
        else:
            empty = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in columns.items())
            self.view(name, f"SELECT {empty} LIMIT 0")

    def drop(self, *names: str) -> None:
        """Drop tables."""
        for name in names:
            self.run(f"DROP TABLE {name}")

    def named(self, sql: str) -> dict[str, int]:
        """Return the one row of a query of counts, by name of column."""
        return {name: int(values[0]) for name, values in self.arrays(sql).items()}

    @staticmethod
    def script(name: str, **holes: str) -> str:
        """Return the query in ``sql/<name>.sql`` with its ``${holes}`` filled."""
        text = files("recsys.pipelines").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
        return Template(text).substitute(holes)

    def register(self, name: str, frame: object) -> None:
        """Make a data frame readable as a relation."""
        self._connection.register(name, frame)


@contextmanager
def open_engine(*, folder: Path, threads: int | None = None, memory_limit: str = MEMORY_LIMIT) -> Iterator[Engine]:
    """Open an engine that spills what its memory does not hold to a new folder below ``folder``, which is removed
    afterwards.
    """
    import duckdb

    with TemporaryDirectory(prefix="engine-", dir=folder) as name:
        settings: dict[str, Any] = {
            "memory_limit": f"{memory_bytes(memory_limit)}B",
            "temp_directory": str(Path(name) / "spill"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        if threads is not None:
            settings["threads"] = threads
        connection = duckdb.connect(":memory:", config=settings)
        try:
            # packed, tables take a third of the room: less is spilled, and a scan reads less
            connection.execute("ATTACH ':memory:' AS packed (COMPRESS)")
            _prepare(connection)
            with _engines_errors():  # Ctrl-C may show anywhere in the work done with it, also while rows are taken over
                yield Engine(connection)
        finally:
            connection.close()


def _prepare(connection: "duckdb.DuckDBPyConnection") -> None:
    """Say what holds for one connection only."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("USE packed")
    connection.execute("CREATE TEMP MACRO explode(list) AS unnest(list)")  # what Spark calls it


def day_number(day: datetime.date) -> int:
    """Count a day from 1970-01-01."""
    return (day - datetime.date(1970, 1, 1)).days
