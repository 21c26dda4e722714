"""Turns files of any accepted format into one shape of row, and judges each row on the way.

For a group of like files a :class:`Reading` writes one SELECT. Every row of it carries ``verdict``: 0 for a
good row, 1..F for the filter that dropped it, F+1.. for what is wrong with it. No row passes through
Python.
"""

# ruff: noqa: S608 - statements are put together from our words and the operator\'s mapping; text goes through literal()

from collections.abc import Mapping, Sequence

import msgspec

from recsys.events.checks import MAX_ID_LENGTH
from recsys.pipelines.engine import literal
from recsys.pipelines.sources import Source

__all__ = ["MAX_ID_LENGTH", "Fault", "Reading", "any_fault", "number_of", "rows_of", "text_of_a_bad", "timestamp"]

MAX_LINE_BYTES = 16_000_000
"""No event is near this; a longer line is a file without line ends."""
MAX_SEEN = 60
"""Characters of a bad value that an error shows."""


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with rows for which the SQL condition ``when`` holds; ``seen`` is the offending value,
    in SQL.
    """

    problem: str
    when: str
    seen: str = "NULL"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How one group of files is read.

    Attributes
    ----------
    rows
        Columns that every expression below may use, as a SELECT list over what the file holds.
    filters
        Name and condition over the file's columns; a row counts for the first that drops it.
    early
        Faults told from the file's columns; they stand before those of the values.
    fields
        Canonical column to its expression over the file's columns.
    late
        Faults told from the canonical columns.
    keep
        Which canonical columns go on, as expressions over them.
    """

    sources: tuple[Source, ...]
    rows: str = "*"
    filters: tuple[tuple[str, str], ...] = ()
    early: tuple[Fault, ...] = ()
    fields: Mapping[str, str]
    late: tuple[Fault, ...] = ()
    keep: Mapping[str, str]

    def faults(self) -> tuple[Fault, ...]:
        """Return every fault in the order of its verdict, the first of which is ``len(filters) + 1``."""
        return self.early + self.late

    def select(self) -> str:
        """Write the statement that reads all files of the group."""
        kept = ", ".join(f"{expression} AS {name}" for name, expression in self.keep.items())
        return f"SELECT {kept}, {self._verdict()} AS verdict FROM ({self._typed(rows_of(self.sources))})"

    def select_faults(self, source: Source, *, most: int) -> str:
        """Write the statement that finds the first bad rows of one file: ``row`` from 1, ``verdict``,
        ``seen``.
        """
        numbered = (
            f"SELECT *, file_row_number + 1 AS row_no FROM {rows_of([source], numbered=True)}"
            if source.format == "parquet"
            else f"SELECT *, row_number() OVER () AS row_no FROM {rows_of([source])}"
        )
        first = 1 + len(self.filters)
        seen = [
            f"WHEN {n} THEN CAST({fault.seen} AS VARCHAR)" for n, fault in enumerate(self.late, first + len(self.early))
        ]
        late = f"CASE verdict {' '.join(seen)} END" if seen else "NULL"
        return (
            f"SELECT row_no, verdict, left(coalesce(early_seen, {late}), {MAX_SEEN}) AS seen FROM ("
            f"SELECT *, {self._verdict()} AS verdict FROM ({self._typed(f'({numbered})', detail=True)})"
            f") WHERE verdict >= {first} ORDER BY row_no LIMIT {most}"
        )

    def _typed(self, files: str, *, detail: bool = False) -> str:
        fields = ", ".join(f"{expression} AS {name}" for name, expression in self.fields.items())
        first = 1 + len(self.filters)
        cases = [f"WHEN {condition} THEN {n}" for n, (_, condition) in enumerate(self.filters, 1)]
        cases += [f"WHEN {fault.when} THEN {n}" for n, fault in enumerate(self.early, first)]
        early = f"CASE {' '.join(cases)} ELSE 0 END" if cases else "0"
        rows = f"{self.rows}, row_no" if detail and self.rows != "*" else self.rows
        more = ""
        if detail:
            seen = [f"WHEN {n} THEN CAST({fault.seen} AS VARCHAR)" for n, fault in enumerate(self.early, first)]
            early_seen = f"CASE {early} {' '.join(seen)} END" if seen else "NULL"
            more = f", row_no, {early_seen} AS early_seen"
        return f"SELECT {fields}, {early} AS early{more} FROM (SELECT {rows} FROM {files})"

    def _verdict(self) -> str:
        first = 1 + len(self.filters) + len(self.early)
        cases = [f"WHEN {fault.when} THEN {n}" for n, fault in enumerate(self.late, first)]
        return f"CAST(CASE WHEN early <> 0 THEN early {' '.join(cases)} ELSE 0 END AS SMALLINT)"


