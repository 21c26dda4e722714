"""Checks Parquet as strictly as lines: known columns, required columns, and rows that keep to their
schema.
"""

from pathlib import Path

from recsys.encoding import did_you_mean
from recsys.evaluation.engine import Engine, identifier, literal
from recsys.evaluation.errors import BadData
from recsys.evaluation.reading.findings import Checked, LineError
from recsys.evaluation.reading.schemas import MAX_RANK, MAX_VALUE, SCHEMAS, YEAR_10000_S, Schema

__all__ = [
    "check_rows",
    "columns_of",
    "files_sql",
    "first_bad_rows",
    "known_columns",
    "moment_sql",
    "problem_sql",
]


def files_sql(paths: tuple[Path, ...], *, numbered: bool = False) -> str:
    """Return the table function reading these files; ``numbered`` adds ``filename`` and
    ``file_row_number``.
    """
    listed = ", ".join(literal(str(path)) for path in paths)
    extra = ", filename = true, file_row_number = true" if numbered else ""
    return f"read_parquet([{listed}], hive_partitioning = false{extra})"


def columns_of(engine: Engine, paths: tuple[Path, ...], schema: Schema) -> dict[str, str]:
    """Return the columns by name with their types; all files must agree and fit the schema.

    Raises
    ------
    BadData
        For an unreadable file, files that differ, an unknown or a missing column.
    """
    import duckdb

    found: dict[str, str] = {}
    for path in paths:
        try:
            described = engine.rows(f"DESCRIBE SELECT * FROM {files_sql((path,))}")  # noqa: S608
        except duckdb.Error as error:
            raise BadData(f"{path}: not readable as Parquet: {str(error).splitlines()[0]}") from None
        columns = {row[0]: row[1] for row in described}
        if found and columns != found:
            differ = sorted(set(columns.items()) ^ set(found.items()))[0][0]
            raise BadData(f"{path}: column `{differ}` differs from {paths[0]}", next_step="write them alike")
        found = columns
    _check_columns(found, schema, paths[0])
    if "items" in found:
        # The types of a list's items, as columns of their own.
        described = engine.rows(f"DESCRIBE SELECT unnest(items[1]) FROM {files_sql(paths[:1])}")  # noqa: S608
        _check_items({row[0]: str(row[1]) for row in described}, schema, paths[0])
    return found


def _check_columns(columns: dict[str, str], schema: Schema, path: Path) -> None:
    unknown = sorted(set(columns) - schema.fields)
    missing = sorted(schema.required - set(columns))
    if (unknown or missing) and (other := _looks_like(columns, schema)):
        raise BadData(f"{path}: these are rows of {other}, not of {schema.name}", next_step="are two inputs swapped?")
    if unknown:
        raise BadData(f"{path}: unknown column `{unknown[0]}`", next_step=did_you_mean(unknown[0], schema.fields))
    if missing:
        raise BadData(f"{path}: column `{missing[0]}` is missing", next_step=f"{schema.name} requires it")
    for name, wanted in _TYPES.items():
        kind = columns.get(name)
        if kind is None:
            continue
        if not kind.startswith(wanted) or (name == "items" and not kind.endswith("[]")):
            as_what = _ITEMS if name == "items" else wanted[0].removesuffix("(")
            raise BadData(f"{path}: column `{name}` is {kind[:60]}", next_step=f"write it as {as_what}")


def _check_items(fields: dict[str, str], schema: Schema, path: Path) -> None:
    """Refuse items with other fields than a line's have: a misspelt propensity would be taken for a missing one."""
    for name in sorted(fields):
        if name not in schema.item_fields:
            next_step = did_you_mean(name, schema.item_fields)
            raise BadData(f"{path}: column `items` has an unknown field `{name}`", next_step=next_step)
    for name, wanted in (("item_id", ("VARCHAR", "ENUM")), ("rank", _WHOLE)):
        if name not in fields:
            raise BadData(f"{path}: column `items` has no field `{name}`", next_step=f"write it as {_ITEMS}")
        if not fields[name].startswith(wanted):
            raise BadData(f"{path}: `{name}` of `items` is {fields[name]}", next_step=f"write it as {wanted[0]}")
    for name in sorted(set(fields) - {"item_id", "rank"}):
        if not fields[name].startswith(_NUMBERS):
            raise BadData(f"{path}: `{name}` of `items` is {fields[name]}", next_step="write it as DOUBLE")


_ITEMS = "STRUCT(item_id VARCHAR, rank BIGINT)[]"
_WHOLE = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT", "HUGEINT")
_NUMBERS = ("DOUBLE", "FLOAT", "DECIMAL", *_WHOLE)

_TYPES: dict[str, tuple[str, ...]] = {
    "request_id": ("VARCHAR",),
    "user_id": ("VARCHAR",),
    "item_id": ("VARCHAR",),
    "event_type": ("VARCHAR", "ENUM"),
    "event_id": ("VARCHAR",),
    "surface": ("VARCHAR", "ENUM"),
    "ranker": ("VARCHAR", "ENUM"),
    "ts": ("VARCHAR", "TIMESTAMP"),
    "value": _NUMBERS,
    "latency_ms": _NUMBERS,
    "context": ("MAP(VARCHAR", "STRUCT(", "VARCHAR", "JSON"),
    "items": ("STRUCT(",),
}
"""What a column's type may begin with. An id that is a number is refused: it would meet no id that is
text."""


def _looks_like(columns: dict[str, str], schema: Schema) -> str | None:
    for other in SCHEMAS.values():
        alike = "interaction.v1" in (schema.name, other.name)
        if other is not schema and not alike and other.required <= set(columns) <= other.fields:
            return other.name
    return None


