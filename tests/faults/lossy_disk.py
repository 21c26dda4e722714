"""A disk that keeps a list of what was done to it, and can be asked what a power loss may have left.

It stands in the place of the ``os`` module of the store's files; every call really happens, in a real directory. The
model is the worst reading of POSIX: until a file is forced, any of its writes may be there whole, cut short, as zeros
or not at all; until a directory is forced, each change of an entry may be there or not, whatever came before or after
it. A rename is two such changes. Forcing a file forces no entry that names it.
"""

import itertools
import math
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["Change", "LossyDisk", "Tree"]

ROOT = 0
Tree = dict[str, "bytes | Tree"]
"""A directory as it would be found: bytes are files, trees are directories."""

_MOST_SUBSETS = 32
"""Of what is unforced at one moment; of more, nothing, everything, and drawn ones."""


@dataclass(frozen=True)
class Change:
    """One thing done: an entry of a directory set (``inode``) or removed (``None``), bytes written to a file, one of
    them forced (``what`` is ``force``), or somebody told (``what`` is ``told``).
    """

    what: str
    node: int = ROOT
    name: str = ""
    inode: int | None = None
    data: bytes = b""
    told: tuple[int, str] | None = None


@dataclass
class _Pending:
    """What was done to one file or directory, and not forced since."""

    forced: dict[int, Any] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)


