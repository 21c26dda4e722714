"""Options that many commands share, said once."""

import signal
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys.cli.terminal import terminal
from recsys.errors import UsageError

if TYPE_CHECKING:
    from recsys.library import Suite, Tenant

__all__ = [
    "AttemptOption",
    "DryRunOption",
    "EvidenceOption",
    "ExpectOption",
    "HostDirOption",
    "ReasonOption",
    "SegmentOption",
    "SurfaceOption",
    "TenantOption",
    "day",
    "ends_on_sigterm",
    "open_suite",
    "open_tenant",
    "open_tenants",
    "read_reports",
]

TenantOption = Annotated[
    str | None,
    typer.Option("--tenant", envvar="RECSYS_TENANT", help="The tenant; may be left out when the store has one."),
]
SurfaceOption = Annotated[str, typer.Option("--surface", help="Where recommendations are shown: home, pdp, cart…")]
SegmentOption = Annotated[str | None, typer.Option("--segment", help="A slice of the surface: new_users…")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the release log.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Check everything and say what would happen; write nothing.")
]
ExpectOption = Annotated[
    str | None,
    typer.Option(
        "--expect",
        help="Refuse unless this is in force: GENERATION or GENERATION:sha256:…, as `show` prints it.",
    ),
]
HostDirOption = Annotated[
    Path, typer.Option("--host-dir", envvar="RECSYS_HOST_DIR", help="This host's serving directory.")
]
AttemptOption = Annotated[str | None, typer.Option("--attempt", help="Resume an attempt whose outcome is unknown.")]
EvidenceOption = Annotated[
    list[Path] | None,
    typer.Option("--evidence", help="A report that justifies it; kept with the release. May be repeated."),
]


def ends_on_sigterm() -> None:
    """Let SIGTERM, as a scheduler sends it, end a long command as Ctrl-C does: what it left half done is removed, and
    its record says so.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def open_suite(*, create: bool = False) -> "Suite":
    """Open the store the command line names."""
    import recsys

    return recsys.open(terminal.store, log=terminal.log, create=create)


def open_tenant(name: str | None) -> "Tenant":
    """Open the named tenant, or the only one there is."""
    suite, names = _named(name)
    if len(names) > 1:
        raise UsageError("several tenants are here: " + ", ".join(names), next_step="say which: --tenant NAME")
    return suite.tenant(names[0])


def open_tenants(name: str | None) -> "list[Tenant]":
    """Open the named tenant, or all there are."""
    suite, names = _named(name)
    return [suite.tenant(each) for each in names]


def _named(name: str | None) -> "tuple[Suite, list[str]]":
    suite = open_suite()
    names = [name] if name is not None else list(suite.tenants())
    if not names:
        raise UsageError(f"store {suite.store.name} has no tenant", next_step="make one: recsys tenants create NAME")
    return suite, names


def day(text: str | None, *, default: date | None = None) -> date:
    """Read a day as people type it: 2026-11-22."""
    if text is None:
        return default or datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"`{text}` is not a day", next_step="write it like 2026-11-22") from None


def read_reports(paths: list[Path] | None) -> list[bytes]:
    """Return the bytes of the reports given as evidence; ``-`` is standard input."""
    reports = []
    for path in paths or []:
        try:
            reports.append(sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes())
        except OSError as error:
            raise UsageError(
                f"cannot read {path}: {error.strerror}", next_step="give the JSON report of recsys eval run"
            ) from None
    return reports
