"""How good lists are: recall, NDCG and coverage, with intervals over customers.

Recall and NDCG are those of ``recsys-eval`` itself: one definition, in :mod:`recsys.evaluation.measuring.metrics`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt

from recsys.evaluation.measuring.metrics import SCALE, Metric
from recsys.lab.bench.quality.split import Case

__all__ = ["RESAMPLES", "Estimate", "Judged", "Resampling", "judge"]

RESAMPLES = 2000
"""Samples of customers an interval is taken from; an end of it then moves by about 0.0002 with the seed."""
F8 = npt.NDArray[np.float64]
Lists = Sequence[Sequence[str]]


class Estimate(msgspec.Struct, frozen=True):
    """A mean over customers, or a difference of two, with its 95% interval."""

    value: float
    low: float
    high: float

    @property
    def above_zero(self) -> bool:
        """Tell whether the whole interval is."""
        return self.low > 0.0

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True)
class Judged:
    """One ranker's lists: ``recall`` and ``ndcg`` of each customer, shape (n,); ``shown``: the items of each list."""

    recall: F8
    ndcg: F8
    shown: Lists


def judge(lists: Lists, cases: Sequence[Case], *, k: int) -> Judged:
    """Return recall@k and NDCG@k of each list; every case must have something to find."""
    hits = [
        (number, rank)
        for number, (shown, case) in enumerate(zip(lists, cases, strict=True))
        for rank, item in enumerate(shown[:k], start=1)
        if item in case.basket
    ]
    request, rank = np.array(hits, dtype=np.int64).reshape(-1, 2).T
    wanted = np.array([len(case.basket) for case in cases])
    engine = _engine()
    engine.register("hits", {"request": request, "rank": rank})
    engine.register("cases", {"request": np.arange(len(cases)), "wanted": wanted})
    recall, ndcg = (Metric(name=name, k=k).value_sql() for name in ("recall", "ndcg"))
    found = engine.execute(
        f"""
        SELECT ({recall})::DOUBLE AS recall, ({ndcg})::DOUBLE AS ndcg
        FROM (
            SELECT
                c.request,
                list_transform(range(any_value(c.wanted)), lambda x: 1) AS ideal,
                coalesce(
                    list({{rank: h.rank, grade: 1}} ORDER BY h.rank) FILTER (h.rank IS NOT NULL), []
                ) AS found
            FROM cases AS c
            LEFT JOIN hits AS h ON h.request = c.request
            GROUP BY c.request
        )
        ORDER BY request
        """  # noqa: S608 - the metrics' own formulas
    ).fetchnumpy()
    return Judged(recall=found["recall"] / SCALE, ndcg=found["ndcg"] / SCALE, shown=[shown[:k] for shown in lists])


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})  # a thousand rows: more threads would wait for each other


class Resampling:
    """Samples of ``customers`` customers with replacement, the same for every mean and difference that is asked for.

    Percentile bootstrap (Efron, Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13). Two rankers are
    compared on the same customers in each sample: the interval is that of the paired difference.
    """

    def __init__(self, customers: int, *, seed: int) -> None:
        self._customers = customers
        self._seed = seed

    @cached_property
    def _times(self) -> npt.NDArray[np.float32]:
        """How often each customer is in each sample, as a share; shape (RESAMPLES, n)."""
        chance = np.random.Generator(np.random.PCG64(self._seed))
        drawn = np.full(self._customers, 1.0 / self._customers)
        return (chance.multinomial(self._customers, drawn, RESAMPLES) / self._customers).astype(np.float32)

    def mean(self, values: F8) -> Estimate:
        """Return the mean of one value a customer, shape (n,)."""
        means = np.einsum("rn,n->r", self._times, values)  # no BLAS: the same digits with any number of threads
        low, high = np.percentile(means, [2.5, 97.5])
        return Estimate(float(values.mean()), float(low), float(high))

    def coverage(self, shown: Lists, *, items: int) -> Estimate:
        """Return the share of ``items`` that stand in some list.

        A sample with replacement has fewer different lists than there are, so its coverage is too low. The interval is
        the jackknife's: an item that one list alone shows goes with that list. It errs to the wide side for any
        statistic (Efron, Stein, *The Jackknife Estimate of Variance*, Annals of Statistics 9, 1981).
        """
        times = Counter(item for items_of in shown for item in set(items_of))
        alone = np.array([sum(times[item] == 1 for item in set(items_of)) for items_of in shown]) / items
        n = len(alone)
        error = float(np.sqrt((n - 1) / n * np.square(alone - alone.mean()).sum()))
        value = len(times) / items
        return Estimate(value, max(0.0, value - 1.96 * error), min(1.0, value + 1.96 * error))