class LossyDisk:
    """Records what is done below ``root``, which must be empty."""

    def __init__(self, root: Path) -> None:
        assert not list(root.iterdir())
        self.root = root
        self.changes: list[Change] = []
        self._entries: dict[int, dict[str, int]] = {ROOT: {}}
        self._handles: dict[int, int] = {}
        self._inodes = itertools.count(1)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    @contextmanager
    def beneath(self, *modules: ModuleType) -> Iterator[None]:
        """Stand in the place of ``os`` in these modules."""
        for module in modules:
            module.os = self  # type: ignore[attr-defined]
        try:
            yield
        finally:
            for module in modules:
                module.os = os  # type: ignore[attr-defined]

    def tell(self, generation: int, attempt: str) -> None:
        """Note that from now on a release is acknowledged."""
        self.changes.append(Change("told", told=(generation, attempt)))

    # -- the calls that matter, as `os` has them

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        known = self._find(path, dir_fd)
        handle = os.open(path, flags, mode, dir_fd=dir_fd)
        where = self._place(path, dir_fd) if known is None and flags & os.O_CREAT else None
        if where is not None:
            known = next(self._inodes)
            self._set(*where, known)
        if known is not None:
            self._handles[handle] = known
        return handle

    def close(self, handle: int) -> None:
        self._handles.pop(handle, None)
        os.close(handle)

    def write(self, handle: int, data: Any) -> int:
        count = os.write(handle, data)
        self.changes.append(Change("write", self._handles[handle], data=bytes(data[:count])))
        return count

    def fsync(self, handle: int) -> None:
        os.fsync(handle)
        if handle in self._handles:
            self.changes.append(Change("force", self._handles[handle]))

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        os.mkdir(path, mode, dir_fd=dir_fd)
        made = next(self._inodes)
        self._entries[made] = {}
        self._set(*self._placed(path, dir_fd), made)

    def link(self, source: Any, target: Any, *, src_dir_fd: int, dst_dir_fd: int, follow_symlinks: bool) -> None:
        os.link(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=follow_symlinks)
        self._set(*self._placed(target, dst_dir_fd), self._known(source, src_dir_fd))

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        os.unlink(path, dir_fd=dir_fd)
        self._set(*self._placed(path, dir_fd), None)

    def replace(self, source: Any, target: Any, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        moved = self._known(source, src_dir_fd)
        os.replace(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        self._set(*self._placed(target, dst_dir_fd), moved)
        self._set(*self._placed(source, src_dir_fd), None)

    # -- what a power loss leaves

    def told(self, moment: int) -> list[tuple[int, str]]:
        """Return what was acknowledged before the ``moment``-th change."""
        return [change.told for change in self.changes[:moment] if change.told is not None]

    def left(self, moment: int, choose: "Callable[[Change], int]") -> Tree:
        """Return what is found when the power goes before the ``moment``-th change.

        ``choose`` says of each unforced change whether it reached the disk: 0 no, 1 yes; of a write also 2 half of
        it, 3 zeros.
        """
        files: dict[int, bytes] = {}
        folders: dict[int, dict[str, int]] = {ROOT: {}}
        unsure = set(map(id, self.unforced(moment)))
        for change in self.changes[:moment]:
            if change.what not in ("entry", "write"):
                continue
            fate = choose(change) if id(change) in unsure else 1
            if change.what == "write":
                files[change.node] = files.get(change.node, b"") + _arrived(change.data, fate)
            elif fate:
                entries = folders.setdefault(change.node, {})
                if change.inode is None:
                    entries.pop(change.name, None)
                else:
                    entries[change.name] = change.inode
        return self._tree(ROOT, folders, files)

    def unforced(self, moment: int, *, of_tmp: bool = True) -> list[Change]:
        """Return the changes before ``moment`` that nothing has forced yet, those in ``tmp`` only if asked for."""
        pending: dict[int, list[Change]] = {}
        for change in self.changes[:moment]:
            if change.what == "force":
                pending.pop(change.node, None)
            elif change.what in ("entry", "write"):
                pending.setdefault(change.node, []).append(change)
        tmp = self._entries[ROOT].get("tmp")
        return [c for changes in pending.values() for c in changes if of_tmp or c.node != tmp]

    def losses(self, moment: int, dice: random.Random) -> Iterator[Tree]:
        """Yield what may be left at a moment: every subset of what is unforced where they are few, else drawn ones."""
        within = self.unforced(moment, of_tmp=False)
        fates = [range(4) if change.what == "write" else range(2) for change in within]
        if math.prod(map(len, fates)) <= _MOST_SUBSETS:
            drawn: Iterable[Sequence[int]] = itertools.product(*fates)
        else:
            extremes = [[0] * len(fates), [1] * len(fates)]
            drawn = extremes + [[dice.choice(choices) for choices in fates] for _ in range(_MOST_SUBSETS - 2)]
        for chosen in drawn:
            decided = {id(change): fate for change, fate in zip(within, chosen, strict=True)}
            yield self.left(moment, lambda change, d=decided: d[id(change)] if id(change) in d else dice.randrange(2))

    def _tree(self, node: int, folders: dict[int, dict[str, int]], files: dict[int, bytes]) -> Tree:
        return {
            name: self._tree(inode, folders, files) if inode in self._entries else files.get(inode, b"")
            for name, inode in folders.get(node, {}).items()
        }

    # -- finding out what a path means

    def _set(self, folder: int, name: str, inode: int | None) -> None:
        if inode is None:
            self._entries[folder].pop(name, None)
        else:
            self._entries[folder][name] = inode
        self.changes.append(Change("entry", folder, name, inode))

    def _place(self, path: Any, dir_fd: int | None) -> tuple[int, str] | None:
        """Return the directory and the name that a path means; ``None`` outside of the root."""
        parts = list(Path(path).parts)
        if dir_fd is not None:
            node = self._handles.get(dir_fd)
        elif Path(path).is_relative_to(self.root):
            node, parts = ROOT, list(Path(path).relative_to(self.root).parts)
        else:
            node = None
        for part in parts[:-1]:
            node = self._entries.get(node, {}).get(part) if node is not None else None
        return None if node is None else (node, parts[-1] if parts else "")

    def _placed(self, path: Any, dir_fd: int | None) -> tuple[int, str]:
        found = self._place(path, dir_fd)
        assert found is not None, path
        return found

    def _find(self, path: Any, dir_fd: int | None) -> int | None:
        found = self._place(path, dir_fd)
        if found is None:
            return None
        return found[0] if found[1] in ("", ".") else self._entries[found[0]].get(found[1])

    def _known(self, path: Any, dir_fd: int | None) -> int:
        found = self._find(path, dir_fd)
        assert found is not None, path
        return found


def _arrived(data: bytes, fate: int) -> bytes:
    return (b"", data, data[: len(data) // 2], bytes(len(data)))[fate]
