"""Where events come from: files here or in buckets, PostgreSQL, Kafka, and the service's own log.

A source lays down files; from there on all of them are read alike. Drivers are loaded when a source is opened.
"""

from recsys.pipelines.sources.config import (
    EventLogDocument,
    FilesDocument,
    KafkaDocument,
    PostgresDocument,
    SourceDocument,
    read_source,
)
from recsys.pipelines.sources.errors import PositionGone, SourceAway, SourceDenied
from recsys.pipelines.sources.files import (
    FLAT_EXPOSURE,
    Format,
    Kind,
    Source,
    find_files,
    format_of,
    known_fields,
    open_lines,
    required_fields,
    schema_name,
    sniff,
)
from recsys.pipelines.sources.opening import open_source, source_of
from recsys.pipelines.sources.paths import FileEvents
from recsys.pipelines.sources.port import ConfiguredSource, EventSource, Fetched, SourceCheck, Unconfirmed, laid_down

__all__ = [
    "FLAT_EXPOSURE",
    "ConfiguredSource",
    "EventLogDocument",
    "EventSource",
    "Fetched",
    "FileEvents",
    "FilesDocument",
    "Format",
    "KafkaDocument",
    "Kind",
    "PositionGone",
    "PostgresDocument",
    "Source",
    "SourceAway",
    "SourceCheck",
    "SourceDenied",
    "SourceDocument",
    "Unconfirmed",
    "find_files",
    "format_of",
    "known_fields",
    "laid_down",
    "open_lines",
    "open_source",
    "read_source",
    "required_fields",
    "schema_name",
    "sniff",
    "source_of",
]
