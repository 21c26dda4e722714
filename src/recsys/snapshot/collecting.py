"""Free what no kept snapshot needs."""

import logging
import shutil
import time
from collections.abc import Iterable
from pathlib import Path, PurePath

import msgspec

from recsys.snapshot.layout import Contents
from recsys.snapshot.sealed import read_sealed

__all__ = ["collect"]

_log = logging.getLogger(__name__)

_Name = tuple[str, ...]
"""Kind, tenant and name of a file or snapshot, as in the layout."""


def collect(root: Path, *, tenant: str | None = None, keep: Iterable[Path], grace_s: float = 600.0) -> list[Path]:
    """Remove snapshots other than ``keep``, and the copies and shelves none of those names; return what went.

    With ``tenant`` only that tenant's are looked at: where there are a thousand, a switch of one costs no more. What is
    younger than ``grace_s`` stays: another process may be preparing with it. Files a process has mapped stay readable
    to it. What cannot be removed is left for the next time, and the rest goes. Raises ``Damaged`` when a kept snapshot
    cannot be read: then nothing goes.
    """
    kept: set[_Name] = set()
    needed: set[_Name] = set()
    for path in keep:
        contents = msgspec.json.decode(read_sealed(path / "snapshot.json"), type=Contents)
        needed.update(PurePath(file.path).parts for file in (*contents.files(), *contents.sources))
        kept.add(path.parts[-3:])
    young_after = time.time() - grace_s
    of = tenant or "*"
    unkept = [path for path in sorted(root.glob(f"snapshots/{of}/*")) if path.parts[-3:] not in kept]
    gone = [path for path in unkept if _old(path, young_after) and _removed(path)]
    files = sorted([*root.glob(f"copies/{of}/*"), *root.glob(f"shelves/{of}/*")])
    unneeded = [path for path in files if path.with_suffix("").parts[-3:] not in needed]
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
