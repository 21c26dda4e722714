"""Guess what the columns of a stranger's orders mean, from their names and a sample of their values."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from recsys.errors import UsageError

__all__ = ["FIELDS", "Guess", "guess", "mapping_of"]

_SAMPLE = 1000

_NAMES: Mapping[str, tuple[str, ...]] = {
    "ts": (
        *("invoicedate", "orderdate", "timestamp", "createdat", "purchasedate", "datetime", "date", "time", "ts"),
        *("bestelldatum", "rechnungsdatum", "kaufdatum", "datum", "zeitpunkt"),
    ),
    "item_id": (
        *("itemid", "sku", "stockcode", "productid", "articleid", "asin", "productcode", "item", "product", "article"),
        *("artikelnummer", "artikelnr", "produktnummer", "artikel", "produkt"),
    ),
    "user_id": (
        *("customerid", "userid", "clientid", "buyerid", "memberid", "accountid", "customer", "user", "email"),
        *("kundennummer", "kundennr", "kundenid", "kunde"),
    ),
    "session_id": (
        *("orderid", "invoice", "invoiceno", "basketid", "transactionid", "sessionid", "ordernumber", "order"),
        *("bestellnummer", "rechnungsnummer", "bestellung", "rechnung"),
    ),
    "title": ("title", "productname", "itemname", "description", "name", "bezeichnung", "artikelname", "produktname"),
    "quantity": ("quantity", "qty", "units", "count", "menge", "anzahl", "stueck"),
    "price": ("unitprice", "price", "itemprice", "amount", "einzelpreis", "preis"),
    "category": ("category", "department", "producttype", "productcategory", "kategorie", "warengruppe"),
    "brand": ("brand", "manufacturer", "vendor", "marke", "hersteller"),
}
"""What columns are called in shops, lower case and without punctuation, the surest first."""

FIELDS = tuple(_NAMES)
_NEEDED = ("ts", "item_id")
_TIME_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
)


_READERS = {
    ".csv": "read_csv(?, all_varchar=true)",
    ".parquet": "read_parquet(?)",
    ".jsonl": "read_json_auto(?)",
    ".ndjson": "read_json_auto(?)",
}


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """Which column is which. ``columns`` maps our fields to theirs; ``unused`` are the columns left over."""

    columns: Mapping[str, str]
    time_format: str
    unused: tuple[str, ...]
    first_day: str
    last_day: str


def guess(path: Path) -> Guess:
    """Look at a file of orders.

    Raises
    ------
    UsageError
        When the file cannot be read, or no column looks like an item or a time.
    """
    names, rows = _sample(path)
    if not rows:
        raise UsageError(f"{path} has no rows", next_step="it needs a line of column names and a line an item bought")
    columns: dict[str, str] = {}
    for field, known in _NAMES.items():
        taken = set(columns.values())
        ranked = [(known.index(_plain(name)), name) for name in names if _plain(name) in known and name not in taken]
        if ranked:
            columns[field] = min(ranked)[1]
    for field in _NEEDED:
        if field not in columns:
            what = {"ts": "when something was bought", "item_id": "which item was bought"}[field]
            raise UsageError(
                f"{path}: no column says {what}; it has {', '.join(names)}",
                next_step=f"name it like {_NAMES[field][0]}, or write a mapping: docs/reference/mapping.md",
            )
    if "user_id" not in columns and "session_id" not in columns:
        raise UsageError(
            f"{path}: no column says who bought or in which order; it has {', '.join(names)}",
            next_step="name one like customer_id or order_id: what goes together is told from them",
        )
    times = [str(row[names.index(columns["ts"])]) for row in rows if row[names.index(columns["ts"])] is not None]
    time_format = _time_format(times, path, columns["ts"])
    first_day, last_day = _days(path, columns["ts"], time_format)
    return Guess(
        columns=columns,
        time_format=time_format,
        unused=tuple(name for name in names if name not in columns.values()),
        first_day=first_day,
        last_day=last_day,
    )


def mapping_of(found: Guess) -> dict[str, Any]:
    """Write the guess as a mapping file, with the filters any shop's orders want."""
    columns = found.columns
    events: dict[str, Any] = {"ts": {"column": columns["ts"], "format": found.time_format}}
    events |= {field: columns[field] for field in ("item_id", "user_id", "session_id", "quantity") if field in columns}
    filters = [{"name": "no item", "drop_where": f"{_cell(columns['item_id'])} is null"}]
    if "quantity" in columns:
        filters.append({"name": "returns", "drop_where": f"try_cast({_cell(columns['quantity'])} as double) <= 0"})
    if "price" in columns:
        filters.append({"name": "not paid for", "drop_where": f"try_cast({_cell(columns['price'])} as double) <= 0"})
    catalog = {field: columns[field] for field in ("title", "category", "brand", "price") if field in columns}
    return {
        "columns": events,
        "constants": {"event_type": "conversion"},
        "filters": filters,
        "catalog": {"columns": catalog},
    }


