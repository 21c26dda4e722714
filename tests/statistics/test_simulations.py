"""The full simulations: every estimator where the truth is known."""

import pytest
from tests.statistics.simulations import SIMULATIONS, line


def _together(simulation):
    """What shares its trials runs in one process."""
    return simulation.name.partition(":")[0].partition(",")[0]


@pytest.mark.parametrize(
    "simulation",
    [pytest.param(one, marks=pytest.mark.xdist_group(_together(one)), id=one.name) for one in SIMULATIONS],
)
def test_it_is_as_right_as_it_says(simulation, keep):
    found = simulation.run("full")
    assert found.sound, found
    keep("simulations", simulation.name, line(found))
