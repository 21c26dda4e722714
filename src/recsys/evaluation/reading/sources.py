"""Opens the inputs of a run: checks every row, and gives each role one table-like name in the engine.

Rows of a database are laid down as files first. Lines are checked by decoding each, unless all of a large role are of
the usual form. Exposures and outcomes are then read in one pass, whatever the input was
(:mod:`recsys.evaluation.joining.kept`).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from recsys.evaluation.engine import Engine, identifier, literal
from recsys.evaluation.errors import BadData
from recsys.evaluation.reading.databases import from_duckdb, from_postgres
from recsys.evaluation.reading.dataset import Source, find_files
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
from recsys.evaluation.reading.usual import all_usual

__all__ = ["Located", "Opened", "check_again", "locate_sources", "open_source"]

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


_READ_ONCE = ("exposures", "outcomes")
"""Roles that are read in one pass; the lines of others are laid down as Parquet, because they are read several times.
"""


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """One role as found: from which files, whether they are lines (JSONL, not Parquet), its columns, and the SQL that
    reads it. The engine has a view ``<role>_read`` of it.
    """

    role: str
    paths: tuple[Path, ...]
    lines: bool
    columns: dict[str, str]


class Opened(Located, frozen=True, kw_only=True):
    """One role as read: how many rows, and an order-free sum of their hashes."""

    rows: int
    content: int


def locate_sources(engine: Engine, roles: Mapping[str, Source], folder: Path) -> dict[str, Located]:
    """Find every role and check its columns, and its lines; the engine then has a view ``<role>_read`` for each, with
    ``content``, a hash of the row, and ``bad``, whether it breaks its schema.

    Raises
    ------
    BadData
        For files that are not there or do not fit, and any line that breaks its schema (the first are named).
    """
    return {role: _locate(engine, role, source, folder) for role, source in roles.items()}


def check_again(located: Iterable[Located]) -> None:
    """Decode the lines of these roles, where the engine could not read them: raises :class:`BadData` with the words
    for it, if there are any.
    """
    for each in located:
        if each.lines:
            _check_jsonl(each.role, each.paths, ROLES[each.role])


def open_source(engine: Engine, located: Located, *, kept: str | None = None) -> Opened:
    """Count a role's rows; ``kept``: SQL of ``content`` and ``bad`` of each, where they were read already.

    Raises
    ------
    BadData
        For any row that breaks its schema (the first are named), and for a role without rows.
    """
    role, schema = located.role, ROLES[located.role]
    rows, bad, content = engine.row(
        f"SELECT count(*), count_if(bad), sum(content::HUGEINT) FROM {kept or f'{role}_read'}"  # noqa: S608 - ours
    )
    if bad and located.lines:
        # Decoding has the last word, and the words for it.
        _check_jsonl(role, located.paths, schema)
    elif bad:
        _refuse(role, rows, bad, first_bad_rows(engine, located.paths, located.columns, schema, keep=3))
    if rows == 0:
        raise _nothing(role, located.paths)
    return Opened(**msgspec.structs.asdict(located), rows=rows, content=int(content or 0))


def _locate(engine: Engine, role: str, source: Source, folder: Path) -> Located:
    schema = ROLES[role]
    paths = _laid_down(engine, role, source, folder)
    lines = source.type in ("jsonl", "postgres")
    if lines:
        usual = role in _READ_ONCE and all_usual(engine, paths, schema)
        if not usual:
            _check_jsonl(role, paths, schema)
        table = lines_sql(paths, schema)
        if role not in _READ_ONCE:
            table = files_sql((_rewrite(engine, role, table),))
        columns = {name: str(kind) for name, kind, *_ in engine.rows(f"DESCRIBE SELECT * FROM {table}")}  # noqa: S608
        problem = problem_sql(columns, schema) if usual else "false"
    else:
        table = files_sql(paths)
        columns = columns_of(engine, paths, schema)
        problem = problem_sql(columns, schema)
    engine.run(f"CREATE VIEW {role}_read AS {_view(columns, table, problem)}")
    return Located(role=role, paths=paths, lines=lines, columns=columns)


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
        raise _nothing(role, paths)


def _refuse(role: str, rows: int, bad: int, errors: tuple[LineError, ...]) -> None:
    named = "; ".join(map(str, errors))
    raise BadData(
        f"{role}: {bad} of {rows} rows break the schema: {named}", next_step="recsys eval validate lists more of them"
    )


def _nothing(role: str, paths: tuple[Path, ...]) -> BadData:
    next_step = "an export that failed? there is nothing to judge"
    return BadData(f"{role}: no rows in {paths[0]}", next_step=next_step)


def lines_sql(paths: tuple[Path, ...], schema: Schema) -> str:
    """Return the table function reading these lines."""
    listed = ", ".join(literal(str(path)) for path in paths)
    fields = sorted(schema.fields - {"decision"})
    types = ", ".join(f"{literal(name)}: {literal(_JSON_TYPES.get(name, 'VARCHAR'))}" for name in fields)
    return f"read_json([{listed}], format = 'newline_delimited', columns = {{{types}}})"


def _rewrite(engine: Engine, role: str, table: str) -> Path:
    target = engine.folder / f"{role}.parquet"
    engine.run(f"COPY (SELECT * FROM {table}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION lz4)")  # noqa: S608
    return target


def _view(columns: dict[str, str], table: str, problem: str) -> str:
    """Return the role's rows with ``ts_us``, ``context`` as a map, ``content`` as a row hash, whether each is ``bad``,
    and every column there is.
    """
    shown = [f"hash({', '.join(known_columns(columns))}) AS content", f"({problem}) AS bad"]
    for name, kind in sorted(columns.items()):
        if name == "ts":
            shown.append(f"{moment_sql(kind)} AS ts_us")
        elif name == "context":
            shown.append(f"{_context(kind)} AS context")
        elif name == "event_type":
            shown.append("event_type::VARCHAR AS event_type")
        elif name != "decision":
            shown.append(identifier(name))
    return f"SELECT {', '.join(shown)} FROM {table}"  # noqa: S608


def _context(kind: str) -> str:
    if kind.startswith("MAP("):
        return "CAST(context AS MAP(VARCHAR, VARCHAR))" if kind != "MAP(VARCHAR, VARCHAR)" else "context"
    if kind.startswith("STRUCT("):
        # Through JSON, so that a field that is absent in a row is absent in its map.
        return "CAST(to_json(context) AS MAP(VARCHAR, VARCHAR))"
    # What is none is a bad row, which is told after.
    return "TRY_CAST(TRY_CAST(context AS JSON) AS MAP(VARCHAR, VARCHAR))"
