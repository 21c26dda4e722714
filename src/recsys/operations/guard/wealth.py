"""Does a candidate give more people bad answers than control does? A test by betting, to be looked at all the time.

Who gets which arm is a coin: a unit has the candidate with probability ``share``, whatever it will do. So when a unit
gets its first bad answer (an empty one, say), the arm of that unit is the fall of a coin, as long as the arm has
nothing to do with it. We bet on that coin, at fair odds, that it is the candidate's: a stake ``f`` of our wealth.
Wealth that begins at 1 reaches 1/α with a probability of at most α, at whatever moment one looks (Ville's inequality;
Ramdas, Grünwald, Vovk, Shafer, *Game-theoretic statistics and safe anytime-valid inference*, Statistical Science 2023).

Nothing is assumed of the answers: they may come in bursts, differ by the hour, and all belong to a few units that ask
again and again, for each unit is one coin.

A candidate may be a little worse, and that is left to the evaluation. Two allowances make it so:

- the coin may fall up to :data:`TOLERATED` times as often to the candidate as its share says. With
  ``q = share·TOLERATED / (share·TOLERATED + 1 − share)``, a unit of the candidate multiplies the wealth by
  ``1 + f(1 − q)/q``, one of control by ``1 − f``;
- of the candidate's answers a share of ``margin`` may be bad beyond that. Each answer, of either arm, costs a toll: it
  divides the wealth by ``1 + margin·share·f(1 − q)/q``, which is the most that such answers bring in.

Several stakes are played side by side with a part of the wealth each; the wealth is their sum.
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

__all__ = ["TOLERATED", "Fallen", "log_wealth"]

TOLERATED = 1.25
"""A candidate that people like makes them ask more often, so more of them meet a bad answer that is not its fault."""
_GAINS = (0.25, 0.5, 1.0, 2.0, 4.0, 9.0, 24.0)
"""What each stake would win, as a share of the wealth, when the coin falls to the candidate; a stake of all is never
risked.
"""
_MOST_STAKED = 0.95


class Fallen(NamedTuple):
    """How the coins fell while the candidate had one ``share`` (0 < share < 1): units with a bad answer by arm, and how
    many answers there were of both.
    """

    share: float
    candidate: int
    control: int
    answers: int


def log_wealth(fallen: Iterable[Fallen], *, margin: float) -> float:
    """Return the natural logarithm of the wealth. It depends on the counts alone, not on their order.

    ``margin``: the share of the candidate's answers (0..1) that may be bad beyond what control has.
    """
    seen = tuple(fallen)
    each = [
        sum(
            of.candidate * bets[number].won - of.control * bets[number].lost - of.answers * bets[number].toll
            for of, bets in ((of, _bets(of.share, margin)) for of in seen)
        )
        for number in range(len(_GAINS))
    ]
    most = max(each)
    return most + math.log(sum(math.exp(one - most) for one in each) / len(each))


class _Bet(NamedTuple):
    """Logarithms of what one stake multiplies and divides the wealth by."""

    won: float
    lost: float
    toll: float


@lru_cache(maxsize=256)
def _bets(share: float, margin: float) -> tuple[_Bet, ...]:
    q = share * TOLERATED / (share * TOLERATED + 1 - share)
    made = []
    for asked in _GAINS:
        staked = min(_MOST_STAKED, asked * q / (1 - q))
        gain = staked * (1 - q) / q
        made.append(_Bet(math.log1p(gain), -math.log1p(-staked), math.log1p(margin * share * gain)))
    return tuple(made)
