"""The same methods by others: from the libraries the field uses, or written anew from their papers.

Nothing here is shared with the signals. All know what the pipelines know, and start from the same items of a customer.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recsys.lab.bench.quality.split import Case, Training

__all__ = ["FROM_LIBRARIES", "Reference", "Scorer", "lists_of", "references"]

F8 = npt.NDArray[np.float64]
Scorer = Callable[[Sequence[Case]], Any]
"""Scores of every item of the training for each case: array of shape (cases, items). Above 0 is an opinion."""

FROM_LIBRARIES = ("implicit", "sklearn")
_TIFU = ((7, 300, 0.9, 0.7, 0.7), (7, 300, 1.0, 0.6, 0.7), (3, 900, 0.9, 0.7, 0.9), (3, 900, 0.9, 0.6, 0.2))
"""Settings of TIFU-KNN for Ta-Feng, as its authors have, and for three shops like it: groups, neighbours, decay within
a group and over groups, and the share of a customer's own baskets."""
_TOGETHER = 500  # cases scored at once: 500 × 10,000 items are 40 MB


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """One method by others. ``of``: the signal it is compared with; ``like``: whether at the same settings.

    ``made`` holds what makes a scorer, by what it says of its settings: one, or a grid whose best on the validation
    window stands for all. ``needs``: the module it is from, where it is not written here.
    """

    name: str
    of: str
    made: Mapping[str, Callable[[], Scorer]]
    like: bool = False
    needs: str | None = None


def lists_of(
    scorer: Scorer, training: Training, cases: Sequence[Case], *, k: int, new_only: bool = False
) -> list[list[str]]:
    """Return each case's list of ``k`` items by score, refilled from decayed popularity, ties by item id."""
    refill = np.argsort(-decayed_user_days(training), kind="stable")
    behind = np.empty(len(refill))
    behind[refill] = -1.0 - np.arange(len(refill))
    lists = []
    for start in range(0, len(cases), _TOGETHER):
        some = cases[start : start + _TOGETHER]
        scores = np.asarray(scorer(some), dtype=np.float64)
        scores = np.where(scores > 0.0, scores, behind)
        for case, row in zip(some, scores, strict=True):
            if new_only:
                row[[training.index[item] for item in case.had if item in training.index]] = -np.inf
            top = np.lexsort((np.arange(len(row)), -row))[:k]
            lists.append([training.items[place] for place in top.tolist()])
    return lists


def references(training: Training, titles: Mapping[str, str], *, anchors: int) -> list[Reference]:
    """Return all references; ``anchors``: how many of a history's newest items a list starts from."""
    customers, baskets = _taken(training.customer, training), _taken(training.basket, training)
    by = _Method(training, anchors)
    als = {
        f"factors {factors}, alpha {alpha:g}": partial(by.als, customers, factors=factors, alpha=alpha)
        for factors in (128, 256, 512)
        for alpha in (1.0, 10.0)
    }
    tifu = {
        f"{groups} groups, {neighbours} neighbours, within {within:g}, over {over:g}, own {own:g}": partial(
            by.tifu, groups=groups, neighbours=neighbours, within=within, over=over, own=own
        )
        for groups, neighbours, within, over, own in _TIFU
    }
    bpr = {f"factors 128, rate {rate:g}": partial(by.bpr, customers, factors=128, rate=rate) for rate in (0.01, 0.05)}
    cosine, lib = "implicit CosineRecommender", "implicit"
    return [
        Reference(name="counts of events", of="popularity", made={"": by.counts}),
        Reference(name="decayed user-days", of="popularity", like=True, made={"": by.decayed}),
        Reference(name=f"{cosine}, baskets", of="cooc", like=True, needs=lib, made={"": partial(by.cosine, baskets)}),
        Reference(name=f"{cosine}, customers", of="cooc", needs=lib, made={"": partial(by.cosine, customers)}),
        Reference(name="EASE, from its paper", of="implicit", like=True, made={"": partial(by.ease, customers)}),
        Reference(name="implicit ALS, best of a grid", of="implicit", needs=lib, made=als),
        Reference(name="implicit BPR, best of a grid", of="implicit", needs=lib, made=bpr),
        Reference(
            name="scikit-learn TF-IDF of titles",
            of="content_sim",
            like=True,
            needs="sklearn",
            made={"": partial(by.tfidf, titles)},
        ),
        Reference(name="sequential rules, from their paper", of="session_seq", like=True, made={"": by.rules}),
        Reference(name="own baskets, counted", of="blend", made={"": by.own}),
        Reference(name="TIFU-KNN, from its paper", of="blend", made=tifu),
    ]


def decayed_user_days(training: Training, *, half_life: float = 14.0) -> F8:
    """Count each item's distinct customers a day, halved every ``half_life`` days."""
    days = zip(training.customer.tolist(), training.item.tolist(), training.day.tolist(), strict=True)
    scores = np.zeros(len(training.items))
    for _, item, day in sorted(set(days)):
        scores[item] += 0.5 ** ((training.last_day - day) / half_life)
    return scores


