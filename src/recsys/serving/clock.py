"""Clocks that all processes of a host share, and that no one can set."""

import time
from pathlib import Path

__all__ = ["boot_id", "since_boot"]


def since_boot() -> float:
    """Return seconds since this machine started, sleep included; the same for every process of the host."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Name this start of the machine: times of another one mean nothing here."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"
