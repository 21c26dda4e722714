"""Files of events: which there are, in what format, and which schema each is in."""

import codecs
import csv
import glob
import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Literal

import msgspec

from recsys.encoding import did_you_mean
from recsys.events.schemas import Exposure, Interaction
from recsys.pipelines.errors import BadInput

__all__ = ["FLAT_EXPOSURE", "Format", "Kind", "Source", "find_files", "sniff"]

Format = Literal["jsonl", "csv", "parquet"]
Kind = Literal["interaction", "exposure", "flat_exposure", "mapped"]
FLAT_EXPOSURE = ("v", "ts", "tenant", "surface", "session_id", "item_id", "user_id", "request_id", "rank")
"""The fields of a flat exposure row."""
_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
_LINES_TO_SNIFF = 1000
"""A key that a thousand lines do not have is not one a mapping would name."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One file. ``fields`` are its columns (JSONL: the keys of its first lines); ``delimiter`` is set for
    CSV.
    """

    path: Path
    format: Format
    kind: Kind
    fields: tuple[str, ...]
    delimiter: str = ""

    def group(self) -> tuple[object, ...]:
        """Return what files must share to be read together."""
        fields = () if self.format == "jsonl" and self.kind != "mapped" else self.fields
        return (self.format, self.kind, fields, self.delimiter)


def find_files(patterns: Iterable[str | Path]) -> list[Path]:
    """Expand files and globs, sorted, each file once; raises :class:`BadInput` for one that matches nothing."""
    found: set[Path] = set()
    for pattern in patterns:
        text = str(pattern)
        if Path(text).is_dir():
            raise BadInput(f"{text} is a directory", next_step=f"name files or a glob, such as '{text}/**/*.parquet'")
        matched = glob.glob(text, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        files = [path for path in map(Path, matched or [text]) if path.is_file()]
        if not files:
            what = "matches no file" if glob.has_magic(text) else "does not exist"
            raise BadInput(f"{text} {what}", next_step="check the path, and quote globs so that the shell leaves them")
        found.update(files)
    return sorted(found)


def sniff(path: Path, *, parquet_fields: tuple[str, ...] | None = None, mapped: bool) -> Source:
    """Tell the format by the name and the schema by the fields.

    ``parquet_fields`` are the columns of a Parquet file, which the engine reads.
    """
    form = format_of(path)
    delimiter = ""
    if form == "jsonl":
        fields = _jsonl_fields(path)
    elif form == "csv":
        fields, delimiter = _csv_fields(path)
    else:
        fields = parquet_fields or ()
    kind: Kind = "mapped" if mapped else _kind(path, fields, form)
    return Source(path=path, format=form, kind=kind, fields=fields, delimiter=delimiter)


def format_of(path: Path) -> Format:
    """Tell the format by the name, ``.gz`` aside."""
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    form = _SUFFIXES.get(suffix.lower())
    if form is None:
        known = ", ".join(sorted(_SUFFIXES))
        raise BadInput(
            f"{path}: `{suffix or path.name}` is not a format we read", next_step=f"known: {known} (and .gz)"
        )
    return form


def open_lines(path: Path) -> IO[bytes]:
    """Open a file that may be compressed."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _jsonl_fields(path: Path) -> tuple[str, ...]:
    fields: dict[str, None] = {}
    try:
        with open_lines(path) as file:
            for number, line in zip(range(_LINES_TO_SNIFF), file, strict=False):
                if number == 0:
                    _check_first(path, line)
                try:
                    value = msgspec.json.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                if isinstance(value, dict):
                    fields |= dict.fromkeys(value)
    except (OSError, EOFError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from None
    return tuple(fields)


def _check_first(path: Path, line: bytes) -> None:
    """Refuse what makes every line of a file look wrong."""
    if line.startswith(codecs.BOM_UTF8):
        raise BadInput(f"{path} begins with a byte order mark", next_step="save it as UTF-8 without one")
    if line.lstrip().startswith(b"["):
        raise BadInput(
            f"{path} is one JSON list, and JSONL is one object a line", next_step=f"jq -c '.[]' {path} > events.jsonl"
        )


def _csv_fields(path: Path) -> tuple[tuple[str, ...], str]:
    try:
        with open_lines(path) as file:
            head = file.readline().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadInput(f"{path} line 1: the header is not UTF-8", next_step="save the file as UTF-8") from None
    except (OSError, EOFError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from None
    if not head.strip():
        raise BadInput(f"{path} is empty: there is not even a header", next_step="the first line names the columns")
    delimiter = max(",;\t|", key=head.count)
    fields = tuple(next(csv.reader([head], delimiter=delimiter)))
    twice = next((name for name in fields if [f.lower() for f in fields].count(name.lower()) > 1), None)
    if twice is not None:
        raise BadInput(f"{path} line 1: column `{twice}` stands twice", next_step="rename one of them")
    return fields, delimiter


def _kind(path: Path, fields: tuple[str, ...], form: Format) -> Kind:
    names = set(fields)
    if "ranker" in names or {"experiment_id", "variant"} <= names:
        schema = "ranklist.v1" if "ranker" in names else "assignment.v1"
        raise BadInput(f"{path} holds {schema}, which signals do not use", next_step="leave it out")
    if "items" in names and "event_type" not in names:
        kind: Kind = "exposure"
    elif {"v", "tenant"} <= names:
        kind = "flat_exposure"
    else:
        kind = "interaction"
    if form != "jsonl" or not fields:
        _check_fields(path, fields, kind)
    return kind


def known_fields(kind: Kind) -> tuple[str, ...]:
    """Return the fields of a schema of ours."""
    structs = {"interaction": Interaction, "exposure": Exposure}
    return structs[kind].__struct_fields__ if kind in structs else FLAT_EXPOSURE


def required_fields(kind: Kind) -> tuple[str, ...]:
    """Return the fields a row of a schema of ours must have."""
    return {
        "interaction": ("ts", "item_id", "event_type"),
        "exposure": ("request_id", "ts", "items"),
        "flat_exposure": ("v", "ts", "tenant", "surface", "session_id", "item_id"),
    }[kind]


def schema_name(kind: Kind) -> str:
    """Name a schema as the contract does."""
    return {"interaction": "interaction.v1", "exposure": "exposure.v1"}.get(kind, "a flat exposure row")


def _check_fields(path: Path, fields: tuple[str, ...], kind: Kind) -> None:
    known = known_fields(kind)
    unknown = [name for name in fields if name not in known]
    missing = [name for name in required_fields(kind) if name not in fields]
    if fields and (unknown or missing):
        says = [f"column `{name}` is missing" for name in missing]
        schema = schema_name(kind)
        says += [f"column `{name}` is not in {schema} ({did_you_mean(name, known)})" for name in unknown]
        raise BadInput(
            f"{path}: {'; '.join(says)}", next_step="rename the columns, or describe the file with --mapping"
        )
