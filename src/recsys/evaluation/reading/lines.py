"""Reads JSONL line by line, strictly, and says for each bad line where and why."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from recsys.encoding import Invalid, decode
from recsys.evaluation.reading.findings import Checked, LineError
from recsys.evaluation.reading.schemas import SCHEMAS, Schema

__all__ = ["MAX_LINE_BYTES", "check_lines"]

MAX_LINE_BYTES = 16_000_000
"""No event is near this; a longer line is a file without line ends, and the reader must not hold it in
memory."""

_BLOCK_BYTES = 4 << 20
_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NAMED = re.compile(r"(?:field|missing required field) `(?P<name>[^`]+)`")


def check_lines(path: Path, schema: Schema, *, keep: int) -> Checked:
    """Check every line of one JSONL file; keeps the first ``keep`` errors, counts all. Blank lines are
    skipped.
    """
    other = _of_another_kind(path)
    if other is not None:
        return Checked(rows=1, bad=1, errors=(other,))
    decoder: msgspec.json.Decoder[object] = msgspec.json.Decoder(schema.row)
    rows = bad = 0
    errors: list[LineError] = []
    for number, line in _lines(path):
        if not line.strip():
            continue
        rows += 1
        problem = _too_long(line) or _problem(line, decoder, schema)
        if problem is None:
            continue
        bad += 1
        if len(errors) < keep:
            field, reason, suggestion = problem
            errors.append(LineError(file=str(path), line=number, field=field, reason=reason, suggestion=suggestion))
    return Checked(rows=rows, bad=bad, errors=tuple(errors))


_KINDS = {
    b"\x1f\x8b": ("is compressed (gzip)", "unpack it first"),
    b"\x28\xb5\x2f\xfd": ("is compressed (zstd)", "unpack it first"),
    b"PAR1": ("is Parquet", "say `type: parquet`, or name it .parquet"),
    b"\xef\xbb\xbf": ("begins with a byte-order mark", "save it as UTF-8 without one"),
    b"\xff\xfe": ("is UTF-16", "save it as UTF-8"),
    b"\xfe\xff": ("is UTF-16", "save it as UTF-8"),
}
"""How files begin that are often taken for JSONL; each of their lines would be called malformed."""


def _of_another_kind(path: Path) -> LineError | None:
    with path.open("rb") as file:
        begins = file.read(4)
    for mark, (reason, suggestion) in _KINDS.items():
        if begins.startswith(mark):
            return LineError(file=str(path), line=1, field="", reason=f"the file {reason}", suggestion=suggestion)
    return None


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield numbered lines; one past the limit comes cut short, so memory stays bounded."""
    number = 0
    rest = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            if len(rest) > MAX_LINE_BYTES and b"\n" not in block:
                continue
            parts = (rest + block).split(b"\n")
            rest = parts.pop()
            for line in parts:
                number += 1
                yield number, line
        if rest:
            yield number + 1, rest


def _too_long(line: bytes) -> tuple[str, str, str] | None:
    if len(line) <= MAX_LINE_BYTES:
        return None
    return "", f"longer than {MAX_LINE_BYTES:,} bytes", "one JSON object a line; is a line end missing?"


def _problem(line: bytes, decoder: msgspec.json.Decoder[object], schema: Schema) -> tuple[str, str, str] | None:
    try:
        row = decoder.decode(line)
    except RecursionError:
        return "", "is nested too deeply", "an event is a flat object"
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        return _explained(line, error, schema)
    found = schema.problem(row)
    return None if found is None else (*found, "")


def _explained(line: bytes, error: Exception, schema: Schema) -> tuple[str, str, str]:
    other = _looks_like(line, schema)
    if other:
        return "", f"this is a row of {other}, not of {schema.name}", "are two inputs swapped?"
    try:
        decode(line, schema.row, what="line")
    except Invalid as invalid:
        path = _PATH.search(invalid.problem)
        named = _NAMED.search(invalid.problem)
        field = path["path"] if path and path["path"] else (named["name"] if named else "")
        return field, _PATH.sub("", invalid.problem), invalid.next_step
    except (ValueError, RecursionError) as problem:
        return "", str(problem), ""
    return "", str(error), ""


def _looks_like(line: bytes, schema: Schema) -> str | None:
    for other in SCHEMAS.values():
        # An interaction looks like an outcome with less; to call one the other would hide what is wrong.
        if other is schema or "interaction.v1" in (schema.name, other.name):
            continue
        try:
            msgspec.json.decode(line, type=other.row)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        return other.name
    return None
