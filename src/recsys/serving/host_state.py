"""What the follower tells the workers of its host: one small file, replaced whole.

``host.json`` names, for each tenant, the generation to serve, where its prepared snapshot lies, and when the
head was last seen to be that generation. Everything else of a host's state is found by its place below the
host directory.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from recsys.encoding import canonical, is_whole, with_check
from recsys.replicas import Replica

__all__ = ["HostState", "Kept", "Pin", "Places", "Rejected", "TenantState", "read_host_state", "write_host_state"]


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
        self.pins = host_dir / "pins"
        self.key_set = host_dir / "jwks.json"
        self.key_set_wanted = host_dir / "jwks.wanted"
        self.access_seen = host_dir / "access.seen"
        self.tails = host_dir / "tails"
        self.profiles = host_dir / "profiles"

    def take_refresh(self) -> bool:
        """Tell whether somebody asked to follow now (``/refresh``), and take the request."""
        try:
            self.refresh.unlink()
        except OSError:
            return False
        return True

    def floor(self, tenant: str) -> Path:
        """Return the file of a tenant's floor."""
        return self.root / "floors" / f"{tenant}.json"

    def withdrawn(self, tenant: str) -> Path:
        """Return the file of what a tenant's newest release withdraws."""
        return self.root / "withdrawn" / f"{tenant}.json"

    def erased(self, tenant: str) -> Path:
        """Return the file of the users that a tenant's newest release erases, by pseudonym."""
        return self.root / "erased" / f"{tenant}.json"


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


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's word that this host serves a generation, whatever the log says: who, why, when (a label)."""

    generation: int
    actor: str
    reason: str
    at: str


class TenantState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tenant on this host.

    ``kept`` is newest first; the first is served, unless another of them is pinned. ``confirmed_at`` (seconds since
    boot) is when the head of the log was last seen to be the first; ``None``: not since this service started. ``head``
    is the newest generation known to exist. ``problem`` is why this host does not follow: a forked log, a newer
    format. ``restored`` says how this host went over to a log that was restored from a backup. ``made`` is the access
    record that made the tenant: another one of the same name has another; 0 where it is not known.
    """

    kept: tuple[Kept, ...] = ()
    log: str | None = None
    confirmed_at: float | None = None
    head: int = 0
    rejected: Rejected | None = None
    problem: str = ""
    pinned: Pin | None = None
    restored: str = ""
    made: int = 0

    def replica(self, *, now: float) -> Replica:
        """Return what the heartbeat says of it; ``now`` in seconds since boot."""
        return Replica(
            generation=self.served,
            head=self.head,
            unconfirmed_s=None if self.confirmed_at is None else round(now - self.confirmed_at, 1),
            rejected=self.rejected.reason if self.rejected else None,
            problem=self.problem or self.pin_problem or None,
            pinned=self.pinned.generation if self.pinned else None,
        )

    @property
    def generation(self) -> int:
        """Return the newest verified generation; 0 when there is none."""
        return self.kept[0].generation if self.kept else 0

    @property
    def serving(self) -> tuple[Kept, ...]:
        """Return what is kept in the order in which it may serve: what is pinned, then the newest first."""
        pinned = self.pinned.generation if self.pinned else self.generation
        return tuple(
            sorted(self.kept, key=lambda one: one.generation != pinned)
        )  # a stable sort keeps the rest in order

    @property
    def served(self) -> int:
        """Return the generation that is served; 0 when there is none."""
        return self.serving[0].generation if self.kept else 0

    def with_newest(self, loaded: Kept, *, at: float, most: int, pinned: Pin | None) -> "TenantState":
        """Return the state once a newer release is verified: ``most`` are kept, and what is pinned, however old."""
        others = tuple(one for one in self.kept if one.generation != loaded.generation)
        at_pin = pinned.generation if pinned else 0
        older = tuple(one for one in others[most - 1 :] if one.generation == at_pin)
        return TenantState(
            kept=(loaded, *others)[:most] + older,
            log=loaded.log,
            confirmed_at=at,
            head=max(self.head, loaded.generation),
            pinned=pinned,
            restored=self.restored,
            made=self.made,
        )

    @property
    def pin_problem(self) -> str:
        """Say why a pin does not hold; empty where it does, or where there is none."""
        if self.pinned is None or self.served == self.pinned.generation:
            return ""
        return (
            f"pinned to generation {self.pinned.generation}, which cannot be read on this host: {self.served} answers"
        )


class HostState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything the follower says. ``run`` names one start of the service, ``boot`` one start of the
    machine. ``unreleased``: tenants whose head was asked for, and who never had a release.
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
    unreleased: tuple[str, ...] = ()
    format: int = 1


def write_host_state(path: Path, state: HostState, *, durable: bool) -> None:
    """Replace the file. ``durable`` when something changed that a restart must know; confirmations need not be.

    What must be known is also kept beside it, as ``host.json.before``: a power loss may leave a file empty that was
    replaced for a mere confirmation.
    """
    data = with_check(canonical(state))
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
        data = path.read_bytes()
        state = msgspec.json.decode(data, type=HostState)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return state if state.format == 1 and is_whole(data) else None
