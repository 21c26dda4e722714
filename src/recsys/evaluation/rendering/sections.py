"""Which sections a report has, in reading order; each mode has its own in the middle."""

from types import ModuleType

from recsys.evaluation.config import Mode
from recsys.evaluation.rendering import aa, experiment, interleaving, offline, ope
from recsys.evaluation.rendering.every_mode import decided, how_it_was_made, integrity, logs
from recsys.evaluation.rendering.plots import joins_plot
from recsys.evaluation.rendering.tables import Section
from recsys.evaluation.results import Results

__all__ = ["TITLES", "drawn", "sections"]

TITLES: dict[Mode, str] = {
    "offline": "Offline evaluation",
    "experiment": "Experiment",
    "interleaving": "Interleaving",
    "ope": "Off-policy evaluation",
    "aa-check": "A/A check",
}
_ROOMS: dict[Mode, ModuleType] = {
    "offline": offline,
    "experiment": experiment,
    "interleaving": interleaving,
    "ope": ope,
    "aa-check": aa,
}


def sections(results: Results) -> list[Section]:
    """Return every part of a report that has something in it."""
    found = [
        decided(results),
        integrity(results),
        *_ROOMS[results.mode].findings(results),
        *logs(results),
        *how_it_was_made(results),
    ]
    return [section for section in found if section.table.rows]


def drawn(results: Results) -> dict[str, str]:
    """Return what is drawn, by the title of its section."""
    joins = joins_plot(results.days, least=results.config.integrity.min_join_rate)
    return {"Joins by day": joins, **_ROOMS[results.mode].plots(results)}
