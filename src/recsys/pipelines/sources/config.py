"""Source documents: strict YAML or JSON that says where events come from. No document holds a secret."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from recsys.encoding import Invalid, convert, did_you_mean
from recsys.yaml_file import read_yaml

__all__ = [
    "EventLogDocument",
    "FilesDocument",
    "KafkaDocument",
    "PostgresDocument",
    "SourceDocument",
    "read_source",
]

_SECRET = re.compile(r"password|secret|token|\.pem$|\.key$|jaas", re.IGNORECASE)
"""Settings of Kafka's client that hold a secret, and may only be named by their variable."""
_PASSED_ON = ("security.", "sasl.", "ssl.", "enable.ssl.", "enable.sasl.", "client.", "socket.", "broker.", "fetch.")
"""Which settings of Kafka's client a document may set: how to reach it. What to read, and when it counts as read, is
decided here.
"""
_LOADS_CODE = "ssl.engine.location"


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class FilesDocument(_Document, frozen=True, tag_field="type", tag="files"):
    """Files and globs, here or in buckets."""

    paths: tuple[str, ...]
    """Files and globs (`**` for folders): paths from the document's folder, or `s3://bucket/…`."""

    def __post_init__(self) -> None:
        if not self.paths:
            raise ValueError("`paths` names no file")


class PostgresDocument(_Document, frozen=True, tag_field="type", tag="postgresql"):
    """A table or a query of PostgreSQL."""

    time: str
    """The column of when a row was written, with a time zone. It says which rows a window or an increment has."""
    key: str
    """A column that tells rows of the same time apart: the primary key."""
    dsn_env: str | None = None
    """The environment variable that holds the connection string."""
    dsn: str | None = None
    """The connection string itself, without a password: `service=shop`, or `postgresql://reader@db:5432/shop`."""
    table: str | None = None
    """The table or view: `events`, `shop.events`."""
    query: str | None = None
    """Instead of a table: a SELECT. It runs in a read-only transaction."""
    columns: tuple[str, ...] = ()
    """Which columns go on as an event's fields; all when left out."""
    lag_s: float = 60.0
    """Rows younger than this are left for the next increment, in seconds: longer than the longest transaction that
    writes them, because a row is stamped before it can be seen."""
    statement_timeout_s: float = 3600.0
    """After how many seconds the server gives a statement up."""

    def __post_init__(self) -> None:
        if (self.dsn_env is None) == (self.dsn is None):
            raise ValueError("give `dsn_env` or `dsn`, one of them")
        if (self.table is None) == (self.query is None):
            raise ValueError("give `table` or `query`, one of them")
        if not 0 <= self.lag_s <= 86_400:
            raise ValueError("`lag_s` is from 0 to 86400")
        if not 1 <= self.statement_timeout_s <= 86_400:
            raise ValueError("`statement_timeout_s` is from 1 to 86400")


class KafkaDocument(_Document, frozen=True, tag_field="type", tag="kafka"):
    """A topic of Kafka whose values are JSON objects."""

    brokers: tuple[str, ...]
    """Where to begin: `host:port`, some of them."""
    topic: str
    """The topic; all its partitions are read."""
    group: str = "recsys"
    """The consumer group in which offsets are committed once the events are durable here."""
    by_time: bool = True
    """Windows go by the time of messages. `false` where those mean nothing (a mirrored topic): then all that the broker
    has is read, and the window judged by the events."""
    timeout_s: float = 30.0
    """For how many seconds the brokers may say nothing."""
    settings: dict[str, str | int | bool] = {}
    """Settings of librdkafka that say how to reach them: `security.…`, `sasl.…`, `ssl.…`, `client.…`, `socket.…`,
    `broker.…`, `fetch.…`. No secret."""
    settings_env: dict[str, str] = {}
    """Settings whose value is in an environment variable: `sasl.password: KAFKA_PASSWORD`."""

    def __post_init__(self) -> None:
        if not self.brokers or not all(self.brokers):
            raise ValueError("`brokers` names none")
        if not self.topic or not self.group:
            raise ValueError("`topic` and `group` have a name")
        if not 1 <= self.timeout_s <= 3600:
            raise ValueError("`timeout_s` is from 1 to 3600")
        for name in (*self.settings, *self.settings_env):
            if not name.startswith(_PASSED_ON) or name == _LOADS_CODE:
                raise ValueError(f"`{name}` is not a setting a source may have: {', '.join(_PASSED_ON)}")
        for name in self.settings:
            if _SECRET.search(name):
                raise ValueError(f"`{name}` is a secret: name the variable that holds it, under `settings_env`")
        twice = self.settings.keys() & self.settings_env.keys()
        if twice:
            raise ValueError(f"`{min(twice)}` is given twice")


class EventLogDocument(_Document, frozen=True, tag_field="type", tag="event_log"):
    """The service's own log of the tenant, in the store of the run."""

    streams: tuple[Literal["interactions", "outcomes", "exposures"], ...] = ("interactions", "outcomes", "exposures")
    """What is read: what users did in the shop, what they did with answers, and the answers."""

    def __post_init__(self) -> None:
        if not self.streams:
            raise ValueError("`streams` names none")


SourceDocument = FilesDocument | PostgresDocument | KafkaDocument | EventLogDocument

_TYPES: Mapping[str, type[SourceDocument]] = {
    "files": FilesDocument,
    "postgresql": PostgresDocument,
    "kafka": KafkaDocument,
    "event_log": EventLogDocument,
}


def read_source(given: str | Path | Mapping[str, Any]) -> SourceDocument:
    """Read a source document from a file, or take plain values.

    Raises
    ------
    Invalid
        With the file, the line or the path inside it, and the nearest name for an unknown key or type.
    """
    if isinstance(given, Mapping):
        return _read(dict(given), what="source")
    path = Path(given)
    document = _read(read_yaml(path, what="source"), what=f"source {path}")
    if isinstance(document, FilesDocument):
        beside = tuple(one if "://" in one else str(path.parent / one) for one in document.paths)
        return msgspec.structs.replace(document, paths=beside)
    return document


def _read(values: dict[str, Any], *, what: str) -> SourceDocument:
    kind = values.get("type")
    if kind is None:
        raise Invalid(what, "`type` is missing", suggestion=f"one of: {', '.join(_TYPES)}")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise Invalid(what, f"there is no type `{kind}`", suggestion=did_you_mean(str(kind), _TYPES))
    return convert(values, _TYPES[kind], what=what)
