"""Reads a catalogue, or rows laid over one, from a team's files: CSV, JSONL, Parquet (``.gz`` too), strictly, with file
and line.
"""

import csv
import datetime
import gzip
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from recsys.catalog.item import Item
from recsys.encoding import Invalid, convert, decode, did_you_mean, parse_rfc3339
from recsys.errors import UsageError

__all__ = ["MAX_ID_LENGTH", "CatalogInvalid", "check_values", "read_catalog", "read_rows"]

_Row = TypeVar("_Row", bound=msgspec.Struct)

LIST_SEPARATOR = "|"
"""Between the tags (countries, locales) of a CSV cell; a JSON list is understood too."""
MAX_ID_LENGTH = 256
_LISTS = ("tags", "countries", "locales")
_FLAGS = ("available", "remove")
_AS_READ = ("VARCHAR", "DOUBLE", "BOOLEAN", "BIGINT", "INTEGER")
"""How the types of Parquet columns begin whose cells are taken as they are; lists of them too."""
_TRUE = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class CatalogInvalid(UsageError):
    """A catalogue file that cannot be taken as it is; nothing was published."""

    code = "BAD_INPUT"


def read_catalog(paths: Iterable[Path], *, surface: str | None = None) -> list[Item]:
    """Read items from files.

    Parameters
    ----------
    surface
        Rows that name another surface are left out; a row that names this one stands before one that names
        none.

    Raises
    ------
    CatalogInvalid
        With file and line: an unknown or missing column, a wrong type, an item given twice.
    """
    found: dict[str, tuple[Item, str]] = {}
    for path in paths:
        for where, row in read_rows(Path(path), Item):
            item = _checked(row, where)
            if item.surface is not None and item.surface != surface:
                continue
            known, first = found.get(item.item_id, (None, ""))
            if known is not None and known.surface == item.surface:
                raise CatalogInvalid(f"{where}: item {item.item_id} stands twice; first at {first}")
            if known is None or item.surface is not None:
                found[item.item_id] = (item, where)
    return [item for item, _ in found.values()]


