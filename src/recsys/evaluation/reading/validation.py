"""Does an input keep to its schema? Counts, and the first rows that do not, each with its place and
reason.
"""

from pathlib import Path

import msgspec

from recsys.errors import UsageError
from recsys.evaluation.reading.dataset import find_files
from recsys.evaluation.reading.findings import Checked, LineError
from recsys.evaluation.reading.lines import check_lines
from recsys.evaluation.reading.schemas import Schema, schema_named

__all__ = ["KEEP_ERRORS", "Validation", "check_files"]

KEEP_ERRORS = 20
"""Enough to see a pattern, few enough to read."""


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """What :func:`recsys.evaluation.validate` found; ``errors`` are the first of the bad rows."""

    schema: str
    files: int
    rows: int
    bad: int
    errors: tuple[LineError, ...] = ()

    @property
    def ok(self) -> bool:
        return self.bad == 0

    def __str__(self) -> str:
        if self.ok:
            return f"{self.rows} rows in {self.files} files keep to {self.schema}"
        listed = "\n".join(str(error) for error in self.errors)
        return f"{self.bad} of {self.rows} rows break {self.schema}:\n{listed}"


def check_files(*, schema: str, inputs: str | Path | tuple[str | Path, ...], keep: int = KEEP_ERRORS) -> Validation:
    """Check files and globs of JSONL or Parquet (told apart by their ending) against one schema."""
    wanted = schema_named(schema)
    paths = find_files(inputs, folder=Path(), role=schema)
    tables = tuple(path for path in paths if path.suffix == ".parquet")
    lines = tuple(path for path in paths if path.suffix in {".jsonl", ".ndjson"})
    other = sorted(set(paths) - set(tables) - set(lines))
    if other:
        raise UsageError(f"{other[0]}: neither JSONL nor Parquet", next_step="name it .jsonl or .parquet")
    found = [_tables(tables, wanted, keep)] if tables else []
    found += [check_lines(path, wanted, keep=keep) for path in lines]
    return Validation(
        schema=schema,
        files=len(paths),
        rows=sum(checked.rows for checked in found),
        bad=sum(checked.bad for checked in found),
        errors=tuple(error for checked in found for error in checked.errors)[:keep],
    )


def _tables(paths: tuple[Path, ...], schema: Schema, keep: int) -> Checked:
    from recsys.evaluation.engine import open_engine
    from recsys.evaluation.reading.parquet import check_rows

    with open_engine() as engine:
        return check_rows(engine, paths, schema, keep=keep)
