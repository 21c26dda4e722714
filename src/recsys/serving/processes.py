"""Who runs on this host, as the supervisor tells it in ``processes.json``."""

from pathlib import Path

import msgspec

__all__ = ["Child", "Processes", "read_processes"]


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """One process as others may see it."""

    pid: int
    restarts: int


class Processes(msgspec.Struct, frozen=True, kw_only=True):
    """``processes.json``: who runs here, and on which ports."""

    supervisor: int
    run: str
    host: str
    port: int
    admin_host: str
    admin_port: int
    children: dict[str, Child]


def read_processes(path: Path) -> Processes | None:
    """Read ``processes.json``; ``None`` while there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Processes)
    except (OSError, msgspec.DecodeError):
        return None
