"""Small artifacts for tests of other rooms as well as these: as the pipelines would write them."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.signals import SIGNALS, Heading
from recsys.store.columns import Columns

HEADING = Heading(tenant="demo", start="2026-11-01", end="2026-11-22")


def popularity(scores: Mapping[str, float], heading: Heading = HEADING) -> bytes:
    """Write a popularity artifact whose scores are whole numbers of units."""
    unit = (1 << 20) * 100 * 100
    n = len(scores)
    items = ascending(scores)
    rows = {
        "items": items,
        "item": np.array([items.tolist().index(item) for item in scores], dtype=np.int64),
        "score": np.array([value * unit for value in scores.values()], dtype=np.float64),
        "votes": np.ones(n, dtype=np.int64),
        "shown": np.zeros(n, dtype=np.int64),
        "rate": np.full(n, np.nan),
    }
    return SIGNALS["popularity"].finish(rows, heading)


def cooc(weights: Mapping[tuple[str, str], float], heading: Heading = HEADING) -> bytes:
    """Write a co-occurrence artifact of pairs, both directions."""
    both = {**weights, **{(b, a): w for (a, b), w in weights.items()}}
    rows = neighbours(both) | {"support": np.full(len(both), 2, dtype=np.int64)}
    return SIGNALS["cooc"].finish(rows, heading)


def neighbours(weights: Mapping[tuple[str, str], float]) -> dict[str, npt.NDArray[Any]]:
    """Lay (item, neighbour) and their weight out as the rows that a signal's artifact is made of."""
    items = ascending(item for pair in weights for item in pair)
    number = {item: n for n, item in enumerate(items.tolist())}
    return {
        "items": items,
        "item": np.array([number[a] for a, _ in weights], dtype=np.int64),
        "neighbour": np.array([number[b] for _, b in weights], dtype=np.int64),
        "weight": np.array(list(weights.values()), dtype=np.float64),
    }


def ascending(ids: Iterable[str]) -> npt.NDArray[np.object_]:
    """Return each id once, in the order of its bytes."""
    return np.array(sorted(set(ids), key=str.encode), dtype=object)


def opened(blob: bytes) -> Columns:
    return Columns(blob, where="test")
