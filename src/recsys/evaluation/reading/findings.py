"""What checking an input finds."""

import msgspec

__all__ = ["Checked", "LineError"]


class LineError(msgspec.Struct, frozen=True, kw_only=True):
    """One bad row: ``line`` counts from 1 (for Parquet it is the row of the file)."""

    file: str
    line: int
    field: str
    reason: str
    suggestion: str = ""

    def __str__(self) -> str:
        field = f"`{self.field}`: " if self.field else ""
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return f"{self.file}, line {self.line}: {field}{self.reason}{hint}"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """Rows read, rows that are bad, and the first of those."""

    rows: int
    bad: int
    errors: tuple[LineError, ...] = ()
