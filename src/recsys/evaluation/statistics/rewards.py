"""A model of what an item earns at a place, for estimators that need one; fitted on other units than it is asked "
"about.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Features", "cross_fitted"]

FOLDS = 5
_RIDGE = 10.0
"""As many items of an average reward are added to each feature's."""

Values = npt.NDArray[Any]


class Features(NamedTuple):
    """Of shown items: columns of codes (whole numbers from 0), shape (items, columns), and how many each column has."""

    codes: Values
    sizes: tuple[int, ...]


def cross_fitted(
    shown: Features, reward: Values, fold: Values, asked: Features, asked_fold: Values
) -> tuple[Values, Values]:
    """Predict the reward of shown and of asked items, each by a model that has not seen its fold.

    A linear probability model with ridge penalty on one feature per code, around the mean reward. Cross-fitting keeps
    the doubly robust estimator's error honest (Chernozhukov et al. 2018).

    Parameters
    ----------
    fold, asked_fold
        Whole numbers below ``FOLDS``, the same for all items of a unit.
    """
    of_shown, of_asked = np.zeros(len(reward)), np.zeros(len(asked.codes))
    for number in range(FOLDS):
        inside, wanted = fold != number, fold == number
        if not inside.any():
            continue
        mean = float(reward[inside].mean())
        weights = _fit(Features(shown.codes[inside], shown.sizes), reward[inside] - mean)
        of_shown[wanted] = mean + _sum(weights, shown.codes[wanted], shown.sizes)
        of_asked[asked_fold == number] = mean + _sum(weights, asked.codes[asked_fold == number], asked.sizes)
    return of_shown, of_asked


def _fit(features: Features, target: Values) -> Values:
    from scipy.sparse import csr_matrix, identity
    from scipy.sparse.linalg import cg

    columns = features.codes + _offsets(features.sizes)
    rows, width = columns.shape
    total = sum(features.sizes)
    ones = csr_matrix(
        (np.ones(rows * width), columns.ravel(), np.arange(0, rows * width + 1, width)), shape=(rows, total)
    )
    normal = ones.T @ ones + _RIDGE * identity(total)
    found, _ = cg(normal, ones.T @ target, rtol=1e-8, maxiter=1000)
    return np.asarray(found)


def _sum(weights: Values, codes: Values, sizes: tuple[int, ...]) -> Values:
    return np.asarray(weights[codes + _offsets(sizes)].sum(axis=1))


def _offsets(sizes: tuple[int, ...]) -> Values:
    return np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
