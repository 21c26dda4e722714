"""Opens the inputs of a run: checks every row, and gives each role one table-like name in the engine.

Rows of a database are laid down as files first. Lines are checked one by one and then rewritten as Parquet in the
engine's folder, so that everything after reads the same way, whatever the input was, and never the text twice.
"""

from pathlib import Path

import msgspec

from recsys.evaluation.engine import Engine, identifier, literal
from recsys.evaluation.errors import BadData
from recsys.evaluation.reading.databases import from_duckdb, from_postgres
from recsys.evaluation.reading.dataset import Dataset, Source, find_files
from recsys.evaluation.reading.findings import LineError
from recsys.evaluation.reading.lines import check_lines
from recsys.evaluation.reading.parquet import (
    columns_of,
    files_sql,
    first_bad_rows,
    known_columns,
    moment_sql,
    problem_sql,
)
from recsys.evaluation.reading.schemas import ROLES, Schema

__all__ = ["Opened", "open_sources"]

_SHOWN = (
    "STRUCT(item_id VARCHAR, rank BIGINT, propensity DOUBLE, logging_propensity DOUBLE, target_propensity DOUBLE)[]"
)

_JSON_TYPES = {
    "items": _SHOWN,
    "context": "MAP(VARCHAR, VARCHAR)",
    "latency_ms": "DOUBLE",
    "value": "DOUBLE",
    "quantity": "DOUBLE",
    "rank": "BIGINT",
}
"""How JSON fields are read; every other is text."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """One role as read: from which files, how many rows, an order-free sum of their hashes, and its columns."""

    role: str
    paths: tuple[Path, ...]
    lines: bool
    """JSONL, not Parquet."""
    rows: int
    content: int
    columns: dict[str, str]


def open_sources(engine: Engine, dataset: Dataset, folder: Path) -> dict[str, Opened]:
    """Open and check every role; the engine then has a view ``<role>_read`` for each.

    Raises
    ------
    BadData
        For any row that breaks its schema (the first are named), and for a role without rows.
    """
    try:
        return {role: _open(engine, role, source, folder) for role, source in dataset.roles().items()}
    except BadData as error:
        # Where rows of a database were laid down is gone by now, and nobody's business.
        raise BadData(error.message.replace(f"{engine.folder}/", ""), next_step=error.next_step) from None


def _open(engine: Engine, role: str, source: Source, folder: Path) -> Opened:
    schema = ROLES[role]
    paths = tables = _laid_down(engine, role, source, folder)
    lines = source.type in ("jsonl", "postgres")
    if lines:
        _check_jsonl(role, paths, schema)
        tables = (_rewrite(engine, role, paths, schema),)
        problem = "false"
        columns = columns_of(engine, tables, schema, checked=True)
    else:
        columns = columns_of(engine, tables, schema)
        problem = problem_sql(columns, schema)
    rows, bad, content = engine.row(
        f"SELECT count(*), count_if({problem}), sum(hash({', '.join(known_columns(columns))})::HUGEINT) "  # noqa: S608
        f"FROM {files_sql(tables)}"
    )
    if bad:
        _refuse(role, rows, bad, first_bad_rows(engine, tables, columns, schema, keep=3))
    if rows == 0:
        raise BadData(f"{role}: no rows in {paths[0]}", next_step="an export that failed? there is nothing to judge")
    engine.run(f"CREATE TEMP VIEW {role}_read AS {_view(columns, tables)}")
    return Opened(role=role, paths=paths, lines=lines, rows=rows, content=int(content or 0), columns=columns)


def _laid_down(engine: Engine, role: str, source: Source, folder: Path) -> tuple[Path, ...]:
    """Return the files of a source; rows of a database are written to one, named for what they are."""
    if source.type == "postgres":
        assert source.query is not None
        to = engine.folder / f"{role} of PostgreSQL.jsonl"
        from_postgres(dsn=source.dsn, dsn_env=source.dsn_env, query=source.query, to=to, role=role)
    elif source.type == "duckdb":
        assert isinstance(source.path, str)
        assert source.query is not None
        to = engine.folder / f"{role} of DuckDB.parquet"
        from_duckdb(path=folder / source.path, query=source.query, to=to, role=role)
    else:
        assert source.path is not None
        return find_files(source.path, folder=folder, role=role)
    return find_files(to.name, folder=engine.folder, role=role)


def _check_jsonl(role: str, paths: tuple[Path, ...], schema: Schema) -> None:
    checked = [check_lines(path, schema, keep=3) for path in paths]
    bad = sum(found.bad for found in checked)
    if bad:
        errors = tuple(error for found in checked for error in found.errors)
        _refuse(role, sum(found.rows for found in checked), bad, errors[:3])
    if not any(found.rows for found in checked):
        raise BadData(f"{role}: no rows in {paths[0]}", next_step="an export that failed? there is nothing to judge")


def _refuse(role: str, rows: int, bad: int, errors: tuple[LineError, ...]) -> None:
    named = "; ".join(map(str, errors))
    raise BadData(
        f"{role}: {bad} of {rows} rows break the schema: {named}", next_step="recsys eval validate lists more of them"
    )


def _rewrite(engine: Engine, role: str, paths: tuple[Path, ...], schema: Schema) -> Path:
    listed = ", ".join(literal(str(path)) for path in paths)
    fields = sorted(schema.fields - {"decision"})
    types = ", ".join(f"{literal(name)}: {literal(_JSON_TYPES.get(name, 'VARCHAR'))}" for name in fields)
    target = engine.folder / f"{role}.parquet"
    engine.run(
        f"COPY (SELECT {', '.join(identifier(name) for name in fields)} "  # noqa: S608
        f"FROM read_json([{listed}], format = 'newline_delimited', columns = {{{types}}})) "
        f"TO {literal(str(target))} (FORMAT parquet, COMPRESSION lz4)"
    )
    return target


def _view(columns: dict[str, str], tables: tuple[Path, ...]) -> str:
    """Return the role's rows with ``ts_us``, ``context`` as a map, ``content`` as a row hash, and every
    column there is.
    """
    shown = [f"hash({', '.join(known_columns(columns))}) AS content"]
    for name, kind in sorted(columns.items()):
        if name == "ts":
            shown.append(f"{moment_sql(kind)} AS ts_us")
        elif name == "context":
            shown.append(f"{_context(kind)} AS context")
        elif name == "event_type":
            shown.append("event_type::VARCHAR AS event_type")
        elif name != "decision":
            shown.append(identifier(name))
    return f"SELECT {', '.join(shown)} FROM {files_sql(tables)}"  # noqa: S608


def _context(kind: str) -> str:
    if kind.startswith("MAP("):
        return "CAST(context AS MAP(VARCHAR, VARCHAR))" if kind != "MAP(VARCHAR, VARCHAR)" else "context"
    if kind.startswith("STRUCT("):
        # Through JSON, so that a field that is absent in a row is absent in its map.
        return "CAST(to_json(context) AS MAP(VARCHAR, VARCHAR))"
    return "CAST(context::JSON AS MAP(VARCHAR, VARCHAR))"
