"""A shop with known truth: its goods and people, its past as files, and its people as live visitors."""

from recsys.lab.simulate.behaviour import BEHAVIOUR, Behaviour
from recsys.lab.simulate.goods import catalogue
from recsys.lab.simulate.shopper import Past, Reaction, Shopper, Visit
from recsys.lab.simulate.simulation import DEFAULTS, SimulationReport, simulate
from recsys.lab.simulate.truth import best_items
from recsys.lab.simulate.world import World, stream

__all__ = [
    "BEHAVIOUR",
    "DEFAULTS",
    "Behaviour",
    "Past",
    "Reaction",
    "Shopper",
    "SimulationReport",
    "Visit",
    "World",
    "best_items",
    "catalogue",
    "simulate",
    "stream",
]
