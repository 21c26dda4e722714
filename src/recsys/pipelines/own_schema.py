"""How files in our own schemas are read: interactions and outcomes, exposures, flat exposure rows."""

from collections.abc import Callable, Sequence

from recsys.encoding import did_you_mean
from recsys.pipelines.engine import Engine, identifier, literal
from recsys.pipelines.errors import BadInput
from recsys.pipelines.reading import Fault, Reading, any_fault, number_of, rows_of, text_of_a_bad, timestamp
from recsys.pipelines.sources import Source, known_fields, required_fields, schema_name

__all__ = [
    "EVENT_COLUMNS",
    "EVENT_TYPES",
    "EXPOSURE_COLUMNS",
    "EXPOSURE_TYPES",
    "read_events",
    "read_exposures",
]

EVENT_COLUMNS = {
    "ts": "ts",
    "item_id": "item_id",
    "event_type": "event_type",
    "surface": "surface",
    "segment": "segment",
    "actor": "coalesce(user_id, anonymous_id)",
    "is_user": "user_id IS NOT NULL",
    "session": number_of("session_id"),
    "request": number_of("request_id"),
    "event": number_of("event_id"),
}
"""What goes on of an event, as expressions over its canonical fields (``hashed`` is added by the reader)."""
EVENT_TYPES = {
    "ts": "TIMESTAMP",
    "is_user": "BOOLEAN",
    "hashed": "BOOLEAN",
    "session": "BIGINT",
    "request": "BIGINT",
    "event": "BIGINT",
}
"""Types of what goes on that is not text."""
EXPOSURE_COLUMNS = {
    "ts": "ts",
    "request": number_of("request_id"),
    "surface": "surface",
    "segment": "segment",
    "items": "items",
}
EXPOSURE_TYPES = {"ts": "TIMESTAMP", "request": "BIGINT", "items": "STRUCT(item_id VARCHAR, rank INTEGER)[]"}
_TEXTS = (
    "item_id",
    "event_type",
    "surface",
    "user_id",
    "anonymous_id",
    "session_id",
    "key_id",
    "request_id",
    "event_id",
)
_NUMBERS = ("value", "quantity", "rank")
_TIME_PROBLEM = "ts is not an RFC 3339 time with a zone"
_FROM_CONTEXT = {
    "surface": "surface",
    "segment": "segment",
    "tenant": "tenant_id",
    "traffic": "traffic",
    "unit_id": "unit_id",
}
"""Fields of an exposure that stand in its context, under which name."""
_ITEM_TYPES = '[{"item_id": "VARCHAR", "rank": "INTEGER"}]'


class _Json:
    """Expressions over one JSON object a line."""

    def __init__(self, known: Sequence[str]) -> None:
        paths = "[" + ", ".join(literal(f"$.{name}") for name in known) + "]"
        self.rows = (
            f"json, json_keys(json) AS keys, json_type(json, {paths}) AS kinds, "
            f"json_extract_string(json, {paths}) AS texts"
        )
        self._at = {name: n for n, name in enumerate(known, 1)}
        self._known = known

    def text(self, name: str) -> str:
        return f"nullif(texts[{self._at[name]}], '')" if name in self._at else "CAST(NULL AS VARCHAR)"

    def kind(self, name: str) -> str:
        return f"kinds[{self._at[name]}]"

    def shape(self) -> list[Fault]:
        known = "[" + ", ".join(literal(name) for name in self._known) + "]"
        return [
            Fault("not a JSON object in UTF-8", "json IS NULL OR json_type(json) <> 'OBJECT'"),
            Fault(
                "unknown field",
                f"NOT list_has_all({known}, keys)",
                f"list_filter(keys, lambda k: NOT list_contains({known}, k))[1]",
            ),
        ]

    def not_text(self, name: str) -> Fault:
        problem, kind = f"{name} is not text", self.kind(name)
        return Fault(problem, f"{kind} NOT IN ('VARCHAR', 'NULL')", f"texts[{self._at[name]}]")

    def not_number(self, name: str) -> Fault:
        problem, kind = f"{name} is not a number", self.kind(name)
        allowed = "('BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE', 'NULL')"
        return Fault(problem, f"{kind} NOT IN {allowed}", f"texts[{self._at[name]}]")


