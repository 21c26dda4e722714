"""What the follower tells the workers of its host: one small file, replaced whole.

``host.json`` names, for each tenant, the generation to serve, where its prepared snapshot lies, and when the
head was last seen to be that generation. Everything else of a host's state is found by its place below the
host directory.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from recsys.encoding import canonical

__all__ = ["HostState", "Kept", "Places", "Rejected", "TenantState", "read_host_state", "write_host_state"]


class Places:
    """Where things lie below the host directory."""

    def __init__(self, host_dir: Path) -> None:
        self.root = host_dir
        self.state = host_dir / "host.json"
        self.access = host_dir / "access.json"
        self.spool = host_dir / "spool"
        self.counters = host_dir / "counters"
        self.processes = host_dir / "processes.json"
        self.lock = host_dir / "lock"
        self.refresh = host_dir / "refresh"

    def floor(self, tenant: str) -> Path:
        """Return the file of a tenant's floor."""
        return self.root / "floors" / f"{tenant}.json"

    def withdrawn(self, tenant: str) -> Path:
        """Return the file of what a tenant's newest release withdraws."""
        return self.root / "withdrawn" / f"{tenant}.json"


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A release this host does not serve, and why. ``at`` is seconds since boot."""

    generation: int
    reason: str
    at: float


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A verified generation of a tenant: its directory, relative to the host directory; the log it is of, and the
    attempt that made its record, which no other record has.
    """

    generation: int
    path: str
    log: str
    attempt: str


class TenantState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tenant on this host.

    ``kept`` is newest first; the first is served. ``confirmed_at`` (seconds since boot) is when the head of
    the log was last seen to be that generation; ``None``: not since this service started. ``head`` is the
    newest generation known to exist. ``problem`` is why this host does not follow: a forked log, a newer
    format.
    """

    kept: tuple[Kept, ...] = ()
    log: str | None = None
    confirmed_at: float | None = None
    head: int = 0
    rejected: Rejected | None = None
    problem: str = ""

    @property
    def generation(self) -> int:
        """Return the generation that is served; 0 when there is none."""
        return self.kept[0].generation if self.kept else 0


class HostState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything the follower says. ``run`` names one start of the service, ``boot`` one start of the
    machine.
    """

    run: str
    boot: str
    written_at: float
    follower: int = 0
    store: str = ""
    store_problem: str = ""
    ship_problem: str = ""
    waiting_files: int = 0
    tenants: Mapping[str, TenantState] = {}
    format: int = 1


def write_host_state(path: Path, state: HostState, *, durable: bool) -> None:
    """Replace the file. ``durable`` when something changed that a restart must know; confirmations need not be.

    What must be known is also kept beside it, as ``host.json.before``: a power loss may leave a file empty that was
    replaced for a mere confirmation.
    """
    data = canonical(state)
    _replace(path, data, durable=durable)
    if durable:
        _replace(_before(path), data, durable=True)


def _replace(path: Path, data: bytes, *, durable: bool) -> None:
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    fresh.replace(path)
    if durable:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _before(path: Path) -> Path:
    return path.with_name(f"{path.name}.before")


def read_host_state(path: Path) -> HostState | None:
    """Read the file, or the copy beside it when it is not there or damaged; ``None`` when neither can be read: then
    this host knows nothing.
    """
    return _read(path) or _read(_before(path))


def _read(path: Path) -> HostState | None:
    try:
        state = msgspec.json.decode(path.read_bytes(), type=HostState)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return state if state.format == 1 else None
