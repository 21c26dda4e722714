"""What answers are counted by: rung, latency, emptiness, by tenant, surface and route."""

from recsys.serving.answering import Answered
from recsys.serving.counters import Counters
from recsys.serving.hosted import View
from recsys.serving.ladder import RUNGS

__all__ = ["Tallies"]


class _Cells:
    """The numbers of one tenant, surface and route's counters, looked up once."""

    __slots__ = ("empty", "failed", "latency", "rungs", "unrecorded")

    def __init__(self, counters: Counters, *, tenant: str, surface: str, route: str) -> None:
        labels = {"tenant": tenant, "surface": surface, "route": route}
        self.latency = counters.histogram("recsys_answer_seconds", labels)
        self.empty = counters.cell("recsys_answers_empty", labels)
        self.failed = counters.cell("recsys_answers_failed_ranking", labels)
        self.unrecorded = counters.cell("recsys_answers_unrecorded", labels)
        self.rungs = {rung: counters.cell("recsys_answers", {**labels, "rung": rung}) for rung in RUNGS}


class Tallies:
    """Counts a worker's answers. The surface of a name that the release does not know is ``other``: clients choose
    those.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._cells: dict[tuple[str, str, str], _Cells] = {}

    def count(self, view: View, surface: str, path: str, answered: Answered, *, recorded: bool, seconds: float) -> None:
        """Count one answer of a route."""
        cells, values = self._cells_of(view, surface, path), self._counters.cells
        values[cells.rungs[answered.rung]] += 1.0
        self._counters.observe(cells.latency, seconds)
        if not answered.items:
            values[cells.empty] += 1.0
        if answered.failed:
            values[cells.failed] += 1.0
        if not recorded:
            values[cells.unrecorded] += 1.0

    def _cells_of(self, view: View, surface: str, path: str) -> _Cells:
        surface = view.named(surface)
        cells = self._cells.get((view.tenant, surface, path))
        if cells is None:
            made = _Cells(self._counters, tenant=view.tenant, surface=surface, route=path.rpartition("/")[2])
            cells = self._cells[view.tenant, surface, path] = made
        return cells
