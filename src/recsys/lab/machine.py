"""What a figure was measured on, printed beside every figure."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import msgspec

__all__ = ["Machine", "this_machine"]

_PACKAGES = ("duckdb", "granian", "msgspec", "numpy", "uvloop")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One machine and the versions that ran on it."""

    cpu: str
    cores: int
    kernel: str
    python: str
    packages: dict[str, str]

    def line(self) -> str:
        """Write it on one line."""
        versions = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        return f"{self.cores} cores of {self.cpu}, Linux {self.kernel}, Python {self.python}; {versions}"


def this_machine() -> Machine:
    """Read what this process runs on."""
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        packages={"recsys-suite": version("recsys-suite"), **{name: version(name) for name in _PACKAGES}},
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
