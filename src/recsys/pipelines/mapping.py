"""The mapping file: how data that is not in our schema becomes events, and perhaps a catalogue."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from recsys.encoding import convert
from recsys.yaml_file import read_yaml

__all__ = ["CatalogColumn", "CatalogMapping", "Column", "EventMapping", "Filter", "TimeColumn", "read_mapping"]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Column(_Part, frozen=True):
    """Where a field comes from: a ``column`` of the file by name, or an ``sql`` expression over its columns."""

    column: str | None = None
    sql: str | None = None

    def __post_init__(self) -> None:
        if (self.column is None) == (self.sql is None):
            raise ValueError("give `column` or `sql`, one of them")


class TimeColumn(Column, frozen=True):
    """Where ``ts`` comes from and how it is written.

    ``format``: ``rfc3339`` (with a zone), ``epoch_s``, ``epoch_ms``, or a pattern such as ``%Y-%m-%d
    %H:%M:%S``. ``zone``: the IANA zone of times that name none.
    """

    format: str = "rfc3339"
    zone: str = "UTC"


class Filter(_Part, frozen=True):
    """Rows for which ``drop_where`` (an SQL condition over the file's columns) is true are dropped and
    counted.
    """

    name: str
    drop_where: str


class EventColumns(_Part, frozen=True):
    """The fields of interaction.v1, and ``segment``."""

    ts: str | TimeColumn
    item_id: str | Column
    user_id: str | Column | None = None
    anonymous_id: str | Column | None = None
    session_id: str | Column | None = None
    request_id: str | Column | None = None
    event_type: str | Column | None = None
    event_id: str | Column | None = None
    surface: str | Column | None = None
    segment: str | Column | None = None
    rank: str | Column | None = None
    value: str | Column | None = None
    quantity: str | Column | None = None


class Constants(_Part, frozen=True):
    """Fields that are the same in every row."""

    event_type: str | None = None
    surface: str | None = None
    segment: str | None = None


class CatalogColumn(Column, frozen=True):
    """Where a catalogue field comes from, and which value stands when an item's rows differ.

    ``pick``: ``most_frequent`` (of equally frequent ones the first by bytes), ``newest`` (by ``ts``),
    ``min`` or ``max``.
    """

    pick: Literal["most_frequent", "newest", "min", "max"] = "most_frequent"


class CatalogColumns(_Part, frozen=True):
    """Fields of the catalogue that can be told from events."""

    title: str | CatalogColumn | None = None
    category: str | CatalogColumn | None = None
    brand: str | CatalogColumn | None = None
    price: str | CatalogColumn | None = None
    tags: str | CatalogColumn | None = None


class CatalogMapping(_Part, frozen=True):
    """The catalogue that the same rows tell. ``tag_separator`` splits the text of ``tags``."""

    columns: CatalogColumns = CatalogColumns()
    tag_separator: str = ","


class EventMapping(_Part, frozen=True):
    """A mapping file. Filters are tried in their order; a row counts for the first that drops it."""

    columns: EventColumns
    constants: Constants = Constants()
    filters: tuple[Filter, ...] = ()
    catalog: CatalogMapping | None = None

    def __post_init__(self) -> None:
        names = [filter.name for filter in self.filters]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two filters are called `{name}`")
        for field in Constants.__struct_fields__:
            if getattr(self.constants, field) is not None and getattr(self.columns, field) is not None:
                raise ValueError(f"`{field}` is given as a column and as a constant")
        if self.columns.event_type is None and self.constants.event_type is None:
            raise ValueError("`event_type` is missing: name its column, or give it under `constants`")


def read_mapping(source: "str | Path | Mapping[str, Any] | EventMapping") -> EventMapping:
    """Read a mapping from a YAML file, or take plain values.

    Raises
    ------
    Invalid
        With the file, the line or the path inside it, and the nearest name for an unknown key.
    """
    if isinstance(source, EventMapping):
        return source
    if isinstance(source, Mapping):
        return convert(dict(source), EventMapping, what="mapping")
    path = Path(source)
    return convert(read_yaml(path, what="mapping"), EventMapping, what=f"mapping {path}")
