"""How files in someone else's shape are read, as their mapping says."""

# ruff: noqa: S608 - statements are put together from our words and the operator\'s mapping; text goes through literal()

from collections.abc import Sequence

from recsys.encoding import did_you_mean
from recsys.pipelines.engine import Engine, EngineFailed, identifier, literal
from recsys.pipelines.errors import BadInput
from recsys.pipelines.mapping import CatalogColumn, Column, EventMapping, TimeColumn
from recsys.pipelines.own_schema import EVENT_COLUMNS
from recsys.pipelines.reading import Fault, Reading, any_fault, rows_of, text_of_a_bad, timestamp
from recsys.pipelines.sources import Source

__all__ = ["CATALOG_PREFIX", "catalog_columns", "read_mapped"]

CATALOG_PREFIX = "catalog_"
"""Before the name of a catalogue field among an event's columns."""
_TEXTS = (
    "item_id",
    "event_type",
    "surface",
    "segment",
    "user_id",
    "anonymous_id",
    "session_id",
    "request_id",
    "event_id",
)
_IDS = ("item_id", "user_id", "anonymous_id", "session_id", "request_id", "event_id")
_NUMBERS = ("value", "quantity", "rank")
_FLOATS = ("FLOAT", "DOUBLE", "DECIMAL")


def read_mapped(
    sources: Sequence[Source], *, engine: Engine, mapping: EventMapping, tenant_key: str, raw_ids: bool
) -> Reading:
    """Describe how one group of files is read.

    Raises
    ------
    BadInput
        A column that the files do not have, with the nearest; an expression the engine cannot read, with
        what it says.
    """
    rows, types = _rows(sources, engine=engine)
    probe = _Probe(engine, sources, types)
    fields = {"key_id": "CAST(NULL AS VARCHAR)"}
    for name in _TEXTS:
        fields[name] = _text(name, mapping, probe)
    fields |= _time(mapping.columns.ts, probe)
    for name in _NUMBERS:
        given = getattr(mapping.columns, name)
        expression = "CAST(NULL AS DOUBLE)" if given is None else probe.expression(name, given)
        fields[f"{name}_text"] = f"CAST({expression} AS VARCHAR)"
        fields[name] = f"TRY_CAST({expression} AS DOUBLE)"
    filters = []
    for filter in mapping.filters:
        probe.check(f"filters.{filter.name}", f"CAST(({filter.drop_where}) AS BOOLEAN)")
        filters.append((filter.name, f"({filter.drop_where})"))
    keep = EVENT_COLUMNS | {"hashed": str(not raw_ids).lower()}
    if mapping.catalog is not None:
        for name in mapping.catalog.columns.__struct_fields__:
            column = getattr(mapping.catalog.columns, name)
            if column is not None:
                what = f"catalog.columns.{name}"
                expression = probe.expression(what, column)
                kind = "DOUBLE" if name == "price" else "VARCHAR"
                fields[CATALOG_PREFIX + name] = f"TRY_CAST({expression} AS {kind})"
                keep = keep | {CATALOG_PREFIX + name: CATALOG_PREFIX + name}
    form = mapping.columns.ts.format if isinstance(mapping.columns.ts, TimeColumn) else "rfc3339"
    problem = "ts is not an RFC 3339 time with a zone" if form == "rfc3339" else f"ts does not fit `{form}`"
    early = (Fault("not a JSON object in UTF-8", "json IS NULL"),) if sources[0].format == "jsonl" else ()
    late = any_fault(fields, tenant_key=tenant_key, time_problem=problem)
    return Reading(
        sources=tuple(sources), rows=rows, filters=tuple(filters), early=early, fields=fields, late=late, keep=keep
    )


def _rows(sources: Sequence[Source], *, engine: Engine) -> tuple[str, dict[str, str]]:
    """Return the file's columns as a SELECT list, and their types. In JSONL and CSV every column is text."""
    if sources[0].format == "parquet":
        return "*", engine.columns(rows_of(sources))
    names = sources[0].fields
    types = dict.fromkeys(names, "VARCHAR")
    if sources[0].format == "csv":
        return "*", types
    columns = [f"json_extract_string(json, {literal(_path(name))}) AS {identifier(name)}" for name in names]
    return ", ".join(["json", *columns]), types


def _path(name: str) -> str:
    return '$."' + name.replace('"', '\\"') + '"'