def moment_sql(kind: str) -> str:
    """Return the SQL of ``ts`` in microseconds since 1970; a Parquet timestamp without zone is UTC."""
    if kind == "VARCHAR":
        return "epoch_us(TRY_CAST(ts AS TIMESTAMPTZ))"
    return "epoch_us(ts)" if "TIME ZONE" in kind else "epoch_us(ts::TIMESTAMP)"


def _problems(columns: dict[str, str], schema: Schema) -> list[tuple[str, str, str]]:
    """Return (field, reason, SQL that is true of a bad row), in the order they are reported."""
    found: list[tuple[str, str, str]] = [
        (name, "is missing or empty", f"coalesce({name}, '') = ''")
        for name in ("request_id", "item_id", "experiment_id", "variant", "ranker")
        if name in schema.required
    ]
    if "ts" in columns:
        # A moment outside of the calendar is refused as it is in a line.
        moment = moment_sql(columns["ts"])
        wrong = f"NOT coalesce({moment} BETWEEN 0 AND {YEAR_10000_S} * 1000000 - 1, false)"
        if columns["ts"] == "VARCHAR":
            # Without a zone the engine would guess one.
            wrong += r" OR NOT regexp_matches(ts, '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d.*([Zz]|[+-]\d\d:\d\d)$')"
        found.append(("ts", "is not a time with a zone, like 2026-11-22T08:00:00Z, of the years 1970 to 9999", wrong))
    if schema.name == "interaction.v1":
        found.append(("event_type", "is missing", "event_type IS NULL"))
    if schema.name == "outcome.v1":
        found.append(("event_type", "is not view, click or conversion", f"event_type NOT IN {_EVENTS}"))
        found.append(("event_type", "is missing", "event_type IS NULL"))
    if "value" in columns:
        out = f"value IS NOT NULL AND NOT (abs(value::DOUBLE) <= {MAX_VALUE})"
        found.append(("value", f"must be a number within ±{MAX_VALUE:.0e}", out))
    if "latency_ms" in columns:
        wrong = "NOT (isfinite(latency_ms::DOUBLE) AND latency_ms >= 0)"
        found.append(("latency_ms", "is not a finite number from 0", wrong))
    if columns.get("context") in ("VARCHAR", "JSON"):
        wrong = "context IS NOT NULL AND coalesce(json_type(TRY_CAST(context AS JSON)), '') <> 'OBJECT'"
        found.append(("context", "is not a JSON object", wrong))
    if "items" in columns:
        found.append(("items", "is missing", "items IS NULL"))
        found.append(("items", "has an item without id", _UNNAMED))
        found.append(("items", "ranks must be distinct and count from 1", _BAD_RANKS))
    return found


_EVENTS = "('view', 'click', 'conversion')"
_UNNAMED = "len(list_filter(items, lambda x: coalesce(x.item_id, '') = '')) > 0"
_RANKS = "list_transform(items, lambda x: x.rank)"
_BAD_RANKS = (
    f"len(list_filter(items, lambda x: coalesce(x.rank, 0) < 1 OR x.rank > {MAX_RANK})) > 0 "
    f"OR len(list_distinct({_RANKS})) <> len(items)"
)
_UNUSUAL = "len(list_filter(items, lambda x, i: x.rank IS DISTINCT FROM i OR coalesce(x.item_id, '') = '')) > 0"
"""The usual list is already in order and all of it is named; only another is looked at closely."""


def problem_sql(columns: dict[str, str], schema: Schema) -> str:
    """Return the SQL that is true of a row that breaks the schema."""
    found = [(field, f"coalesce({condition}, false)") for field, _, condition in _problems(columns, schema)]
    plain = [condition for field, condition in found if field != "items"]
    lists = " OR ".join(condition for field, condition in found if field == "items")
    if lists:
        plain.append(f"CASE WHEN {_UNUSUAL} OR items IS NULL THEN {lists} ELSE false END")
    return " OR ".join(plain) or "false"


def first_bad_rows(
    engine: Engine, paths: tuple[Path, ...], columns: dict[str, str], schema: Schema, *, keep: int
) -> tuple[LineError, ...]:
    """Say where the first bad rows are and what is wrong with each."""
    cases = " ".join(
        f"WHEN coalesce({condition}, false) THEN {number}"
        for number, (_, _, condition) in enumerate(_problems(columns, schema))
    )
    rows = engine.rows(
        f"SELECT filename, file_row_number + 1, CASE {cases} END AS problem "  # noqa: S608
        f"FROM {files_sql(paths, numbered=True)} WHERE problem IS NOT NULL ORDER BY 1, 2 LIMIT {keep}"
    )
    known = _problems(columns, schema)
    return tuple(
        LineError(file=file, line=line, field=known[number][0], reason=known[number][1]) for file, line, number in rows
    )


def check_rows(engine: Engine, paths: tuple[Path, ...], schema: Schema, *, keep: int) -> Checked:
    """Check every row of Parquet files."""
    columns = columns_of(engine, paths, schema)
    rows, bad = engine.row(
        f"SELECT count(*), count_if({problem_sql(columns, schema)}) FROM {files_sql(paths)}"  # noqa: S608
    )
    errors = first_bad_rows(engine, paths, columns, schema, keep=keep) if bad else ()
    return Checked(rows=rows, bad=bad or 0, errors=errors)


def known_columns(columns: dict[str, str]) -> list[str]:
    """Return the columns a fingerprint covers, sorted and quoted; the decision record says how, not what."""
    return [identifier(name) for name in sorted(columns) if name != "decision"]
