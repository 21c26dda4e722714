"""What the evaluation of an interleaving finds."""

from recsys.evaluation.parts import Interval, Part

__all__ = ["InterleavingResult", "Votes"]


class Votes(Part, frozen=True, kw_only=True):
    """Units by which list they prefer: over all, of a slice (``surface = home``), or up to a day.

    ``share``: of the units that prefer one, how many prefer the candidate.
    """

    part: str
    wins: int
    losses: int
    ties: int
    share: float | None
    interval: Interval | None
    p_fixed: float
    p_sequential: float


class InterleavingResult(Part, frozen=True, kw_only=True):
    """``candidate_votes`` and ``control_votes`` count items taken; ``p_votes`` is the randomisation test of their
    difference, which gives units that take much a larger say.
    """

    control: str
    candidate: str
    algorithm: str
    votes: Votes
    slices: tuple[Votes, ...]
    days: tuple[Votes, ...]
    candidate_votes: int
    control_votes: int
    p_votes: float
    p: float
    requests: int
    units: int
