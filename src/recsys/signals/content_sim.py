"""Content similarity: items alike by what the catalogue says of them, sold or never sold.

The formula and its sources: ``docs/reference/signals.md``. It reads the catalogue, not the events: :func:`alike`.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.catalog import Catalog
from recsys.signals.neighbours import check_kept, check_neighbours, nearest, open_neighbours, pack_neighbours
from recsys.signals.signal import Rows, Signal

__all__ = ["CONTENT_SIM", "Params", "alike", "words"]

KIND = "content_sim"
FIELD_WEIGHTS: Mapping[str, float] = MappingProxyType({"tags": 1.0, "category": 1.0, "brand": 1.0, "title": 1.0})
FIELD_UNIT = 100
"""Weights of fields are counted in hundredths."""
RARITY_UNIT = 1 << 8
"""Rarity is counted in 2**-8, so that products are whole numbers and their sums exact in any order."""
_BLOCK = 5_000_000
"""Products held at once, 16 bytes each: 80 MB."""
_WORD = re.compile(r"\w\w+")


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How likeness is computed.

    ``field_weights``: what a shared tag, category, brand or word of the title counts, in steps of 0.01; a field that is
    not listed counts nothing. ``max_sharing``: what more items share is left out. ``neighbours``: how many are kept per
    item.
    """

    field_weights: Mapping[str, float] = msgspec.field(default_factory=lambda: dict(FIELD_WEIGHTS))
    max_sharing: int = 2000
    neighbours: int = 50

    def __post_init__(self) -> None:
        if not self.field_weights:
            raise ValueError("field_weights must name at least one field")
        for name, weight in self.field_weights.items():
            if name not in FIELD_WEIGHTS:
                raise ValueError(f"field_weights.{name}: known are {', '.join(FIELD_WEIGHTS)}")
            if not 0.01 <= weight <= 10:
                raise ValueError(f"field_weights.{name} must lie in 0.01..10; leave a field out that shall not count")
        if not 2 <= self.max_sharing <= 100_000:
            raise ValueError("max_sharing must lie in 2..100000: the work grows with its square")
        check_kept(self.neighbours)


def alike(catalog: Catalog, params: Params) -> Rows:
    """Find each item's nearest by the cosine of their TF-IDF vectors.

    The vectors are whole numbers, so are their products, and each weight is rounded once: the bytes depend on the
    catalogue alone. The product is made in blocks of rows of bounded size.
    """
    from scipy.sparse import csr_array

    n = len(catalog.items)
    item, trait, value = _vectors(catalog, params)
    vectors = csr_array((value, (item, trait)), shape=(n, int(trait.max(initial=-1)) + 1))
    turned = vectors.T.tocsr()
    length = np.sqrt(np.bincount(item, weights=value.astype(np.float64) ** 2, minlength=n))
    owner, neighbour, weight = [], [], []
    for first, last in _blocks(vectors.indptr, vectors.indices, np.diff(turned.indptr)):
        block = vectors[first:last] @ turned
        for row in range(first, last):
            span = slice(block.indptr[row - first], block.indptr[row - first + 1])
            others, dots = block.indices[span], block.data[span]
            cosines = np.where(others == row, 0.0, np.minimum(dots / (length[row] * length[others]), 1.0))
            kept = nearest(others, cosines, item=row, items=n, keep=params.neighbours)
            owner.append(np.full(len(kept), row))
            neighbour.append(others[kept])
            weight.append(cosines[kept])
    return {
        "items": np.array(catalog.items.to_list(), dtype=object),
        "item": np.concatenate(owner),
        "neighbour": np.concatenate(neighbour),
        "weight": np.concatenate(weight),
    }


def _vectors(
    catalog: Catalog, params: Params
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the entries of all vectors: item, trait, value (in hundredths of 2**-8). A trait counts its field's weight
    times its rarity, ``1 + ln((1 + n) / (1 + items that share it))``, once an item.
    """
    n = len(catalog.items)
    items, traits, values, known = [], [], [], 0
    for field, weight in sorted(params.field_weights.items()):
        item, trait = _traits(catalog, field)
        sharing = np.bincount(trait)
        rarity = np.rint(RARITY_UNIT * (1.0 + np.log((1.0 + n) / (1.0 + sharing)))).astype(np.int64)
        told = sharing[trait] <= params.max_sharing
        items.append(item[told])
        traits.append(trait[told] + known)
        values.append(rarity[trait[told]] * round(FIELD_UNIT * weight))
        known += len(sharing)
    return np.concatenate(items), np.concatenate(traits), np.concatenate(values)


def _traits(catalog: Catalog, field: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return which item has which trait of a field, as two int64 columns without repeats."""
    n = len(catalog.items)
    if field == "tags":
        return np.repeat(np.arange(n), np.diff(catalog.tag_offsets)), catalog.tag_codes.astype(np.int64)
    if field == "title":
        code: dict[str, int] = {}
        found = [
            (item, code.setdefault(word, len(code)))
            for item, title in enumerate(catalog.titles.to_list())
            for word in words(title)
        ]
        pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]
    codes = {"brand": catalog.brand, "category": catalog.category}[field]
    item = np.flatnonzero(codes >= 0)
    return item, codes[item].astype(np.int64)


def words(title: str) -> list[str]:
    """Return the different words of a title, of two letters or digits at least, in one spelling, sorted."""
    return sorted(set(_WORD.findall(unicodedata.normalize("NFKC", title).casefold())))


def _blocks(
    offsets: npt.NDArray[np.int32], traits: npt.NDArray[np.int32], sharing: npt.NDArray[np.int32]
) -> Iterator[tuple[int, int]]:
    """Cut the items into stretches of about ``_BLOCK`` products; a single item may have more."""
    done = np.concatenate([[0], np.cumsum(sharing[traits], dtype=np.int64)])[offsets]
    first, n = 0, len(offsets) - 1
    while first < n:
        last = max(first + 1, int(np.searchsorted(done, done[first] + _BLOCK, side="right")) - 1)
        yield first, last
        first = last


CONTENT_SIM = Signal(
    name=KIND,
    Params=Params,
    near="mean",
    reason="similar_to",
    scopes=("tenant",),
    reads="catalog",
    compute=alike,
    finish=partial(pack_neighbours, KIND),
    open=partial(open_neighbours, kind=KIND),
    check=partial(check_neighbours, kind=KIND),
)
