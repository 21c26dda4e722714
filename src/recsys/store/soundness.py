"""Checks on columnar blobs that hold whatever they mean: what any artifact must keep to be served."""

from collections.abc import Mapping
from itertools import islice, pairwise
from operator import lt

import numpy as np
import numpy.typing as npt

from recsys.errors import Failed
from recsys.store.columns import Columns

__all__ = [
    "Unfit",
    "ascending",
    "check_lengths",
    "check_lists",
    "check_owner",
    "check_rows_ascend",
    "check_texts",
    "check_types",
    "check_unique",
    "require",
]


MAX_ID_BYTES = 1024
"""256 characters of four bytes, the most an entrance lets in: a longer one would be in every answer that shows it."""


class Unfit(Failed):
    """A blob that opens but must not be served: it breaks a promise its readers rely on."""

    code = "ARTIFACT_UNFIT"

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(f"{kind} artifact: {problem}", next_step="build it again: recsys pipelines run")
        self.kind = kind
        self.problem = problem


def require(condition: bool | np.bool_, kind: str, problem: str) -> None:
    """Raise :class:`Unfit` unless the condition holds."""
    if not condition:
        raise Unfit(kind, problem)


def check_owner(columns: Columns, kind: str, *, tenant: str, format: int) -> None:
    """Refuse another kind of blob, another tenant's, or another format, before anything is read from it."""
    require(columns.kind == kind == columns.meta.get("kind"), kind, f"the blob says it is {columns.kind}")
    owner = columns.meta.get("tenant")
    require(owner == tenant, kind, f"it belongs to tenant {owner}, not {tenant}")
    found = columns.meta.get("format")
    require(found == format, kind, f"it has format {found}; this version reads {format}")


def check_types(columns: Columns, types: Mapping[str, npt.DTypeLike]) -> None:
    """Refuse a column of another type or of more dimensions than one: readers at full speed do not ask again."""
    for name, dtype in types.items():
        columns.array(name, dtype)


def check_texts(columns: Columns, name: str, kind: str) -> list[bytes]:
    """Check a string column: offsets in order, UTF-8, no character cut in two. Return its values."""
    offsets, data = columns[f"{name}.offsets"], columns[f"{name}.bytes"]
    _check_offsets(offsets, len(offsets) - 1, len(data), kind, name)
    blob = data.tobytes()
    try:
        blob.decode()
    except UnicodeDecodeError:
        raise Unfit(kind, f"{name} holds bytes that are not UTF-8") from None
    starts = data[offsets[offsets < len(data)]]
    require((starts & 0xC0 != 0x80).all(), kind, f"{name} cuts a character in two")
    return [blob[start:end] for start, end in pairwise(offsets.tolist())]


def check_unique(columns: Columns, name: str, kind: str) -> int:
    """Check a column of ids: at least one, none empty, strictly ascending by bytes. Return how many."""
    ids = check_texts(columns, name, kind)
    require(len(ids) > 0, kind, "it is empty")
    require(all(ids), kind, f"an id in {name} is empty")
    longest = max(map(len, ids))
    require(longest <= MAX_ID_BYTES, kind, f"limit exceeded: an id of {longest} bytes > {MAX_ID_BYTES}")
    if not ascending(ids):
        before, after = next((before, after) for before, after in pairwise(ids) if before >= after)
        how = "stands twice" if before == after else "is out of order"
        raise Unfit(kind, f"{after.decode()} {how} in {name}")
    return len(ids)


def ascending(values: list[bytes]) -> bool:
    """Tell whether each value is above the one before."""
    return all(map(lt, values, islice(values, 1, None)))


def check_lengths(columns: Columns, kind: str, n: int, names: tuple[str, ...]) -> None:
    """Refuse columns that do not have shape (n,)."""
    for name in names:
        shape = columns[name].shape
        require(shape == (n,), kind, f"column {name} has shape {shape}, not ({n},)")


def check_lists(columns: Columns, kind: str, *, offsets: str, entries: str, rows: int, codes: int) -> None:
    """Check lists by row: offsets from 0 to the number of entries, never back; entries in ``0..codes-1``."""
    values = columns[entries]
    _check_offsets(columns[offsets], rows, len(values), kind, entries)
    inside = len(values) == 0 or (int(values.min()) >= 0 and int(values.max()) < codes)
    require(inside, kind, f"{entries} points outside 0..{codes - 1}")


def check_rows_ascend(columns: Columns, kind: str, *, offsets: str, entries: str) -> None:
    """Refuse lists in which an entry stands twice or out of order in its row; :func:`check_lists` comes before."""
    values, starts = columns[entries], columns[offsets]
    rises = np.diff(values.astype(np.int64)) > 0
    rises[starts[(starts > 0) & (starts < len(values))] - 1] = True  # from one row to the next it may fall
    require(rises.all(), kind, f"{entries} has an entry twice or out of order in one row")


def _check_offsets(offsets: npt.NDArray[np.int64], rows: int, entries: int, kind: str, name: str) -> None:
    require(offsets.shape == (rows + 1,) and rows >= 0, kind, f"the offsets of {name} do not fit {rows} rows")
    whole = int(offsets[0]) == 0 and int(offsets[-1]) == entries and bool((np.diff(offsets) >= 0).all())
    require(whole, kind, f"the offsets of {name} are out of order")
