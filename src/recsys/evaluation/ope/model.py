"""The estimators with a reward model: direct, and doubly robust."""

import numpy as np
import numpy.typing as npt

from recsys.evaluation.errors import BadData, NotInData
from recsys.evaluation.joining.judgeable import check_ranklists
from recsys.evaluation.joining.together import Together
from recsys.evaluation.ope.shown import Shown
from recsys.evaluation.statistics import rewards
from recsys.evaluation.statistics.rewards import Features
from recsys.evaluation.statistics.weighting import Terms

__all__ = ["model_terms"]


def model_terms(together: Together, shown: Shown, *, doubly_robust: bool) -> Terms:
    """Return what each request adds by an estimator that :func:`recsys.evaluation.statistics.rewards.model_terms`
    describes; the target's lists, one a request, stand in ``ranklists``.
    """
    if "ranklists" not in together.opened:
        reason = "the dataset has no ranklists: the lists that the target policy would show"
        raise NotInData("ope estimator", "dr" if doubly_robust else "dm", reason=reason)
    check_ranklists(together.engine)
    rankers = [
        str(row[0]) for row in together.engine.rows("SELECT DISTINCT ranker FROM ranklists_read ORDER BY 1 LIMIT 5")
    ]
    if len(rankers) > 1:
        next_step = "give those of the one that the target propensities are of"
        raise BadData(f"ranklists: several rankers: {', '.join(rankers)}", next_step=next_step)
    rows = together.engine.run(
        "SELECT request, one.item_id AS item, one.rank AS rank FROM (SELECT dense_rank() OVER (ORDER BY request_id) "
        "- 1 AS request, r.items FROM evaluated LEFT JOIN ranklists_read AS r USING (request_id)), unnest(items) AS "
        "t(one) ORDER BY request, rank"
    ).fetchnumpy()
    placed = shown.placed
    request, rank = np.asarray(rows["request"]).astype(np.int64), np.asarray(rows["rank"]).astype(np.int64)
    if len(np.unique(request)) < len(placed.unit):
        reason = "some requests have no list of the target policy"
        raise NotInData("ope estimator", "dr" if doubly_robust else "dm", reason=reason)
    columns = [
        _codes(shown.item, np.asarray(rows["item"])),
        _codes(shown.rank, rank),
        *(_codes(values, values[_first_of(placed.request)][request]) for values in shown.context.values()),
    ]
    sizes = tuple(size for _, _, size in columns)
    seen = Features(np.column_stack([codes for codes, _, _ in columns]), sizes)
    wanted = Features(np.column_stack([codes for _, codes, _ in columns]), sizes)
    return rewards.model_terms(placed, seen, wanted, request, doubly_robust=doubly_robust)


def _codes(
    shown: npt.NDArray[np.generic], wanted: npt.NDArray[np.generic]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Number the values of both alike; also returns how many there are."""
    values, codes = np.unique(np.concatenate([shown.astype(str), wanted.astype(str)]), return_inverse=True)
    return codes[: len(shown)].astype(np.int64), codes[len(shown) :].astype(np.int64), len(values)


def _first_of(request: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.flatnonzero(np.diff(request, prepend=-1))
