"""A columnar blob: named arrays behind a small header, read by mapping the file.

Layout, little endian: 8 bytes magic, 8 bytes header length, the header as canonical JSON padded with spaces,
then each array at a multiple of 64 bytes. The same arrays give the same bytes. Opening costs one small read
whatever the size, and processes that map the same file share its pages.
"""

import mmap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.encoding import canonical
from recsys.errors import Failed

__all__ = ["Columns", "Malformed", "Strings", "pack", "strings"]

_MAGIC = b"RSCOLS01"
_ALIGN = 64
_DTYPES = {"|u1", "<i4", "<i8", "<u4", "<u8", "<f4", "<f8", "|b1"}


class Malformed(Failed):
    """The bytes are not a columnar blob, or end too early."""

    code = "MALFORMED"


class _Column(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    offset: int


class _Header(msgspec.Struct, frozen=True):
    kind: str
    meta: dict[str, Any]
    columns: dict[str, _Column]


def pack(kind: str, meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Write arrays as one blob.

    Parameters
    ----------
    kind
        What this is, checked by readers: ``"popularity"``.
    meta
        Small JSON values beside the arrays.
    arrays
        Any shapes; dtypes of fixed width: bool, u1, i4, u4, i8, u8, f4, f8.
    """
    columns: dict[str, _Column] = {}
    offset = 0
    ready: list[tuple[int, npt.NDArray[Any]]] = []
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype.str not in _DTYPES:
            raise ValueError(f"column {name}: dtype {array.dtype} has no place in the format")
        columns[name] = _Column(array.dtype.str, array.shape, offset)
        ready.append((offset, array))
        offset = _aligned(offset + array.nbytes)
    header = canonical(_Header(kind, dict(meta), columns))
    start = _aligned(16 + len(header))
    out = bytearray(start + offset)
    out[:8] = _MAGIC
    out[8:16] = (start - 16).to_bytes(8, "little")
    out[16 : 16 + len(header)] = header
    out[16 + len(header) : start] = b" " * (start - 16 - len(header))
    for at, array in ready:
        out[start + at : start + at + array.nbytes] = array.tobytes()
    return bytes(out)


class Columns:
    """A columnar blob, mapped or in memory. The arrays are read-only views and keep the mapping alive."""

    def __init__(self, buffer: "mmap.mmap | bytes | memoryview", *, where: str) -> None:
        self._buffer = memoryview(buffer)
        if bytes(self._buffer[:8]) != _MAGIC or len(self._buffer) < 16:
            raise Malformed(f"{where} is not a columnar blob")
        start = 16 + int.from_bytes(self._buffer[8:16], "little")
        if start > len(self._buffer):
            raise Malformed(f"{where} ends inside its header")
        try:
            header = msgspec.json.decode(self._buffer[16:start], type=_Header)
        except msgspec.DecodeError as error:
            raise Malformed(f"{where} has a damaged header: {error}") from None
        self.kind = header.kind
        self.meta: Mapping[str, Any] = header.meta
        self._arrays: dict[str, npt.NDArray[Any]] = {}
        for name, column in header.columns.items():
            if column.dtype not in _DTYPES or min(column.shape, default=0) < 0 or column.offset < 0:
                raise Malformed(f"{where}: column {name} is not readable")
            count = int(np.prod(column.shape, dtype=np.int64))
            dtype = np.dtype(column.dtype)
            end = start + column.offset + count * dtype.itemsize
            if end > len(self._buffer):
                raise Malformed(f"{where} ends inside column {name}")
            array = np.frombuffer(self._buffer, dtype=dtype, count=count, offset=start + column.offset)
            self._arrays[name] = array.reshape(column.shape)

    @classmethod
    def map(cls, path: Path) -> "Columns":
        """Map a file. Map only files nobody truncates: reading past a truncated map kills the process."""
        with path.open("rb") as file:
            try:
                mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            except ValueError:
                raise Malformed(f"{path.name} is empty") from None
        return cls(mapped, where=path.name)

    def names(self) -> list[str]:
        """List the columns, sorted."""
        return sorted(self._arrays)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        try:
            return self._arrays[name]
        except KeyError:
            raise Malformed(f"a {self.kind} blob without a column {name}") from None

    def strings(self, name: str) -> "Strings":
        """Return a string column written with :func:`strings`."""
        return Strings(self[f"{name}.offsets"], self[f"{name}.bytes"])


class Strings:
    """A column of strings: ``offsets`` int64 of shape (n+1,), ``bytes`` UTF-8 end to end."""

    __slots__ = ("_bytes", "_offsets")

    def __init__(self, offsets: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]) -> None:
        if len(offsets) < 1 or int(offsets[-1]) != len(data):
            raise Malformed("a string column whose offsets do not fit its bytes")
        self._offsets = offsets.data  # scalar reads from a memoryview cost a third of numpy's
        self._bytes = data.data

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> str:
        if index < 0:
            raise IndexError(index)
        return str(self._bytes[self._offsets[index] : self._offsets[index + 1]], "utf-8")

    def find(self, text: str) -> int | None:
        """Return the index of a string by bisection; the column must be sorted by its UTF-8 bytes."""
        wanted = text.encode()
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if bytes(self._bytes[self._offsets[middle] : self._offsets[middle + 1]]) < wanted:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self[low] == text else None

    def to_list(self) -> list[str]:
        """Return every string."""
        return [self[index] for index in range(len(self))]


def strings(name: str, values: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """Lay strings out as the two arrays of a string column, to merge into the ``arrays`` of :func:`pack`."""
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(value) for value in encoded], out=offsets[1:])
    return {f"{name}.offsets": offsets, f"{name}.bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8)}


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGN) * _ALIGN