def rows_of(sources: Sequence[Source], *, numbered: bool = False) -> str:
    """Write the table function that reads files of one group: CSV as text, JSONL as one column ``json``."""
    first = sources[0]
    names = "[" + ", ".join(literal(str(source.path)) for source in sources) + "]"
    if first.format == "parquet":
        return f"read_parquet({names}{', file_row_number = true' if numbered else ''})"
    if first.format == "csv":
        columns = "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in first.fields) + "}"
        return (
            f"read_csv({names}, header = true, auto_detect = false, delim = {literal(first.delimiter)}, quote = '\"', "
            f"escape = '\"', columns = {columns}, max_line_size = {MAX_LINE_BYTES}, store_rejects = true, "
            "rejects_table = 'rejects', rejects_scan = 'reject_scans')"
        )
    # a line that is not JSON in UTF-8 becomes NULL, and has a fault of its own
    return f"read_ndjson_objects({names}, ignore_errors = true, maximum_object_size = {MAX_LINE_BYTES})"


def number_of(text: str) -> str:
    """Write a text as a positive 64-bit number, NULL as NULL: what is only ever compared need not be kept as text.

    Among ten million texts, two share a number with probability 3e-6.
    """
    return f"CASE WHEN {text} IS NOT NULL THEN CAST(hash({text}) & 9223372036854775807::UBIGINT AS BIGINT) END"


def timestamp(text: str) -> str:
    """Write the reading of an RFC 3339 time as a UTC timestamp; NULL for anything else, a time without zone
    included.

    A plain cast to TIMESTAMP would drop an offset without a word.
    """
    return (
        f"CASE WHEN {text} LIKE '____-__-__%:__%Z' THEN TRY_CAST({text} AS TIMESTAMP) "
        f"WHEN regexp_matches({text}, '^\\d{{4}}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d.*[+-]\\d\\d:\\d\\d$') "
        f"THEN timezone('UTC', TRY_CAST({text} AS TIMESTAMPTZ)) END"
    )


def text_of_a_bad(moment: str, text: str) -> str:
    """Write the text of a typed time, for its fault alone: to write out every time takes as long as to read it."""
    return f"CASE WHEN {moment} IS NULL OR NOT isfinite({moment}) THEN {text} END"


def any_fault(fields: Mapping[str, str], *, tenant_key: str, time_problem: str) -> tuple[Fault, ...]:
    """Return the faults that the values of an event can have, whatever file they came from."""
    faults = [
        Fault("ts is missing", "ts IS NULL AND ts_text IS NULL"),
        Fault(time_problem, "ts IS NULL OR NOT isfinite(ts)", "ts_text"),
        Fault("item_id is missing", "item_id IS NULL"),
        Fault("item_id is too long", f"length(item_id) > {MAX_ID_LENGTH}", "item_id"),
        Fault("event_type is missing", "event_type IS NULL"),
        Fault("key_id is not this tenant's", f"key_id <> {literal(tenant_key)}", "key_id"),
    ]
    for name in ("value", "quantity", "rank"):
        if f"{name}_text" in fields:
            bad = f"{name}_text IS NOT NULL AND ({name} IS NULL OR NOT isfinite({name}))"
            faults.append(Fault(f"{name} is not a finite number", bad, f"{name}_text"))
    faults.append(Fault("quantity is negative", "quantity < 0", "quantity"))
    faults.append(Fault("rank is not a whole number from 1", "rank < 1 OR rank <> floor(rank)", "rank"))
    return tuple(faults)
