"""A model of what an item earns at a place, fitted on other units than it is asked about; estimators that need one."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys.evaluation.statistics.weighting import Placed, Terms

__all__ = ["FOLDS", "Features", "cross_fitted", "model_terms"]

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


def model_terms(
    placed: Placed, shown: Features, asked: Features, asked_request: Values, *, doubly_robust: bool
) -> Terms:
    """Return what each request adds: what the model expects of the target's list (direct method), and with
    ``doubly_robust`` the weighted error of the model on what was shown (Dudík, Langford, Li 2011). Without it, how the
    request moved the model is added, less its mean: it changes the error of the estimate alone.

    Places are taken as independent, as by ``iips``. Units are dealt to the folds in turn.

    Parameters
    ----------
    shown, asked
        Features of the items of ``placed``, and of the items of lists drawn from the target policy, whose requests are
        ``asked_request``: one draw a request makes the expectation over the policy unbiased.
    """
    folds = placed.unit % FOLDS
    of_shown, of_asked = cross_fitted(shown, placed.reward, folds[placed.request], asked, folds[asked_request])
    requests = len(placed.unit)
    expected = np.bincount(asked_request, weights=of_asked, minlength=requests)
    errors = placed.reward - of_shown
    moved = placed.weight * errors if doubly_robust else _leverage(shown, asked) * errors
    added = np.bincount(placed.request, weights=moved, minlength=requests)
    return Terms(expected + (added if doubly_robust else added - added.mean()), np.ones(requests))


def _leverage(shown: Features, asked: Features) -> Values:
    """Return by how much the sum of what is expected of the asked items moves with the reward of each shown one.

    It moves with the model, so the errors of what the model was fitted on are errors of the direct method too: its
    influence function has them (Newey, McFadden 1994, section 6). They add up to nothing in its value.
    """
    counts = np.zeros(sum(shown.sizes))
    np.add.at(counts, asked.codes + _offsets(asked.sizes), 1.0)
    return _sum(_solve(shown, counts), shown.codes, shown.sizes)


def _fit(features: Features, target: Values) -> Values:
    return _solve(features, _one_hot(features).T @ target)


def _solve(features: Features, right: Values) -> Values:
    """Solve the model's normal equations for a right-hand side, one number a code."""
    from scipy.sparse import identity
    from scipy.sparse.linalg import cg

    ones = _one_hot(features)
    found, _ = cg(ones.T @ ones + _RIDGE * identity(ones.shape[1]), right, rtol=1e-8, maxiter=1000)
    return np.asarray(found)


def _one_hot(features: Features) -> Any:
    from scipy.sparse import csr_matrix

    columns = features.codes + _offsets(features.sizes)
    rows, width = columns.shape
    total = sum(features.sizes)
    return csr_matrix(
        (np.ones(rows * width), columns.ravel(), np.arange(0, rows * width + 1, width)), shape=(rows, total)
    )


def _sum(weights: Values, codes: Values, sizes: tuple[int, ...]) -> Values:
    return np.asarray(weights[codes + _offsets(sizes)].sum(axis=1))


def _offsets(sizes: tuple[int, ...]) -> Values:
    return np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
