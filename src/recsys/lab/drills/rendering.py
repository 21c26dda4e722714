"""The report of drills as files."""

from pathlib import Path

from recsys.encoding import canonical
from recsys.lab.drills.report import Report

__all__ = ["write"]


def write(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(canonical(report))
    return (folder / "report.json",)
