"""Which signals count, and how much."""

from collections.abc import Mapping

from recsys.documents import ALIASES
from recsys.encoding import Invalid, did_you_mean
from recsys.signals import SIGNALS

__all__ = ["ALGORITHMS", "DEFAULT_WEIGHTS", "resolve"]

ALGORITHMS = ("blend", *SIGNALS)

DEFAULT_WEIGHTS: Mapping[str, float] = {"popularity": 0.5, "cooc": 1.0}
"""Used where nobody set any: what a visitor is looking at counts more than what everybody buys."""


def resolve(algorithm: str, weights: Mapping[str, float]) -> dict[str, float]:
    """Return a weight of at least 0 for every signal (contract §4).

    A mode ranks by its own signal alone. In a blend, no weights at all means the default, and weights that
    are all zero mean popularity alone.
    """
    if algorithm != "blend":
        if algorithm not in SIGNALS:
            near = did_you_mean(algorithm, ALGORITHMS)
            raise Invalid("algorithm", f"`{algorithm}` is not known", suggestion=near)
        return {signal: 1.0 if signal == algorithm else 0.0 for signal in SIGNALS}
    found = dict.fromkeys(SIGNALS, 0.0)
    for name, weight in (weights or DEFAULT_WEIGHTS).items():
        signal = ALIASES.get(name, name)
        if signal not in found:
            raise Invalid("weights", f"`{name}` is not a signal", suggestion=did_you_mean(name, SIGNALS))
        found[signal] = max(0.0, weight)
    if not any(found.values()):
        found["popularity"] = 1.0
    return found
