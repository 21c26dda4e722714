"""Free what no kept snapshot needs."""

import logging
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from recsys.snapshot.layout import Contents
from recsys.snapshot.sealed import read_sealed

__all__ = ["collect"]

_log = logging.getLogger(__name__)


def collect(root: Path, *, keep: Iterable[Path], grace_s: float = 600.0) -> list[Path]:
    """Remove snapshots other than ``keep``, and the copies and shelves none of those names; return what went.

    What is younger than ``grace_s`` stays: another process may be preparing with it. Files a process has
    mapped stay readable to it. What cannot be removed is left for the next time, and the rest goes. Raises ``Damaged``
    when a kept snapshot cannot be read: then nothing goes.
    """
    kept = {path.resolve() for path in keep}
    needed: set[Path] = set()
    for path in kept:
        contents = msgspec.json.decode(read_sealed(path / "snapshot.json"), type=Contents)
        needed.update((root / file.path).resolve() for file in (*contents.files(), *contents.sources))
    young_after = time.time() - grace_s
    unkept = [path for path in sorted(root.glob("snapshots/*/*")) if path.resolve() not in kept]
    gone = [path for path in unkept if _old(path, young_after) and _removed(path)]
    files = sorted([*root.glob("copies/*/*"), *root.glob("shelves/*/*")])
    unneeded = [path for path in files if path.with_suffix("").resolve() not in needed]
    return gone + [path for path in unneeded if _old(path, young_after) and _removed(path)]


def _removed(path: Path) -> bool:
    try:
        if path.is_dir():
            (path / "snapshot.json").unlink(missing_ok=True)  # first, so that nothing opens the rest
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s is not removed: %s", path, error)
        return False
    return True


def _old(path: Path, young_after: float) -> bool:
    try:
        return path.stat().st_mtime <= young_after
    except OSError:
        return False
