"""Twyman's law: any figure that looks interesting is usually wrong."""

import math
from typing import NamedTuple

__all__ = ["Shrunk", "shrink"]


class Shrunk(NamedTuple):
    """``estimate``: what to believe of the effect. ``surprise``: how many standard deviations it lies from 0, by what
    effects and their errors are like.
    """

    estimate: float
    surprise: float


def shrink(effect: float, error: float, *, usual: float) -> Shrunk:
    """Weigh an effect against what effects are usually like.

    With effects that are normal around 0 with standard deviation τ = ``usual`` and an estimate of standard error s, the
    posterior mean is δτ²/(τ² + s²) (Gelman, Carlin et al., *Bayesian Data Analysis*, section 2.5), and estimates spread
    by √(τ² + s²).
    """
    spread = usual**2 + error**2
    return Shrunk(effect * usual**2 / spread, abs(effect) / math.sqrt(spread))
