"""What this host's workers counted of one tenant: the only place that tells of answers whose ranking failed."""

from collections.abc import Mapping

import msgspec

from recsys.serving.counters import read_counters
from recsys.serving.host_state import Places

__all__ = ["Counted", "counted"]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of one surface since this host's counters began. ``failed``: ranking failed, and the floor answered;
    ``unrecorded``: no exposure was written; ``rungs``: answers by rung.
    """

    failed: int = 0
    empty: int = 0
    unrecorded: int = 0
    rungs: Mapping[str, int] = {}

    @property
    def answers(self) -> int:
        """Return how many answers there were."""
        return sum(self.rungs.values())


_FIELDS = {
    "recsys_answers_failed_ranking": "failed",
    "recsys_answers_empty": "empty",
    "recsys_answers_unrecorded": "unrecorded",
}


def counted(places: Places, tenant: str) -> dict[str, Counted]:
    """Return what was counted, by surface, of every route."""
    figures: dict[str, dict[str, int]] = {}
    rungs: dict[str, dict[str, int]] = {}
    for series in read_counters(sorted(places.counters.glob("*.cells"))):
        if series.labels.get("tenant") != tenant or "surface" not in series.labels:
            continue
        surface, value = series.labels["surface"], int(series.values[0])
        if series.name == "recsys_answers":
            of, name = rungs.setdefault(surface, {}), series.labels["rung"]
        elif series.name in _FIELDS:
            of, name = figures.setdefault(surface, {}), _FIELDS[series.name]
        else:
            continue
        of[name] = of.get(name, 0) + value
    return {
        surface: Counted(**figures.get(surface, {}), rungs=rungs.get(surface, {}))
        for surface in sorted(figures.keys() | rungs.keys())
    }