def read_rows(path: Path, kind: type[_Row]) -> Iterator[tuple[str, _Row]]:
    """Yield each row of a file, with where it stands; raises :class:`CatalogInvalid`."""
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    readers = {".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _jsonl, ".parquet": _parquet}
    reader = readers.get(suffix.lower())
    if reader is None:
        raise CatalogInvalid(f"{path}: `{suffix}` is not a format we read", next_step=f"known: {', '.join(readers)}")
    try:
        yield from reader(path, kind)
    except (OSError, EOFError) as error:
        raise CatalogInvalid(f"{path} cannot be read: {error}") from None


def _jsonl(path: Path, kind: type[_Row]) -> Iterator[tuple[str, _Row]]:
    with _open(path) as file:
        for line, text in enumerate(file, 1):
            if text.strip():
                where = f"{path} line {line}"
                try:
                    yield where, decode(text, kind, what=where)
                except Invalid as error:
                    raise CatalogInvalid(error.message, next_step=error.next_step) from None
                except UnicodeDecodeError:
                    raise CatalogInvalid(f"{where}: not UTF-8") from None


def _csv(path: Path, kind: type[_Row]) -> Iterator[tuple[str, _Row]]:
    with _open(path) as file:
        reader = csv.reader(_decoded(path, file), delimiter="\t" if ".tsv" in path.suffixes else ",")
        header = next(reader, None)
        if not header:
            raise CatalogInvalid(f"{path} is empty: there is not even a header")
        _check_columns(path, header, kind)
        for cells in reader:
            if not cells:
                continue
            where = f"{path} line {reader.line_num}"
            if len(cells) != len(header):
                raise CatalogInvalid(f"{where}: {len(cells)} cells, and the header has {len(header)}")
            values = {name: _cell(name, text, where) for name, text in zip(header, cells, strict=True) if text != ""}
            yield where, _convert(values, kind, where)


def _parquet(path: Path, kind: type[_Row]) -> Iterator[tuple[str, _Row]]:
    import duckdb

    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        names = [str(column[0]) for column in described]
        _check_columns(path, names, kind)
        # a time with a zone needs pytz to become Python's, and is text here anyway
        times = [str(name) for name, held, *_ in described if str(held).startswith("TIMESTAMP WITH")]
        as_read = frozenset(str(name) for name, held, *_ in described if str(held).startswith(_AS_READ))
        read = [f"CAST(timezone('UTC', {name}) AS TIMESTAMP) AS {name}" if name in times else name for name in names]
        result = connection.execute(f"SELECT {', '.join(read)} FROM read_parquet(?)", [str(path)])  # noqa: S608 - known names
        row = 0
        while batch := result.fetchmany(1_000):
            for cells in batch:
                row += 1
                where = f"{path} row {row}"
                values = {
                    name: cell if name in as_read else _value(cell)
                    for name, cell in zip(names, cells, strict=True)
                    if cell is not None
                }
                yield where, _convert(values, kind, where)
    except duckdb.Error as error:
        said = str(error).split("\n", 1)[0]
        raise CatalogInvalid(f"{path} cannot be read as Parquet: {said}") from None
    finally:
        connection.close()


def _decoded(path: Path, file: IO[bytes]) -> Iterator[str]:
    for line, text in enumerate(file, 1):
        try:
            yield text.decode("utf-8-sig" if line == 1 else "utf-8")
        except UnicodeDecodeError:
            raise CatalogInvalid(f"{path} line {line}: not UTF-8", next_step="save the file as UTF-8") from None


def _check_columns(path: Path, names: list[str], kind: type[msgspec.Struct]) -> None:
    known = kind.__struct_fields__
    for name in names:
        if name not in known:
            raise CatalogInvalid(f"{path}: column `{name}` is not known here", next_step=did_you_mean(name, known))
        if names.count(name) > 1:
            raise CatalogInvalid(f"{path}: column `{name}` stands twice")
    if "item_id" not in names:
        raise CatalogInvalid(f"{path}: column `item_id` is missing", next_step=f"columns: {', '.join(names)}")


def _cell(name: str, text: str, where: str) -> object:
    """Read one cell of CSV as the type its column has."""
    if name in _LISTS:
        if text.startswith("["):
            return decode(text, list[str], what=f"{where}, `{name}`")
        return [part.strip() for part in text.split(LIST_SEPARATOR) if part.strip()]
    if name in _FLAGS:
        if text.strip().lower() not in _TRUE:
            raise CatalogInvalid(f"{where}: {name} is `{text}`", next_step="write true or false")
        return _TRUE[text.strip().lower()]
    if name == "price":
        try:
            return float(text)
        except ValueError:
            raise CatalogInvalid(f"{where}: price is `{text}`, not a number") from None
    return text


def _value(cell: Any) -> Any:
    """Take a Parquet value as JSON would hold it: a time is text."""
    if isinstance(cell, datetime.datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=datetime.UTC)).isoformat()
    return float(cell) if type(cell).__name__ == "Decimal" else cell


def _convert(values: dict[str, Any], kind: type[_Row], where: str) -> _Row:
    try:
        return convert(values, kind, what=where)
    except Invalid as error:
        raise CatalogInvalid(error.message, next_step=error.next_step) from None


def _checked(item: Item, where: str) -> Item:
    """Check what types cannot say, and write the time in UTC."""
    lists = {"tags": item.tags, "countries": item.countries, "locales": item.locales}
    check_values(where, item_id=item.item_id, price=item.price, lists=lists)
    if item.created_at is not None:
        try:
            parse_rfc3339(item.created_at, what=f"{where}: created_at")
        except Invalid as error:
            raise CatalogInvalid(error.message, next_step=error.next_step) from None
    if "" in (item.title, item.brand, item.category, item.surface):
        empty = {name: None for name in ("title", "brand", "category", "surface") if getattr(item, name) == ""}
        return msgspec.structs.replace(item, **empty)
    return item


def check_values(where: str, *, item_id: str, price: float | None, lists: Mapping[str, Iterable[str]]) -> None:
    """Check what types cannot say of an item; raises :class:`CatalogInvalid`."""
    if not 0 < len(item_id) <= MAX_ID_LENGTH:
        raise CatalogInvalid(f"{where}: item_id has {len(item_id)} characters; 1..{MAX_ID_LENGTH} are allowed")
    if price is not None and not (math.isfinite(price) and price >= 0):
        raise CatalogInvalid(f"{where}: price is {price}; it must be a number from 0")
    for name, values in lists.items():
        if "" in values:
            raise CatalogInvalid(f"{where}: {name} holds an empty text")


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]