def read_events(sources: Sequence[Source], *, engine: Engine, tenant_key: str, raw_ids: bool) -> Reading:
    """Describe how interactions and outcomes are read from one group of like files."""
    form = sources[0].format
    early: list[Fault] = []
    rows = "*"
    types = engine.columns(rows_of(sources)) if form == "parquet" else {}
    if form == "jsonl":
        json = _Json(known_fields("interaction"))
        rows = json.rows
        text: Callable[[str], str] = json.text
        early = [*json.shape(), *(json.not_text(name) for name in ("ts", *_TEXTS))]
        early += [json.not_number(name) for name in _NUMBERS]
    else:
        text = _column_text(sources[0])
        if form == "parquet":
            _check_types(sources[0], types, {"ts": ("VARCHAR", "TIMESTAMP"), **dict.fromkeys(_TEXTS, ("VARCHAR",))})
    fields = {name: text(name) for name in _TEXTS}
    fields |= {"segment": "CAST(NULL AS VARCHAR)", **_time(text("ts"), types.get("ts", "VARCHAR"))}
    for name in _NUMBERS:
        fields |= {f"{name}_text": text(name), name: f"TRY_CAST({text(name)} AS DOUBLE)"}
    late = any_fault(fields, tenant_key=tenant_key, time_problem=_TIME_PROBLEM)
    keep = EVENT_COLUMNS | {"hashed": "key_id IS NOT NULL" if raw_ids else "true"}
    return Reading(sources=tuple(sources), rows=rows, early=tuple(early), fields=fields, late=late, keep=keep)


def read_exposures(sources: Sequence[Source], *, engine: Engine, tenant: str, raw_ids: bool) -> Reading:
    """Describe how exposures are read, nested (``exposure.v1``) or one row an item."""
    if sources[0].kind == "flat_exposure":
        return _flat(sources, engine=engine, tenant=tenant, raw_ids=raw_ids)
    form = sources[0].format
    if form == "csv":
        raise BadInput(
            f"{sources[0].path}: exposure.v1 holds a list, which CSV cannot", next_step="use JSONL or Parquet"
        )
    early: list[Fault] = []
    rows = "*"
    types: dict[str, str] = {}
    if form == "jsonl":
        json = _Json(known_fields("exposure"))
        rows = json.rows
        text: Callable[[str], str] = json.text
        early = [*json.shape(), *(json.not_text(name) for name in ("ts", "request_id"))]
        early += _json_item_faults(json)
        items = f"from_json(json_extract(json, '$.items'), {literal(_ITEM_TYPES)})"
        context = "json_extract(json, '$.context')"
    else:
        types = engine.columns(rows_of(sources))
        _check_types(
            sources[0], types, {"ts": ("VARCHAR", "TIMESTAMP"), "request_id": ("VARCHAR",), "items": ("STRUCT",)}
        )
        text = _column_text(sources[0])
        items = (
            "list_transform(items, lambda x: {'item_id': CAST(x.item_id AS VARCHAR), 'rank': CAST(x.rank AS INTEGER)})"
        )
        context = "to_json(context)" if "context" in types else "CAST(NULL AS JSON)"
    fields = {"request_id": text("request_id"), "items": items, **_time(text("ts"), types.get("ts", "VARCHAR"))}
    fields |= {"user_id": text("user_id"), "key_id": text("key_id")}
    for name, key in _FROM_CONTEXT.items():
        fields[name] = f"nullif(json_extract_string({context}, '$.{key}'), '')"
    late = (
        *_exposure_faults(tenant),
        Fault("request_id is missing", "request_id IS NULL"),
        Fault("items is missing", "items IS NULL"),
        Fault(
            "an item without item_id or with a rank below 1",
            "len(list_filter(items, lambda x: coalesce(x.item_id, '') = '' OR coalesce(x.rank, 0) < 1)) > 0",
        ),
    )
    return _exposures(sources, rows=rows, early=early, fields=fields, late=late, raw_ids=raw_ids)


