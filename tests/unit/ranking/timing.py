"""What ranking alone costs, in this process: ``python -m tests.unit.ranking.timing [SIGNAL…]``.

100,000 items, 20 neighbours an item and signal, k=20; 400 different requests in batches of 20, the best of ten of each.
"""

import platform
import sys
import time
from collections.abc import Sequence

import numpy as np

from recsys.documents import Config
from recsys.ranking import Ranker, RecommendRequest
from recsys.ranking.request import Anchors
from recsys.snapshot.compiling import compile_shelf
from recsys.snapshot.shelf import MappedShelf
from recsys.store.columns import Columns, pack, strings

ITEMS, NEIGHBOURS, REQUESTS, BATCH, ROUNDS = 100_000, 20, 400, 20, 10
NAMES = [f"item-{number:07d}" for number in range(ITEMS)]


def popularity(chance: np.random.Generator) -> Columns:
    score = 1e6 / (1 + chance.permutation(ITEMS))
    return _opened(pack("popularity", {"scale": 50.0}, strings("items", NAMES) | {"score": score}))


def neighbours(signal: str, chance: np.random.Generator) -> Columns:
    weight = -np.sort(-(chance.random((ITEMS, NEIGHBOURS)) * 0.9 + 0.05), axis=1)
    arrays = strings("items", NAMES) | {
        "offsets": np.arange(ITEMS + 1, dtype=np.int64) * NEIGHBOURS,
        "neighbours": chance.integers(0, ITEMS, ITEMS * NEIGHBOURS).astype(np.int32),
        "weight": weight.ravel(),
    }
    return _opened(pack(signal, {"scale": 0.8}, arrays))


def shelf(signals: Sequence[str]) -> MappedShelf:
    chance = np.random.Generator(np.random.PCG64(7))
    popular = popularity(chance)
    near = {signal: neighbours(signal, chance) for signal in signals}
    return MappedShelf(_opened(compile_shelf(None, [popular], near)), near)


def measure(ranker: Ranker, anchors: int) -> float:
    """Return microseconds of this process a request: another one on the machine does not count."""
    chance = np.random.Generator(np.random.PCG64(anchors))
    asked = [
        RecommendRequest(
            surface="home",
            anchors=Anchors(item_ids=tuple(NAMES[number] for number in chance.integers(0, ITEMS, anchors))),
        )
        for _ in range(REQUESTS)
    ]
    best = [float("inf")] * (REQUESTS // BATCH)
    for _ in range(ROUNDS):
        for batch in range(len(best)):
            began = time.process_time()
            for request in asked[batch * BATCH : (batch + 1) * BATCH]:
                ranker.recommend(request, now=0.0)
            best[batch] = min(best[batch], time.process_time() - began)
    return sum(best) / REQUESTS * 1e6


def main(signals: Sequence[str]) -> None:
    config = Config(weights=dict.fromkeys(("popularity", *signals), 1.0))
    ranker = Ranker(shelf(signals), config=config, rules=(), withdrawn=(), surface="home", segment=None)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    for anchors in (0, 1, 3, 10):
        print(f"popularity {' '.join(signals)}: {anchors} anchors {measure(ranker, anchors):7.1f} µs")


def _opened(blob: bytes) -> Columns:
    return Columns(blob, where="timing")


if __name__ == "__main__":
    main(sys.argv[1:] or ["cooc"])
