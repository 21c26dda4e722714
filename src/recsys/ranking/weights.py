"""Which signals count, and how much."""

from collections.abc import Mapping, Set

from recsys.documents import ALIASES
from recsys.encoding import Invalid, did_you_mean
from recsys.signals import COSINES, NEIGHBOURS, SIGNALS

__all__ = [
    "ALGORITHMS",
    "DEFAULT_WEIGHTS",
    "SIMILAR_WEIGHTS",
    "WITHOUT_IMPLICIT",
    "Weights",
    "resolve",
    "resolve_similar",
]

ALGORITHMS = ("blend", *SIGNALS)

DEFAULT_WEIGHTS: Mapping[str, float] = {
    "popularity": 0.2,
    "cooc": 0.1,
    "implicit": 1.0,
    "content_sim": 0.2,
    "session_seq": 1.0,
}
"""Used where nobody set any. Fitted by ``bench quality`` on the validation month of Online Retail II, session_seq on a
simulated shop because that one has no sequences, and rounded: ``docs/reference/quality.md``. Cosines count where the
release has them."""

WITHOUT_IMPLICIT: Mapping[str, float] = {"popularity": 0.5, "cooc": 1.0, "content_sim": 0.25, "session_seq": 0.5}
"""The same for a release without that signal: co-occurrence stands for it, and must not drown in popularity."""

SIMILAR_WEIGHTS: Mapping[str, float] = {"cooc": 1.0, "implicit": 0.25, "content_sim": 0.25}
"""What ``/v1/similar`` goes by, where the release has it: what is taken together, and below it and for an item nobody
took yet, what is alike. ``session_seq`` tells what comes next, which is another question."""


class Weights:
    """A weight of at least 0 for each signal, on a shelf that has ``signals``.

    ``neighbours`` holds those above 0 in the order of :data:`NEIGHBOURS`; ``emb`` is γ, the weight of the largest of
    the cosines. ``reads`` are the signals to look up from the anchors, ``missing`` says what has a weight and is not
    there.
    """

    __slots__ = ("emb", "missing", "neighbours", "popularity", "reads")

    def __init__(self, by_name: Mapping[str, float], *, signals: Set[str]) -> None:
        self.popularity = max(0.0, by_name.get("popularity", 0.0))
        self.neighbours = tuple((name, by_name[name]) for name in NEIGHBOURS if by_name.get(name, 0.0) > 0.0)
        self.emb = max(0.0, by_name.get("emb", 0.0))
        if not (self.popularity or self.neighbours or self.emb):
            self.popularity = 1.0
        named = dict(self.neighbours)
        wanted = [name for name in NEIGHBOURS if name in named or (self.emb > 0.0 and name in COSINES)]
        self.reads = tuple(name for name in wanted if name in signals)
        needed = [*(["popularity"] if self.popularity else []), *named]
        self.missing = [f"{name} is not in this release for this surface" for name in needed if name not in signals]
        if self.emb and not signals & set(COSINES):
            self.missing.append(f"emb: none of {', '.join(COSINES)} is in this release for this surface")

    def by_name(self) -> dict[str, float]:
        """Return the weights that count; popularity and cooc always, as what an answer rests on nearly everywhere."""
        emb = {"emb": self.emb} if self.emb else {}
        return {"popularity": self.popularity, "cooc": 0.0, **dict(self.neighbours), **emb}


def resolve(algorithm: str, weights: Mapping[str, float], *, signals: Set[str]) -> Weights:
    """Return what counts (contract §4) on a shelf that has these signals.

    A mode ranks by its own signal alone. In a blend, no weights at all means the default, and weights that
    are all zero mean popularity alone.

    Raises ``Invalid`` for an unknown algorithm or signal.
    """
    if algorithm != "blend":
        if algorithm not in ALGORITHMS:
            near = did_you_mean(algorithm, ALGORITHMS)
            raise Invalid("algorithm", f"`{algorithm}` is not known", suggestion=near)
        return Weights({algorithm: 1.0}, signals=signals)
    if not weights:
        default = DEFAULT_WEIGHTS if "implicit" in signals else WITHOUT_IMPLICIT
        weights = {name: weight for name, weight in default.items() if name not in COSINES or name in signals}
    return Weights({_signal(name): weight for name, weight in weights.items()}, signals=signals)


def resolve_similar(signals: Set[str]) -> Weights:
    """Return what counts for the neighbours of an item; ``cooc`` when the release has none of it."""
    found = {name: weight for name, weight in SIMILAR_WEIGHTS.items() if name in signals}
    return Weights(found or {"cooc": 1.0}, signals=signals)


def _signal(name: str) -> str:
    """Return the signal that a name in ``weights`` stands for; ``emb`` stands for the largest of several."""
    if name == "emb":
        return name
    signal = ALIASES.get(name, (name,))[0]
    if signal not in ALGORITHMS[1:]:
        known = {*ALGORITHMS[1:], *ALIASES}
        raise Invalid("weights", f"`{name}` is not a signal", suggestion=did_you_mean(name, known))
    return signal
