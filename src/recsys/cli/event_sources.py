"""``recsys pipelines source``, and how commands are told where events come from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys.cli.options import TenantOption, open_tenant
from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError

if TYPE_CHECKING:
    from recsys.library import Tenant
    from recsys.pipelines.sources import EventSource, SourceCheck

__all__ = ["EventsOption", "SourceOption", "events_from", "source"]

source = typer.Typer(no_args_is_help=True, help="Where events come from, as a source document says.")

EventsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--events", help="A file or glob (JSONL, CSV, Parquet; .gz too), here or s3://bucket/…; may be repeated."
    ),
]
SourceOption = Annotated[
    Path | None,
    typer.Option("--source", help="Instead of --events: YAML that says where events come from, such as Kafka."),
]


def events_from(of: "Tenant", events: list[str] | None, document: Path | None) -> "list[str] | EventSource":
    """Return the events that the command line names, one way or the other."""
    if events and document is None:
        return events
    if document is None or events:
        raise UsageError(
            "events are given twice, by --events and by --source" if events else "no events are given",
            next_step="give --events FILES, or --source FILE",
        )
    from recsys.pipelines.sources import open_source

    return open_source(document, target=of)


@source.command("check", epilog="Example: recsys pipelines source check orders.yaml")
def check(
    file: Annotated[Path, typer.Argument(help="A source document: YAML or JSON.")], tenant: TenantOption = None
) -> None:
    """Connect, and say what there is to read: counts, offsets and names of fields; no value of any event."""
    from recsys.pipelines.sources import EventLogDocument, open_source, read_source

    document = read_source(file)
    of = open_tenant(tenant) if isinstance(document, EventLogDocument) else None
    found = open_source(document, target=of).check()
    terminal.finish(found, lambda: _say(found))


def _say(found: "SourceCheck") -> None:
    terminal.say(f"[bold]{escape(found.source)}[/bold]")
    terminal.say(f"credentials: {escape(found.credentials)}")
    for what, value in found.found.items():
        terminal.say(f"{escape(what)}: {value:,}" if isinstance(value, int) else f"{escape(what)}: {escape(value)}")
    if found.fields:
        terminal.say(f"fields: {escape(', '.join(found.fields))}")