def _taken(rows: npt.NDArray[np.int64], training: Training) -> csr_matrix:
    """Return who (or which basket) took what: ones, shape (rows, items)."""
    matrix = csr_matrix((np.ones(len(rows)), (rows, training.item)), shape=(int(rows.max()) + 1, len(training.items)))
    matrix.data[:] = 1.0
    return matrix


class _Method:
    """The methods, over one training."""

    def __init__(self, training: Training, anchors: int) -> None:
        self._training = training
        self._anchors = anchors

    def _starts(self, cases: Sequence[Case], worth: Callable[[int], float] = lambda _place: 1.0) -> csr_matrix:
        """Return what each case starts from, worth so much by its place from the newest; shape (cases, items)."""
        index = self._training.index
        found = [
            (row, index[item], worth(place))
            for row, case in enumerate(cases)
            for place, item in enumerate(case.history[: self._anchors])
            if item in index
        ]
        rows, items, values = np.array(found).reshape(-1, 3).T
        return csr_matrix((values, (rows.astype(np.int64), items.astype(np.int64))), shape=(len(cases), len(index)))

    def _summed(self, similarity: Any) -> Scorer:
        """Score by the sum of an item's similarities to what a case starts from; ``similarity``: from row to column."""

        def score(cases: Sequence[Case]) -> Any:
            found = self._starts(cases) @ similarity
            return found.toarray() if hasattr(found, "toarray") else found

        return score

    def counts(self) -> Scorer:
        """How often each item was taken."""
        counts = np.bincount(self._training.item, minlength=len(self._training.items)).astype(np.float64)
        return lambda cases: np.tile(counts, (len(cases), 1))

    def decayed(self) -> Scorer:
        """Count what others did lately."""
        scores = decayed_user_days(self._training)
        return lambda cases: np.tile(scores, (len(cases), 1))

    def cosine(self, taken: csr_matrix) -> Scorer:
        """The library's item-item cosine, 50 neighbours besides the item itself, which is left out as with us."""
        from implicit.nearest_neighbours import CosineRecommender

        with _quiet():
            model = CosineRecommender(K=51, num_threads=1)
            model.fit(taken, show_progress=False)
        similarity = model.similarity.tolil()
        similarity.setdiag(0.0)
        return self._summed(similarity.tocsr())

    def ease(self, taken: csr_matrix) -> Scorer:
        """Steck, WWW 2019, algorithm 1, with λ the mean item's users; nothing is cut off, all items are in."""
        gram = (taken.T @ taken).toarray()
        gram[np.diag_indices_from(gram)] += gram.trace() / len(gram)
        inverse = np.linalg.inv(gram)
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        return self._summed(weights)

    def als(self, taken: csr_matrix, *, factors: int, alpha: float) -> Scorer:
        """Hu, Koren, Volinsky 2008, by the library."""
        from implicit.als import AlternatingLeastSquares

        with _quiet():
            model = AlternatingLeastSquares(
                factors=factors,
                regularization=10.0,  # less was worse on the validation month of Online Retail II
                alpha=alpha,
                iterations=15,
                random_state=1,
                num_threads=1,
                dtype=np.float64,
            )
            model.fit(taken, show_progress=False)
        return self._by_factors(model)

    def bpr(self, taken: csr_matrix, *, factors: int, rate: float) -> Scorer:
        """Rendle et al. 2009, by the library."""
        from implicit.bpr import BayesianPersonalizedRanking

        with _quiet():
            model = BayesianPersonalizedRanking(
                factors=factors, learning_rate=rate, iterations=100, random_state=1, num_threads=1
            )
            model.fit(taken, show_progress=False)
        return self._by_factors(model)

    def _by_factors(self, model: Any) -> Scorer:
        """Score by each customer's own factors, learned from all they had; shifted above 0, since all is an opinion."""
        number = self._training.number

        def score(cases: Sequence[Case]) -> Any:
            found = model.user_factors[[number[case.who] for case in cases]] @ model.item_factors.T
            return found - found.min(axis=1, keepdims=True) + 1e-9

        return score

    def tfidf(self, titles: Mapping[str, str]) -> Scorer:
        """The library's TF-IDF of words and cosine, the nearest 50 of each item."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = TfidfVectorizer(binary=True, token_pattern=r"\w\w+")  # noqa: S106 - words, not secrets
        vectors = words.fit_transform([titles.get(item, "") for item in self._training.items])
        return self._summed(_nearest(vectors @ vectors.T, 50))

    def own(self) -> Scorer:
        """Count how many of a customer's own baskets held each item; the refill is what others took."""
        counts = self._customers_by(np.ones(len(self._baskets())))
        number = self._training.number
        return lambda cases: counts[[number[case.who] for case in cases]].toarray()

    def tifu(self, *, groups: int, neighbours: int, within: float, over: float, own: float) -> Scorer:
        """Hu, He, Gao, Zhang, SIGIR 2020: baskets add up to a customer, the newer the more; beside it the mean of the
        nearest customers (Euclid).

        A customer's baskets are cut into ``groups``, the mean of a group's baskets and then that of the groups is
        taken; each older basket counts ``within`` and each older group ``over`` times the next.
        """
        owner = self._baskets()
        place = np.arange(len(owner)) - np.searchsorted(owner, owner)  # of a basket among its customer's, oldest 0
        many = np.bincount(owner)[owner]
        parts = np.minimum(many, groups)
        group = place * parts // many
        ends = -(-(group + 1) * many // parts)  # the first place of the group after
        size = ends - -(-group * many // parts)
        worth = within ** (ends - 1 - place) / size * over ** (parts - 1 - group) / parts
        vectors = self._customers_by(worth)
        squares = np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()
        number = self._training.number

        def score(cases: Sequence[Case]) -> Any:
            rows = np.array([number[case.who] for case in cases])
            # less the customer's own square, which is the same in a row
            far = squares - 2.0 * (vectors[rows] @ vectors.T).toarray()
            far[np.arange(len(rows)), rows] = np.inf
            few = min(neighbours, far.shape[1] - 1)
            near = np.argsort(far, axis=1, kind="stable")[:, :few]
            links = (np.full(near.size, 1.0 / max(1, few)), near.ravel(), np.arange(0, near.size + 1, max(1, few)))
            others = csr_matrix(links, shape=far.shape) @ vectors
            return (own * vectors[rows] + (1.0 - own) * others).toarray()

        return score

    def _baskets(self) -> npt.NDArray[np.int64]:
        """Return whose each basket is; they are numbered by customer."""
        owner = np.empty(int(self._training.basket.max()) + 1, dtype=np.int64)
        owner[self._training.basket] = self._training.customer
        return owner

    def _customers_by(self, worth: F8) -> csr_matrix:
        """Add up what the baskets held, each ``worth`` so much; shape (customers, items)."""
        owner = self._baskets()
        whose = csr_matrix((worth, (owner, np.arange(len(owner)))), shape=(int(owner.max()) + 1, len(owner)))
        return csr_matrix(whose @ _taken(self._training.basket, self._training))

    def rules(self, *, steps: int = 10, least: int = 2) -> Scorer:
        """Ludewig, Jannach 2018: one over the steps between two items of a session, divided by the item's sessions.

        A rule needs ``least`` sessions; the newest item of a history counts 1, the next 1/2, then 1/3.
        """
        training = self._training
        n = len(training.items)
        order = np.lexsort((training.moment, training.basket))
        votes: dict[tuple[int, int], list[float]] = {}
        for basket in np.split(order, np.flatnonzero(np.diff(training.basket[order])) + 1):
            for (a, before), (b, after) in _followed(training, basket, steps):
                votes.setdefault((a, b), []).append(1.0 / (after - before))
        kept = {pair: sum(found) for pair, found in votes.items() if len(found) >= least}
        pairs = np.array(list(kept), dtype=np.int64).reshape(-1, 2)
        sessions = np.array(_taken(training.basket, training).sum(axis=0)).ravel()
        weight = np.array(list(kept.values())) / sessions[pairs[:, 0]]
        similarity = _nearest(csr_matrix((weight, (pairs[:, 0], pairs[:, 1])), shape=(n, n)), 50)

        def score(cases: Sequence[Case]) -> Any:
            starts = self._starts(cases, lambda place: 1.0 / (place + 1))
            return (starts @ similarity).toarray()

        return score


def _followed(
    training: Training, basket: npt.NDArray[np.int64], steps: int
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the pairs of a session at most so many steps apart; what happened at one moment is one step."""
    _, step = np.unique(training.moment[basket], return_inverse=True)
    first: dict[int, int] = {}
    for item, at in zip(training.item[basket].tolist(), step.tolist(), strict=True):
        first.setdefault(item, at)
    taken = list(first.items())
    for a in taken:
        for b in taken:
            if 0 < b[1] - a[1] <= steps:
                yield a, b


def _nearest(similarity: csr_matrix, keep: int) -> csr_matrix:
    """Keep the largest of each row, the item itself left out."""
    rows, columns, values = [], [], []
    for row in range(similarity.shape[0]):
        span = slice(similarity.indptr[row], similarity.indptr[row + 1])
        others, weights = similarity.indices[span], similarity.data[span]
        apart = others != row
        others, weights = others[apart], weights[apart]
        top = np.argsort(-weights, kind="stable")[:keep]
        rows.append(np.full(len(top), row))
        columns.append(others[top])
        values.append(weights[top])
    return csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=similarity.shape)


@contextmanager
def _quiet() -> Iterator[None]:
    """Give BLAS one thread: with more, ``implicit`` is slower, says so, and its factors differ from run to run.

    It also warns of how it calls itself.
    """
    threads = import_module("threadpoolctl")  # comes with scikit-learn and has no types
    with threads.threadpool_limits(limits=1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
