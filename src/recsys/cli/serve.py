"""``recsys serve``: the online service on this host."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from recsys.cli.terminal import terminal

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command(
        "serve",
        epilog="Examples: recsys serve · recsys serve --workers 4 --port 8080. "
        "Every setting is an environment variable too: docs/reference/settings.md.",
    )(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="Where the product's port listens. Default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="The product's port; 0 takes a free one. Default 8000.")] = None,
    admin_port: Annotated[int | None, typer.Option(help="The operators' port. Default 8001.")] = None,
    workers: Annotated[int | None, typer.Option(help="How many processes answer. Default 1.")] = None,
    host_dir: Annotated[Path | None, typer.Option(help="This host's own state. Default ./var/host.")] = None,
) -> None:
    """Answer over HTTP from the store, and go on answering when the store is away. Ctrl-C ends it cleanly."""
    from recsys.serving import read_settings
    from recsys.serving.service_log import set_up_log
    from recsys.serving.supervisor import serve as run
    from recsys.serving.tracing import check_tracing

    settings = read_settings(
        store=terminal.store,
        log=terminal.log,
        host=host,
        port=port,
        admin_port=admin_port,
        workers=workers,
        host_dir=host_dir,
    )
    check_tracing(settings)
    set_up_log(settings, process="supervisor")
    run(settings, say=terminal.say if settings.log_format == "text" else logging.getLogger(__name__).info)
