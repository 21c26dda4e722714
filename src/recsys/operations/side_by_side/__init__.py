"""One request at two generations: the lists beside each other, and what makes the difference."""

from recsys.operations.side_by_side.comparing import Comparing, recorded_beside
from recsys.operations.side_by_side.lists import Part, Row, Side, SideBySide

__all__ = ["Comparing", "Part", "Row", "Side", "SideBySide", "recorded_beside"]
