"""Counts that outlive the process that counted: one mapped file per worker, added up by the admin process.

The hot path adds to a float64 cell by its number; nothing else happens there. The file's head names the
cells, a JSON line each, appended before a cell is first used. A worker that is killed loses no count, and its
successor goes on from the same file, so counters never go back.
"""

import mmap
import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

__all__ = ["LATENCY_BUCKETS_S", "Cell", "Counters", "Series", "read_counters"]

_HEAD_BYTES = 1 << 20
_CELLS = 32_768
"""Room for about 1,000 tenants and surfaces with a histogram each. When it is full, further series are
counted together in cell 0, which has no name: memory stays bounded whatever clients send."""

_NO_LABELS: Mapping[str, str] = {}

LATENCY_BUCKETS_S = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """The name of ``width`` cells in a row, starting at ``first``. More than one cell is a histogram."""

    first: int
    name: str
    labels: Mapping[str, str]
    width: int = 1


class Series(msgspec.Struct, frozen=True):
    """One named series of one file with its values."""

    name: str
    labels: Mapping[str, str]
    values: tuple[float, ...]


class Counters:
    """The counters of one process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        size = _HEAD_BYTES + 8 * _CELLS
        os.posix_fallocate(self._fd, 0, size)  # a hole that cannot be filled would kill us by SIGBUS
        mapped = mmap.mmap(self._fd, size)
        self._head = memoryview(mapped)[:_HEAD_BYTES]
        self.cells = memoryview(mapped)[_HEAD_BYTES:].cast("d")
        """The cells, by number: ``cells[number] += 1``."""
        self._numbers: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
        self._next = 1
        self._end = 0
        for cell, end in _named(bytes(self._head)):
            self._numbers[cell.name, tuple(sorted(cell.labels.items()))] = cell.first
            self._next, self._end = cell.first + cell.width, end

    def cell(self, name: str, labels: Mapping[str, str] = _NO_LABELS, *, width: int = 1) -> int:
        """Return the number of the first cell of a series; make it on first use."""
        key = (name, tuple(sorted(labels.items())))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._make(Cell(self._next, name, labels, width))
        return number

    def histogram(self, name: str, labels: Mapping[str, str] = _NO_LABELS) -> int:
        """Return the first cell of a histogram: one a bucket, one for more, and one for the sum."""
        return self.cell(name, labels, width=len(LATENCY_BUCKETS_S) + 2)

    def observe(self, histogram: int, seconds: float) -> None:
        """Count one duration."""
        self.cells[histogram + bisect_left(LATENCY_BUCKETS_S, seconds)] += 1.0
        self.cells[histogram + len(LATENCY_BUCKETS_S) + 1] += seconds

    def _make(self, cell: Cell) -> int:
        line = msgspec.json.encode(cell) + b"\n"
        if cell.first + cell.width > _CELLS - 16 or self._end + len(line) > _HEAD_BYTES:
            return 0 if cell.width == 1 else _CELLS - 16  # the nameless rest
        self._head[self._end : self._end + len(line)] = line
        self._end += len(line)
        self._next += cell.width
        return cell.first


def read_counters(paths: Iterable[Path]) -> list[Series]:
    """Read the series of every file; those of the same name and labels are added up."""
    total: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = {}
    for path in paths:
        data = path.read_bytes()
        if len(data) < _HEAD_BYTES + 8 * _CELLS:
            continue  # being made
        cells = memoryview(data)[_HEAD_BYTES:].cast("d")
        for cell, _end in _named(data[:_HEAD_BYTES]):
            values = list(cells[cell.first : cell.first + cell.width])
            key = (cell.name, tuple(sorted(cell.labels.items())))
            total[key] = [a + b for a, b in zip(total[key], values, strict=True)] if key in total else values
    return [Series(name, dict(labels), tuple(values)) for (name, labels), values in sorted(total.items())]


def _named(head: bytes) -> Iterable[tuple[Cell, int]]:
    end = 0
    for line in head[: head.find(b"\0")].splitlines(keepends=True):
        try:
            cell = msgspec.json.decode(line, type=Cell)
        except msgspec.DecodeError:
            return  # killed while it wrote the name: the cell was not used
        end += len(line)
        yield cell, end