def _sample(path: Path) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
    if not path.exists():
        raise UsageError(f"{path} is not there", next_step="check the path")
    try:
        with duckdb.connect() as engine:
            cursor = engine.execute(
                f"select * from {_reader(path)} using sample {_SAMPLE} rows (reservoir, 1)",  # noqa: S608
                [str(path)],
            )
            return [column[0] for column in cursor.description], cursor.fetchall()
    except duckdb.Error as error:
        raise UsageError(
            f"cannot read {path}: {str(error).splitlines()[0]}", next_step="is it what it is named?"
        ) from None


def _time_format(times: Sequence[str], path: Path, column: str) -> str:
    if not times:
        raise UsageError(f"{path}: column {column} is empty", next_step="it must say when each item was bought")
    if all(re.fullmatch(r"\d{13}|\d{10}", text) for text in times):
        return "epoch_ms" if len(times[0]) == 13 else "epoch_s"
    if all(re.search(r"(Z|[+-]\d\d:\d\d)$", text) and _fits(text, None) for text in times):
        return "rfc3339"
    fitting = [form for form in _TIME_FORMATS if all(_fits(text, form) for text in times)]
    if fitting:
        return min(fitting, key=lambda form: (_in_the_future(times, form), _TIME_FORMATS.index(form)))
    raise UsageError(
        f"{path}: column {column} is written in no way we know: {times[0]!r}",
        next_step="write a mapping with its format: docs/reference/mapping.md",
    )


def _fits(text: str, form: str | None) -> bool:
    try:
        datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007 - only its form
    except ValueError:
        return False
    return True


def _in_the_future(times: Sequence[str], form: str) -> bool:
    """Tell whether a reading puts orders after today: then day and month are probably the other way round."""
    return max(datetime.strptime(text, form) for text in times) > datetime.now() + timedelta(days=1)  # noqa: DTZ005, DTZ007


def _days(path: Path, column: str, form: str) -> tuple[str, str]:
    """Return the first and the last day of the whole file, not of the sample."""
    text = f"cast({_cell(column)} as varchar)"
    if form in ("epoch_s", "epoch_ms"):
        moment = f"make_timestamp(cast({text} as bigint) * {1_000 if form == 'epoch_ms' else 1_000_000})"
    elif form == "rfc3339":
        moment = f"cast(try_cast({text} as timestamptz) as timestamp)"
    else:
        moment = f"try_strptime({text}, '{form}')"
    with duckdb.connect() as engine:
        days = engine.execute(
            f"select strftime(min({moment}), '%Y-%m-%d'), strftime(max({moment}), '%Y-%m-%d') from {_reader(path)}",  # noqa: S608
            [str(path)],
        ).fetchone()
    assert days is not None
    return days[0], days[1]


def _reader(path: Path) -> str:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path} is not CSV, JSONL or Parquet by its ending", next_step="rename or convert it")
    return reader


def _cell(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _plain(name: str) -> str:
    spelt_out = name.lower().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    return re.sub(r"[^a-z0-9]", "", spelt_out)
