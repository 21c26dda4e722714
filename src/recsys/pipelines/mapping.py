"""The mapping file: how data that is not in our schema becomes events, and perhaps a catalogue."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from recsys.encoding import Invalid, convert
from recsys.pipelines.errors import BadInput

__all__ = ["CatalogColumn", "CatalogMapping", "Column", "EventMapping", "Filter", "TimeColumn", "read_mapping"]

MAX_SIZE_BYTES = 1 << 20
"""A mapping past a mebibyte is some other file, named by mistake."""


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
    Invalid, BadInput
        With the file, the path inside it, and the nearest name for an unknown key.
    """
    if isinstance(source, EventMapping):
        return source
    if isinstance(source, Mapping):
        return convert(dict(source), EventMapping, what="mapping")
    path = Path(source)
    return convert(_yaml(path), EventMapping, what=f"mapping {path}")


def _yaml(path: Path) -> Any:
    import yaml

    try:
        if path.stat().st_size > MAX_SIZE_BYTES:
            raise BadInput(f"mapping {path} is larger than 1 MiB", next_step="is this the mapping file?")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"mapping {path}: {error.strerror}", next_step="check the path") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"mapping {path}: not UTF-8 at byte {error.start}") from None
    try:
        document = yaml.load(text, Loader=_strict_loader())  # noqa: S506 - a SafeLoader that refuses double keys
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"mapping {path}, line {line}: {error.problem}") from None
    if not isinstance(document, dict):
        raise Invalid(f"mapping {path}", "must be a mapping of keys to values")
    return document


def _strict_loader() -> type[Any]:
    """Make a YAML loader to which a key given twice is an error, not the last one."""
    import yaml

    class Strict(yaml.SafeLoader):
        pass

    def mapping(loader: Any, node: Any) -> dict[Any, Any]:
        seen: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"`{key}` is given twice", key_node.start_mark)
            seen[key] = loader.construct_object(value_node, deep=True)
        return seen

    Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    return Strict
