"""A shelf made from plain values: for tests, for examples, and for the floor."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from recsys.catalog import Item
from recsys.encoding import parse_rfc3339
from recsys.ranking.shelf import F8, I4, KINDS, Labels, norm_pos, plain_label
from recsys.signals import NEIGHBOURS

__all__ = ["MemoryShelf"]


class MemoryShelf:
    """A :class:`~recsys.ranking.shelf.Shelf` built from the catalogue's words.

    Parameters
    ----------
    items
        The catalogue; items that only signals know are added without labels.
    popularity
        Raw popularity by item id, with its scale; ``None`` when the signal is not there.
    wider
        Raw popularity of the wider scopes, nearest first: orders what ``popularity`` does not know.
    cooc
        Raw weights by item id and neighbour id, with their scale; ``None`` when the signal is not there.
    cosines
        The same for each of ``implicit``, ``content_sim`` and ``session_seq`` that is there, without a scale.
    """

    def __init__(
        self,
        items: Iterable[Item],
        *,
        popularity: Mapping[str, float] | None = None,
        popularity_scale: float = 1.0,
        wider: Sequence[Mapping[str, float]] = (),
        cooc: Mapping[str, Mapping[str, float]] | None = None,
        cooc_scale: float = 1.0,
        cosines: Mapping[str, Mapping[str, Mapping[str, float]]] = {},
    ) -> None:
        rows = {item.item_id: item for item in items}
        near = {**cosines, **({} if cooc is None else {"cooc": cooc})}
        lists = [known for weights in near.values() for known in (weights, *weights.values())]
        for known in (popularity or {}, *wider, *lists):
            for item_id in known:
                rows.setdefault(item_id, Item(item_id=item_id))
        ids = sorted(rows, key=str.encode)
        self._ids = ids
        self._number = {item_id: number for number, item_id in enumerate(ids)}
        self.size = len(ids)
        self.signals = frozenset((*near, *(() if popularity is None else ("popularity",))))
        raw = [np.array([(scope or {}).get(item_id, 0.0) for item_id in ids]) for scope in (popularity, *wider)]
        self.popularity = norm_pos(raw[0], popularity_scale)
        fallen = self.popularity > 0.0
        keys: list[F8] = [-self.popularity]
        for scope in raw[1:]:
            keys.append(np.where(fallen, 0.0, -scope))
            fallen = fallen | (scope > 0.0)
        self.order: I4 = np.lexsort([np.arange(self.size), *reversed(keys)]).astype(np.int32)
        self.place = np.empty(self.size, dtype=np.int32)
        self.place[self.order] = np.arange(self.size, dtype=np.int32)
        ordered = [rows[item_id] for item_id in ids]
        self.unavailable = np.array([not item.available for item in ordered], dtype=np.bool_)
        self.price = np.array([np.nan if item.price is None else item.price for item in ordered])
        self.created_at = np.array(
            [
                np.nan if item.created_at is None else parse_rfc3339(item.created_at, what="created_at")
                for item in ordered
            ]
        )
        self.labels = {kind: _labels([_of(kind, item) for item in ordered], self.place) for kind in KINDS}
        scale = {"cooc": cooc_scale}
        self._near = {
            signal: self._numbered(near.get(signal, {}), scale=scale.get(signal, 1.0)) for signal in NEIGHBOURS
        }

    def _numbered(self, near: Mapping[str, Mapping[str, float]], *, scale: float) -> dict[int, tuple[I4, F8]]:
        found: dict[int, tuple[I4, F8]] = {}
        for item_id, weights in near.items():
            pairs = sorted((-weight / scale, self._number[other]) for other, weight in weights.items())
            if pairs:
                items = np.array([number for _, number in pairs], dtype=np.int32)
                found[self._number[item_id]] = items, np.array([-minus for minus, _ in pairs])
        return found

    def find(self, item_id: str, /) -> int | None:
        """Return the number of an item; ``None`` when it is not here."""
        return self._number.get(item_id)

    def id_of(self, item: int, /) -> str:
        """Return the id of an item."""
        return self._ids[item]

    def neighbours(self, signal: str, anchors: Sequence[int], /) -> tuple[I4, F8, list[int]]:
        """Return the anchors' neighbours, their weights, and how many each anchor has."""
        near = self._near[signal]
        found = [near.get(anchor, _NONE) for anchor in anchors]
        items = np.concatenate([_NONE[0], *(items for items, _ in found)])
        return items, np.concatenate([_NONE[1], *(weights for _, weights in found)]), [len(own) for own, _ in found]


_NONE: tuple[I4, F8] = (np.empty(0, dtype=np.int32), np.empty(0))


class _Vocabulary(list[str]):
    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(names)
        self._codes = {name: code for code, name in enumerate(self)}

    def find(self, text: str, /) -> int | None:
        return self._codes.get(text)


def _of(kind: str, item: Item) -> set[str]:
    found = {
        "tag": item.tags,
        "brand": (item.brand,),
        "category": (item.category,),
        "country": item.countries,
        "locale": item.locales,
    }[kind]
    return {plain_label(kind, name) for name in found if name is not None}


def _labels(rows: list[set[str]], place: I4) -> Labels:
    names = _Vocabulary(sorted({name for row in rows for name in row}, key=str.encode))
    codes = [sorted(code for name in row if (code := names.find(name)) is not None) for row in rows]
    places: list[list[int]] = [[] for _ in names]
    for item in np.argsort(place).tolist():
        for code in codes[item]:
            places[code].append(int(place[item]))
    return Labels(
        names=names,
        offsets=np.cumsum([0, *map(len, codes)], dtype=np.int64),
        codes=np.array([code for row in codes for code in row], dtype=np.int32),
        place_offsets=np.cumsum([0, *map(len, places)], dtype=np.int64),
        places=np.array([at for row in places for at in row], dtype=np.int32),
    )
