"""How the people of the shop behave: the parameters of every law, in one place, written as they stand to
``truth.json``.
"""

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["BEHAVIOUR", "Behaviour", "chance"]

Floats = npt.NDArray[np.float64]


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of browsing, clicking and buying. Shares and chances are 0..1; bonuses are in log-odds.

    With ``g(user, item) = ln(appeal · 10 θ[topic] · 4 ψ[style])``:

    - an organic step looks at an item with a chance proportional to ``exp(g)``;
    - an item at rank r of a list is examined with chance ``r ** -eta`` and, examined, clicked with chance
      ``σ(click_intercept + click_slope · g + intent_bonus [same topic and style as the visit's intent] +
      partner_bonus [goes with the item on the page])``;
    - what was clicked in a list is bought with chance ``σ(convert_intercept + convert_slope · g)``;
    - what was looked at organically is bought with chance ``σ(buy_intercept + buy_slope · g + bundle_bonus
    [it goes
      with what was bought a step before])``.
    """

    eta: float = 0.7
    click_intercept: float = -3.6
    click_slope: float = 0.6
    intent_bonus: float = 1.0
    partner_bonus: float = 1.5
    convert_intercept: float = -2.6
    convert_slope: float = 0.3
    buy_intercept: float = -3.9
    buy_slope: float = 0.4
    bundle_bonus: float = 2.0
    mean_steps: float = 3.2
    max_steps: int = 14
    hop: float = 0.25
    """Chance that a step goes on to something that goes with the item before."""
    hop_after_buying: float = 0.65
    wander: float = 0.25
    """Chance that a step leaves the visit's intent for another taste of the user."""
    logged_in: float = 0.85
    """Share of the visits of a user with an account that are made logged in."""

    def examined(self, k: int) -> Floats:
        """Return the chance that a user looks at rank 1..k; shape ``(k,)``."""
        return np.array([rank**-self.eta for rank in range(1, k + 1)], dtype=np.float64)

    def steps(self, u: Floats) -> npt.NDArray[np.int64]:
        """Turn uniforms into numbers of steps: geometric from 1, cut at ``max_steps``."""
        stop = 1 / self.mean_steps
        drawn = 1 + np.floor(np.log1p(-u) / math.log1p(-stop))
        steps: npt.NDArray[np.int64] = np.minimum(drawn, self.max_steps).astype(np.int64)
        return steps

    def document(self) -> dict[str, Any]:
        """Return the parameters by name, for ``truth.json``."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


BEHAVIOUR = Behaviour()


def chance(log_odds: Floats) -> Floats:
    """Turn log-odds into a chance: the logistic function σ."""
    odds: Floats = 1.0 / (1.0 + np.exp(-log_odds))
    return odds
