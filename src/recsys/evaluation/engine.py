"""DuckDB as evaluation uses it: bounded memory, spilling to a folder of its own, loading nothing from
outside.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

__all__ = ["MEMORY_LIMIT", "Engine", "identifier", "literal", "memory_for", "open_engine"]

MEMORY_LIMIT = "560MB"
"""What DuckDB may hold before it spills; with Python beside it an offline run stays under 1 GB (goal S8)."""
_FOR_ARMS = "1GB"
"""For who compares units with each other, over all and by day and slice: of ten million requests they are not held in
less.
"""


class Engine:
    """One database of its own, in a folder that is gone afterwards: tables are written packed, and memory holds what is
    being looked at. Temporary tables stay in memory while they fit.
    """

    def __init__(self, connection: "duckdb.DuckDBPyConnection", folder: Path) -> None:
        self._connection = connection
        self.folder = folder

    def run(self, sql: str, **parameters: Any) -> "duckdb.DuckDBPyConnection":
        """Run one statement; ``$name`` in it stands for a parameter."""
        return self._connection.execute(sql, parameters or None)

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self.run(sql, **parameters).fetchall()

    def row(self, sql: str, **parameters: Any) -> tuple[Any, ...]:
        """Return the first row of a query that always has one."""
        found = self.run(sql, **parameters).fetchone()
        assert found is not None
        return tuple(found)

    def script(self, name: str, *, holes: dict[str, str] | None = None, **parameters: Any) -> None:
        """Run the statement in ``sql/<name>.sql``, its ``${holes}`` filled with SQL made here."""
        self.run(sql_text(name, holes), **parameters)


def sql_text(name: str, holes: dict[str, str] | None = None) -> str:
    """Return a statement from ``sql/`` with its ``${holes}`` filled. ``$name`` parameters stay as they
    are.
    """
    text = files("recsys.evaluation").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return _Holes(text).substitute(holes or {})


class _Holes(Template):
    """Only ``${name}`` is a hole: ``$name`` belongs to the query's parameters."""

    pattern = r"""
        \$\{(?P<braced>[a-z_]+)\}
        | (?P<escaped>(?!))
        | (?P<named>(?!))
        | (?P<invalid>(?!))
    """  # type: ignore[assignment]


def memory_for(mode: str) -> str:
    """Return what the engine of an evaluation of this mode may hold."""
    return MEMORY_LIMIT if mode == "offline" else _FOR_ARMS


@contextmanager
def open_engine(*, memory_limit: str = MEMORY_LIMIT) -> Iterator[Engine]:
    """Open an engine; what it wrote is gone afterwards."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="recsys-eval-") as name:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "temp_directory": str(Path(name) / "spill"),
            # Extensions are fetched from the network; everything used here is built in.
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # No answer depends on row order, and keeping it costs memory.
            "preserve_insertion_order": "false",
            # Nobody opens the database again: what is in its tables is on disk already, and no log has to be folded in.
            "checkpoint_threshold": "1TB",
        }
        connection = duckdb.connect(Path(name) / "evaluation.duckdb", config=settings)
        try:
            connection.execute("SET enable_progress_bar = false")
            connection.execute("PRAGMA disable_checkpoint_on_shutdown")
            yield Engine(connection, Path(name))
        finally:
            connection.close()


def identifier(name: str) -> str:
    """Quote a column name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a string."""
    return "'" + text.replace("'", "''") + "'"
