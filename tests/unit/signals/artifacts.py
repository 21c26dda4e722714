"""Small artifacts for tests of other rooms as well as these: as the pipelines would write them."""

from collections.abc import Mapping

import numpy as np

from recsys.signals import SIGNALS, Heading
from recsys.store.columns import Columns

HEADING = Heading(tenant="demo", start="2026-11-01", end="2026-11-22")


def popularity(scores: Mapping[str, float], heading: Heading = HEADING) -> bytes:
    """Write a popularity artifact whose scores are whole numbers of units."""
    unit = (1 << 20) * 100 * 100
    n = len(scores)
    rows = {
        "item_id": np.array(list(scores), dtype=object),
        "score": np.array([value * unit for value in scores.values()], dtype=np.float64),
        "votes": np.ones(n, dtype=np.int64),
        "shown": np.zeros(n, dtype=np.int64),
        "examined": np.zeros(n, dtype=np.int64),
        "outcomes": np.zeros(n, dtype=np.int64),
    }
    return SIGNALS["popularity"].finish(rows, heading)


def cooc(weights: Mapping[tuple[str, str], float], heading: Heading = HEADING) -> bytes:
    """Write a co-occurrence artifact of pairs, both directions."""
    both = {**weights, **{(b, a): w for (a, b), w in weights.items()}}
    rows = {
        "item_id": np.array([a for a, _ in both], dtype=object),
        "neighbour_id": np.array([b for _, b in both], dtype=object),
        "weight": np.array(list(both.values()), dtype=np.float64),
        "support": np.full(len(both), 2, dtype=np.int64),
    }
    return SIGNALS["cooc"].finish(rows, heading)


def opened(blob: bytes) -> Columns:
    return Columns(blob, where="test")
