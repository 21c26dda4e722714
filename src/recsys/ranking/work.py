"""The notes of one request, as its steps are done."""

from recsys.ranking.request import Warning

__all__ = ["Work"]


class Work:
    """What the steps found out, for later steps, the warnings, the explanation and the trace."""

    __slots__ = (
        "anchors",
        "anchors_asked",
        "excluded",
        "pin_rules",
        "pinned",
        "pool",
        "profile",
        "refilled",
        "taste",
        "warnings",
    )

    def __init__(self) -> None:
        self.anchors: list[int] = []
        self.anchors_asked = 0
        self.excluded: set[int] = set()
        self.profile: dict[int, float] = {}
        self.taste = 0.0
        self.pinned: list[int] = []
        self.pin_rules: dict[int, str] = {}
        self.pool = 0
        self.refilled: set[int] = set()
        self.warnings: list[Warning] = []

    def warn(self, code: str, detail: str) -> None:
        """Add a warning of contract §3."""
        self.warnings.append(Warning(code, detail))
