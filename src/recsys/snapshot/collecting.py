"""Free what no kept snapshot needs."""

import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from recsys.snapshot.layout import Contents
from recsys.snapshot.sealed import read_sealed

__all__ = ["collect"]


def collect(root: Path, *, keep: Iterable[Path], grace_s: float = 600.0) -> list[Path]:
    """Remove snapshots other than ``keep``, and the copies and shelves none of those names; return what went.

    What is younger than ``grace_s`` stays: another process may be preparing with it. Files a process has
    mapped stay readable to it. Raises ``Damaged`` when a kept snapshot cannot be read: then nothing goes.
    """
    kept = {path.resolve() for path in keep}
    needed: set[Path] = set()
    for path in kept:
        contents = msgspec.json.decode(read_sealed(path / "snapshot.json"), type=Contents)
        needed.update((root / file.path).resolve() for file in (*contents.files(), *contents.sources))
    young_after = time.time() - grace_s
    gone: list[Path] = []
    for directory in sorted(root.glob("snapshots/*/*")):
        if directory.resolve() not in kept and _old(directory, young_after):
            (directory / "snapshot.json").unlink(missing_ok=True)
            directory.rmdir()
            gone.append(directory)
    for path in sorted([*root.glob("copies/*/*"), *root.glob("shelves/*/*")]):
        if path.with_suffix("").resolve() not in needed and _old(path, young_after):
            path.unlink(missing_ok=True)
            gone.append(path)
    return gone


def _old(path: Path, young_after: float) -> bool:
    try:
        return path.stat().st_mtime <= young_after
    except OSError:
        return False
