"""Read events back: strictly, and each of them once."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from recsys.encoding import Invalid, decode
from recsys.errors import UsageError
from recsys.events.layout import EventFile, Stream, event_files
from recsys.events.schemas import Assignment, Exposure, Interaction, Outcome, RankList

__all__ = ["SCHEMAS", "BadLine", "Event", "read_events", "read_spool"]

Event = Exposure | Outcome | Interaction | Assignment | RankList
E = TypeVar("E", Exposure, Outcome, Interaction, Assignment, RankList)

SCHEMAS: dict[str, type[Event]] = {
    "exposure.v1": Exposure,
    "outcome.v1": Outcome,
    "assignment.v1": Assignment,
    "ranklist.v1": RankList,
    "interaction.v1": Interaction,
}
"""The schemas by the name people use for them."""


_STREAMS: dict[type[Event], Stream] = {
    Exposure: "exposures",
    Outcome: "outcomes",
    Interaction: "interactions",
    Assignment: "assignments",
}


class BadLine(UsageError):
    """A line that is not an event of the schema that was asked for."""

    code = "BAD_LINE"

    def __init__(self, path: Path, line: int, problem: str, *, suggestion: str = "") -> None:
        super().__init__(f"{path}:{line}: {problem}", next_step=suggestion)
        self.path = path
        self.line = line
        self.problem = problem


def read_events(files: Iterable[Path | EventFile], schema: type[E], *, once: bool = True) -> Iterator[E]:
    """Read JSONL files line by line.

    Parameters
    ----------
    files
        Paths of one tenant's files, or files as :func:`~recsys.events.layout.event_files` lists them.
    schema
        What each line must be; fields that are not in it are errors.
    once
        Give each event once, by ``(tenant, event_id)``; exposures and assignments by ``(tenant, request_id)``. An event
        without an id is always given. Their ids are held in memory.

    Raises
    ------
    BadLine
        With the file, the line's number and the reason. In a file that is still growing, a last line without
        its newline is not there yet, and is left out.
    """
    seen: set[tuple[str, str]] = set()
    for file in files:
        known = file if isinstance(file, EventFile) else None
        path = known.path if known else Path(str(file))
        tenant = known.tenant if known else ""
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if known and known.growing and not line.endswith(b"\n"):
                    break
                event = _event(line, schema, path, number)
                identity = _identity(event)
                if once and identity is not None:
                    if (tenant, identity) in seen:
                        continue
                    seen.add((tenant, identity))
                yield event


def read_spool(root: Path, schema: type[E], *, tenant: str) -> Iterator[E]:
    """Read everything a host's spool (or a store's ``events`` directory) still has of one tenant, each
    event once.
    """
    stream = _STREAMS[schema]
    return read_events(event_files(root, tenant=tenant, stream=stream), schema)


def _event(line: bytes, schema: type[E], path: Path, number: int) -> E:
    try:
        return decode(line, schema, what="event")
    except Invalid as error:
        raise BadLine(path, number, error.problem, suggestion=error.next_step) from None


def _identity(event: Event) -> str | None:
    if isinstance(event, Exposure | Assignment):
        return event.request_id
    return getattr(event, "event_id", None)
