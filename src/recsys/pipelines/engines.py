"""What computing signals asks of an engine, and the two that can: DuckDB on this machine, Spark on a cluster."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy.typing as npt

from recsys.errors import UsageError
from recsys.pipelines.engine import MEMORY_LIMIT, open_engine
from recsys.progress import Progress, silent
from recsys.signals import SmallTable

__all__ = ["ENGINES", "LOCAL", "EngineName", "SignalEngine", "open_signal_engine"]

EngineName = Literal["duckdb", "spark"]
ENGINES: tuple[EngineName, ...] = ("duckdb", "spark")
LOCAL = "local[*]"
"""Spark on this machine, with all its cores."""


class SignalEngine(Protocol):
    """Runs the definitions of signals: SQL that both engines read alike.

    Every name is a relation that later queries may read. Beyond what the two share they know ``epoch_us(timestamp)``
    (microseconds since 1970, BIGINT) and ``explode(list)`` (one row per element).
    """

    def files(self, name: str, paths: Sequence[Path], columns: Mapping[str, str]) -> None:
        """Name the rows of Parquet files; without a file an empty relation of these columns (name to DuckDB's type)."""

    def view(self, name: str, select: str) -> None:
        """Name a query, which runs whenever it is read; replaces one of that name."""

    def table(self, name: str, small: SmallTable) -> None:
        """Make a small table, replacing one of that name."""

    def make(self, name: str, select: str) -> None:
        """Run a query once and keep its result, replacing one of that name."""

    def arrays(self, sql: str) -> Mapping[str, npt.NDArray[Any]]:
        """Return a result as one array per column, in the query's order where it has one."""

    def write(self, select: str, path: Path) -> None:
        """Write a query's rows to a Parquet file, in the query's order where it has one: whole, or not at all."""

    def drop(self, *names: str) -> None:
        """Forget what :meth:`table` and :meth:`make` made, and free its room."""


@contextmanager
def open_signal_engine(
    name: EngineName,
    *,
    folder: Path,
    threads: int | None = None,
    memory: str = MEMORY_LIMIT,
    master: str = LOCAL,
    progress: Progress = silent,
) -> Iterator[SignalEngine]:
    """Open an engine that keeps what it makes below ``folder``, and removes it afterwards.

    Parameters
    ----------
    threads
        Of DuckDB; those of Spark stand in its master URL.
    memory
        What DuckDB, or Spark on this machine, may hold before it spills to disk: ``2500MB``. A cluster has its own.
    master
        Spark's master URL: ``local[2]``, ``spark://host:7077``, ``yarn``.
    """
    if name == "spark":
        from recsys.pipelines.spark import open_spark

        with open_spark(folder=folder, master=master, memory=memory, progress=progress) as spark:
            yield spark
        return
    if name != "duckdb":
        raise UsageError(f"there is no engine `{name}`", next_step=f"known: {', '.join(ENGINES)}")
    with open_engine(folder=folder, threads=threads, memory_limit=memory) as engine:
        yield engine