class _Probe:
    """Tries expressions on an empty relation of the same columns before any row is read."""

    def __init__(self, engine: Engine, sources: Sequence[Source], types: dict[str, str]) -> None:
        self._engine = engine
        self._where = str(sources[0].path)
        self._types = types
        nothing = ", ".join(f"CAST(NULL AS {kind}) AS {identifier(name)}" for name, kind in types.items())
        self._relation = f"(SELECT {nothing} LIMIT 0)"
        self._folded = {name.lower(): name for name in types}

    def expression(self, what: str, given: str | Column) -> str:
        """Return the SQL of a mapped field."""
        if isinstance(given, Column) and given.sql is not None:
            self.check(what, given.sql)
            return f"({given.sql})"
        name = given if isinstance(given, str) else str(given.column)
        if name.lower() not in self._folded:
            raise BadInput(
                f"{self._where}: there is no column `{name}`, which the mapping names for `{what}`",
                next_step=did_you_mean(name, self._types),
            )
        return identifier(self._folded[name.lower()])

    def kind(self, expression: str) -> str:
        """Return the type an expression has."""
        return next(iter(self._engine.columns(f"(SELECT {expression} FROM {self._relation})").values()))

    def check(self, what: str, expression: str, *, constant: bool = False) -> None:
        """Raise :class:`BadInput` with the engine's words when an expression cannot be read.

        A ``constant`` one is evaluated as well: no row would show that a zone does not exist.
        """
        try:
            once = f"SELECT CAST({expression} AS VARCHAR)"  # text: a time with a zone needs pytz to become Python's
            self._engine.rows(once if constant else f"SELECT {expression} FROM {self._relation}")
        except EngineFailed as error:
            raise BadInput(
                f"mapping, `{what}`: {error.said}",
                next_step=f"the columns of {self._where} are: {', '.join(self._types)}",
            ) from None


def _text(name: str, mapping: EventMapping, probe: _Probe) -> str:
    constant = getattr(mapping.constants, name, None)
    if constant is not None:
        return literal(constant)
    given = getattr(mapping.columns, name)
    if given is None:
        return "CAST(NULL AS VARCHAR)"
    expression = probe.expression(name, given)
    text = f"CAST({expression} AS VARCHAR)"
    if name in _IDS and probe.kind(expression).startswith(_FLOATS):
        # a whole number that a missing value somewhere turned into a float: 13085.0 is customer 13085
        whole = f"CAST(TRY_CAST({expression} AS BIGINT) AS VARCHAR)"
        text = f"CASE WHEN {expression} = floor({expression}) THEN {whole} ELSE {text} END"
    return f"nullif({text}, '')"


def _time(given: str | TimeColumn, probe: _Probe) -> dict[str, str]:
    column = given if isinstance(given, TimeColumn) else TimeColumn(column=given)
    expression = probe.expression("ts", column)
    text = f"CAST({expression} AS VARCHAR)"
    kind = probe.kind(expression)
    zone = literal(column.zone)
    probe.check("ts.zone", f"timezone({zone}, TIMESTAMP '2026-01-01')", constant=True)
    if kind.startswith("TIMESTAMP WITH TIME ZONE"):
        moment = f"timezone('UTC', {expression})"
    elif kind.startswith(("TIMESTAMP", "DATE")):
        moment = _in_zone(f"CAST({expression} AS TIMESTAMP)", column.zone)
    elif column.format == "epoch_s":
        moment = f"make_timestamp(CAST(round(TRY_CAST({expression} AS DOUBLE) * 1e6) AS BIGINT))"
    elif column.format == "epoch_ms":
        moment = f"make_timestamp(TRY_CAST({expression} AS BIGINT) * 1000)"
    elif column.format == "rfc3339":
        moment = timestamp(text)
    else:
        probe.check("ts.format", f"try_strptime('', {literal(column.format)})", constant=True)
        parsed = f"try_strptime({text}, {literal(column.format)})"
        names_zone = probe.kind(parsed).startswith("TIMESTAMP WITH")
        moment = f"timezone('UTC', {parsed})" if names_zone else _in_zone(parsed, column.zone)
    typed = kind.startswith(("TIMESTAMP", "DATE"))
    return {"ts_text": text_of_a_bad(moment, text) if typed else text, "ts": moment}


def _in_zone(moment: str, zone: str) -> str:
    return moment if zone == "UTC" else f"timezone('UTC', timezone({literal(zone)}, {moment}))"


def catalog_columns(mapping: EventMapping | None) -> dict[str, CatalogColumn]:
    """Return the catalogue fields a mapping derives, each with how its value is picked."""
    if mapping is None or mapping.catalog is None:
        return {}
    columns = {name: getattr(mapping.catalog.columns, name) for name in mapping.catalog.columns.__struct_fields__}
    return {
        name: CatalogColumn(column=column) if isinstance(column, str) else column
        for name, column in columns.items()
        if column is not None
    }
