"""Intervals that hold at every look at once: asymptotic confidence sequences.

Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, *Time-uniform central limit theory and asymptotic confidence
sequences* (2021), theorem 2.2 and its choice of ρ; the p-value is the smallest α whose interval leaves 0 out.
"""

import math

__all__ = ["LEAST_UNITS", "TUNED_AT", "half_width", "p_value", "tuned"]

TUNED_AT = 5_000
"""Units at which the intervals are narrowest; at any other number they hold as well, and are a little wider."""
LEAST_UNITS = 20
"""Units of an arm from which looks may begin. The theory is of large samples: of two units that were both clicked, the
variance is 0 and any effect is sure. Looking from the second unit on is fooled in up to a quarter of the trials, from
the twentieth on in fewer than α."""


def tuned(alpha: float, *, at: int = TUNED_AT) -> float:
    """Return the ρ whose intervals are narrowest at so many units: √((−2 ln α + ln(−2 ln α + 1)) / n)."""
    log = -2 * math.log(alpha)
    return math.sqrt((log + math.log(log + 1)) / at)


def half_width(variance: float, n: int, *, alpha: float, rho: float) -> float:
    """Return half of the width of the two-sided interval.

    Parameters
    ----------
    variance
        Of the estimate, as it is with these ``n`` units: σ² is n times it.
    n
        Units seen so far, of all arms that the estimate is made of.

    Notes
    -----
    σ·√(2(nρ² + 1) · ln(√(nρ² + 1) / α) / (nρ)²)
    """
    grown = n * rho * rho + 1
    return math.sqrt(n * variance * 2 * grown * math.log(math.sqrt(grown) / alpha)) / (n * rho)


def p_value(effect: float, variance: float, n: int, *, rho: float) -> float:
    """Return the always-valid p-value: √(nρ² + 1) · exp(−(nρ·effect)² / (2σ²(nρ² + 1))), at most 1."""
    if variance == 0:
        return 1.0 if effect == 0 else 0.0
    grown = n * rho * rho + 1
    return min(1.0, math.sqrt(grown) * math.exp(-((n * rho * effect) ** 2) / (2 * n * variance * grown)))
