"""The notes of one request, as its steps are done."""

from recsys.ranking.anchors import Anchored
from recsys.ranking.diversity import Caps, Scored
from recsys.ranking.draws import Draws
from recsys.ranking.request import Warning

__all__ = ["Work"]


class Work:
    """What the steps found out, for later steps, the warnings, the explanation and the trace.

    ``considered``: the pool, by score; ``order``: what was chosen of it, before anything was drawn; ``caps``: how full
    they are by then.
    """

    __slots__ = (
        "anchored",
        "caps",
        "considered",
        "draws",
        "excluded",
        "explored",
        "order",
        "pin_rules",
        "pinned",
        "pool",
        "profile",
        "propensities",
        "refilled",
        "taste",
        "warnings",
    )

    def __init__(self, anchored: Anchored, caps: Caps, draws: Draws | None = None) -> None:
        self.anchored = anchored
        self.draws = draws
        self.excluded: set[int] = set()
        self.profile: dict[int, float] = {}
        self.taste = 0.0
        self.pinned: list[int] = []
        self.pin_rules: dict[int, str] = {}
        self.pool = 0
        self.considered: list[Scored] = []
        self.order: list[Scored] = []
        self.caps = caps
        self.refilled: set[int] = set()
        self.propensities: list[float] = []
        self.explored: set[int] = set()
        self.warnings: list[Warning] = []

    def warn(self, code: str, detail: str) -> None:
        """Add a warning of contract §3."""
        self.warnings.append(Warning(code, detail))
