"""The deterministic core: a shelf and a request in, an answer out. No input or output, no clock, no chance
but the seed it is given.

`docs/explanation/ranking.md` tells the order of work and the formulas.
"""

from recsys.ranking.core import ALGO_VERSION, Ranker
from recsys.ranking.interleaving import interleave
from recsys.ranking.memory import MemoryShelf
from recsys.ranking.missing import Missing
from recsys.ranking.request import Answer, Ranked, RecommendRequest, SimilarRequest, Warning
from recsys.ranking.shelf import Shelf

__all__ = [
    "ALGO_VERSION",
    "Answer",
    "MemoryShelf",
    "Missing",
    "Ranked",
    "Ranker",
    "RecommendRequest",
    "Shelf",
    "SimilarRequest",
    "Warning",
    "interleave",
]
