"""A columnar blob: named arrays behind a small header, read by mapping the file.

Layout, little endian: 8 bytes magic, 8 bytes header length, the header as canonical JSON padded with spaces,
then each array at a multiple of 64 bytes, zeros between, nothing after. The same arrays give the same bytes.
Opening costs one small read whatever the size, and processes that map the same file share its pages.

Opening checks the shape of the blob: every array lies inside, aligned, apart from the others. What the values
mean is checked by whoever gives them meaning; that the bytes are the right ones, by their digest.
"""

import math
import mmap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.encoding import canonical
from recsys.errors import Failed

__all__ = ["Columns", "Malformed", "Strings", "pack", "strings", "write"]

_MAGIC = b"RSCOLS01"
_PREAMBLE = 16
_ALIGN = 64
_DTYPES = {"|u1", "<i4", "<i8", "<u4", "<u8", "<f4", "<f8", "|b1"}
_MAX_DIMENSIONS = 8  # numpy stops at 64; nothing here has more than two


class Malformed(Failed):
    """The bytes are not a columnar blob, or are cut short, or a column is not what its reader needs."""

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
    """Return arrays as one blob.

    Parameters
    ----------
    kind
        What this is, checked by readers: ``"popularity"``.
    meta
        Small JSON values beside the arrays.
    arrays
        Any shapes up to 8 dimensions; dtypes of fixed width: bool, u1, i4, u4, i8, u8, f4, f8.
    """
    return b"".join(_laid_out(kind, meta, arrays))


def write(file: IO[bytes], kind: str, meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write the bytes that :func:`pack` returns to a file, without holding them beside the arrays."""
    for part in _laid_out(kind, meta, arrays):
        file.write(part)


def _laid_out(kind: str, meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> list[bytes | memoryview]:
    """Return a blob's bytes, part by part."""
    columns: dict[str, _Column] = {}
    body: list[bytes | memoryview] = []
    offset = 0
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype.str not in _DTYPES:
            raise ValueError(f"column {name}: dtype {array.dtype} has no place in the format")
        if array.ndim > _MAX_DIMENSIONS:
            raise ValueError(f"column {name} has {array.ndim} dimensions, more than {_MAX_DIMENSIONS}")
        columns[name] = _Column(array.dtype.str, array.shape, offset)
        end = offset + array.nbytes
        offset = _aligned(end)
        body += [array.reshape(-1).view(np.uint8).data, bytes(offset - end)]
    header = canonical(_Header(kind, dict(meta), columns))
    length = _aligned(_PREAMBLE + len(header)) - _PREAMBLE
    return [_MAGIC, length.to_bytes(8, "little"), header.ljust(length), *body]


class Columns:
    """A columnar blob, mapped or in memory. The arrays are read-only views and keep the mapping alive."""

    def __init__(self, buffer: "mmap.mmap | bytes | memoryview", *, where: str) -> None:
        self._buffer = memoryview(buffer)
        header, start = _read_header(self._buffer, where)
        self.kind = header.kind
        self.meta: Mapping[str, Any] = header.meta
        self._arrays = dict(_read_arrays(self._buffer[start:], header, where))

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

    def array(self, name: str, dtype: npt.DTypeLike, *, ndim: int = 1) -> npt.NDArray[Any]:
        """Return a column that must have this dtype and number of dimensions; raises :class:`Malformed`."""
        found = self[name]
        if found.dtype != np.dtype(dtype) or found.ndim != ndim:
            wanted = f"{np.dtype(dtype).name} of {ndim} dimensions"
            raise Malformed(f"column {name} of a {self.kind} blob is {found.dtype} of {found.ndim}, not {wanted}")
        return found

    def strings(self, name: str) -> "Strings":
        """Return a string column written with :func:`strings`."""
        return Strings(self.array(f"{name}.offsets", np.int64), self.array(f"{name}.bytes", np.uint8))


class Strings:
    """A column of strings: ``offsets`` int64 of shape (n+1,), ``bytes`` UTF-8 end to end."""

    __slots__ = ("_bytes", "_offsets")

    def __init__(self, offsets: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]) -> None:
        if len(offsets) < 1 or int(offsets[0]) != 0 or int(offsets[-1]) != len(data):
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


def _read_header(buffer: memoryview, where: str) -> tuple[_Header, int]:
    """Return the header and where the arrays start."""
    if len(buffer) < _PREAMBLE or bytes(buffer[:8]) != _MAGIC:
        raise Malformed(f"{where} is not a columnar blob")
    start = _PREAMBLE + int.from_bytes(buffer[8:_PREAMBLE], "little")
    if start > len(buffer):
        raise Malformed(f"{where} ends inside its header")
    if start % _ALIGN:
        raise Malformed(f"{where} has a header of the wrong length")
    try:
        return msgspec.json.decode(buffer[_PREAMBLE:start], type=_Header), start
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"{where} has a damaged header: {error}") from None


def _read_arrays(body: memoryview, header: _Header, where: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield each column as a view of ``body``. They must lie as :func:`pack` lays them: side by side."""
    expected = 0
    for name, column in sorted(header.columns.items(), key=lambda entry: entry[0]):
        if column.dtype not in _DTYPES or len(column.shape) > _MAX_DIMENSIONS:
            raise Malformed(f"{where}: column {name} is of a form this version does not know")
        if min(column.shape, default=0) < 0 or column.offset != expected:
            raise Malformed(f"{where}: column {name} does not lie where it should")
        dtype = np.dtype(column.dtype)
        count = math.prod(column.shape)
        end = column.offset + count * dtype.itemsize
        if end > len(body):
            raise Malformed(f"{where} ends inside column {name}")
        expected = _aligned(end)
        try:
            yield name, np.frombuffer(body, dtype, count, column.offset).reshape(column.shape)
        except (ValueError, OverflowError):  # no values, and sizes beyond what numpy can count
            raise Malformed(f"{where}: column {name} has an absurd shape") from None
    if expected != len(body):
        raise Malformed(f"{where} has {len(body)} bytes of columns, and its header speaks of {expected}")


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGN) * _ALIGN
