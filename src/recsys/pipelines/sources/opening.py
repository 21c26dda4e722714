"""Making a source of a document, or of what a caller gave for its events."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys.errors import UsageError
from recsys.pipelines.sources.config import (
    FilesDocument,
    KafkaDocument,
    PostgresDocument,
    SourceDocument,
    read_source,
)
from recsys.pipelines.sources.paths import FileEvents
from recsys.pipelines.sources.port import ConfiguredSource, EventSource
from recsys.pipelines.target import Target

__all__ = ["open_source", "source_of"]


def open_source(
    given: str | Path | Mapping[str, Any] | SourceDocument,
    *,
    target: Target | None = None,
    environment: Mapping[str, str] | None = None,
) -> ConfiguredSource:
    """Make the source that a document describes; nothing is connected yet.

    Parameters
    ----------
    given
        A file, plain values, or a document that was read.
    target
        Whose run it is for; the service's own log is of a tenant.
    environment
        Where variables are looked up; by default this process's.

    Raises
    ------
    Invalid, BadInput
        The document is not right, or a variable that it names is not set.
    UsageError
        A package is not installed; or the service's log is asked for without a tenant.
    """
    environment = os.environ if environment is None else environment
    document = read_source(given) if isinstance(given, str | Path | Mapping) else given
    if isinstance(document, FilesDocument):
        return FileEvents(document.paths, environment=environment)
    if isinstance(document, PostgresDocument):
        from recsys.pipelines.sources.postgres import PostgresEvents  # a driver is only loaded where it is used

        return PostgresEvents(document, environment=environment)
    if isinstance(document, KafkaDocument):
        from recsys.pipelines.sources.kafka import KafkaEvents

        return KafkaEvents(document, environment=environment)
    if target is None:
        raise UsageError("the service's log is one tenant's", next_step="say which: --tenant NAME")
    from recsys.pipelines.sources.event_log import EventLogEvents

    return EventLogEvents(target.store, target.tenant, document)


def source_of(events: Any) -> EventSource | None:
    """Take a source, or paths and globs, local or ``s3://``; ``None`` for what is neither, a data frame perhaps."""
    if isinstance(events, EventSource):
        return events
    if isinstance(events, str | Path):
        events = [events]
    if isinstance(events, list | tuple | set):
        return FileEvents(list(events), environment=os.environ)
    return None