def _flat(sources: Sequence[Source], *, engine: Engine, tenant: str, raw_ids: bool) -> Reading:
    form = sources[0].format
    early: list[Fault] = []
    rows = "*"
    types: dict[str, str] = {}
    if form == "jsonl":
        json = _Json(known_fields("flat_exposure"))
        rows = json.rows
        text: Callable[[str], str] = json.text
        early = [*json.shape(), *(json.not_text(name) for name in ("ts", "tenant", "surface", "session_id", "item_id"))]
        early += [json.not_number("rank")]
    else:
        text = _column_text(sources[0])
        types = engine.columns(rows_of(sources)) if form == "parquet" else {}
    names = ("tenant", "surface", "item_id", "request_id", "user_id", "session_id")
    rank = f"TRY_CAST({text('rank')} AS INTEGER)"
    fields = {name: text(name) for name in names} | _time(text("ts"), types.get("ts", "VARCHAR"))
    fields |= {
        "v": f"CAST({text('v')} AS VARCHAR)",
        "rank_text": text("rank"),
        "rank": rank,
        "segment": "CAST(NULL AS VARCHAR)",
        "traffic": "CAST(NULL AS VARCHAR)",
        "key_id": "CAST(NULL AS VARCHAR)",
        # a row without a rank counts as looked at, like the first
        "items": f"[{{'item_id': {text('item_id')}, 'rank': coalesce({rank}, 1)}}]",
    }
    late = (
        Fault("v is not 1", "v IS DISTINCT FROM '1'", "v"),
        *_exposure_faults(tenant),
        Fault("item_id is missing", "item_id IS NULL"),
        Fault("rank is not a whole number from 1", "rank_text IS NOT NULL AND (rank IS NULL OR rank < 1)", "rank_text"),
    )
    return _exposures(sources, rows=rows, early=early, fields=fields, late=late, raw_ids=raw_ids)


def _exposures(
    sources: Sequence[Source],
    *,
    rows: str,
    early: list[Fault],
    fields: dict[str, str],
    late: tuple[Fault, ...],
    raw_ids: bool,
) -> Reading:
    """Put a reading of exposures together; what bots and the shop's own staff were shown is dropped and
    counted.
    """
    keep = EXPOSURE_COLUMNS | {"by_user": "coalesce(traffic, 'user') = 'user'"}
    keep |= {"hashed": "key_id IS NOT NULL" if raw_ids else "true"}
    return Reading(sources=tuple(sources), rows=rows, early=tuple(early), fields=fields, late=late, keep=keep)


def _exposure_faults(tenant: str) -> tuple[Fault, ...]:
    return (
        Fault("ts is missing", "ts IS NULL AND ts_text IS NULL"),
        Fault(_TIME_PROBLEM, "ts IS NULL OR NOT isfinite(ts)", "ts_text"),
        Fault(f"the exposure is not tenant {tenant}'s", f"tenant <> {literal(tenant)}", "tenant"),
    )


def _json_item_faults(json: _Json) -> list[Fault]:
    ids, ranks = (f"json_type(json, '$.items[*].{name}')" for name in ("item_id", "rank"))
    count = "json_array_length(json, '$.items')"
    whole = "list_filter({}, lambda t: t IN ({}))"
    return [
        Fault("items is not a list", f"{json.kind('items')} NOT IN ('ARRAY', 'NULL')"),
        Fault("an item_id is not text", f"len({whole.format(ids, chr(39) + 'VARCHAR' + chr(39))}) < {count}"),
        Fault("a rank is not a whole number", f"len({whole.format(ranks, _WHOLE)}) < {count}"),
    ]


_WHOLE = "'BIGINT', 'UBIGINT'"


def _column_text(source: Source) -> Callable[[str], str]:
    present = set(source.fields)
    return lambda name: (
        f"nullif(CAST({identifier(name)} AS VARCHAR), '')" if name in present else "CAST(NULL AS VARCHAR)"
    )


def _time(text: str, kind: str) -> dict[str, str]:
    """Read ``ts`` from text, or as a Parquet timestamp: UTC when it says nothing else."""
    if kind.startswith("TIMESTAMP"):
        zoned = kind.startswith("TIMESTAMP WITH TIME ZONE")
        moment = "timezone('UTC', ts)" if zoned else "CAST(ts AS TIMESTAMP)"
        return {"ts_text": text_of_a_bad(moment, text), "ts": moment}
    return {"ts_text": text, "ts": timestamp(text)}


def _check_types(source: Source, types: dict[str, str], wanted: dict[str, tuple[str, ...]]) -> None:
    """Refuse Parquet columns of another type than the schema says."""
    known = known_fields(source.kind)
    missing = [name for name in required_fields(source.kind) if name not in types]
    if missing:
        near = did_you_mean(missing[0], [name for name in types if name not in known])
        raise BadInput(f"{source.path}: column `{missing[0]}` is missing", next_step=near)
    for name, kinds in wanted.items():
        kind = types.get(name)
        if kind is not None and kind != '"NULL"' and not kind.startswith(kinds):
            raise BadInput(
                f"{source.path}: column `{name}` is {kind}; {schema_name(source.kind)} has {kinds[0]}",
                next_step="cast it in the file, or describe the file with --mapping",
            )
