"""The oracles themselves: what they say today is what is kept of them, and what the suite says."""

import json
from pathlib import Path

import pytest
from tests.statistics.parity import PARITIES, apart, line

KEPT = json.loads((Path(__file__).parents[1] / "unit/evaluation/frozen/oracles.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("parity", PARITIES, ids=lambda parity: parity.name)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of libraries among each other
def test_ours_is_what_the_oracle_says(parity, keep):
    ours, said = parity.ours(), [float(figure) for figure in parity.oracle()]
    assert apart(ours, said) <= parity.within
    keep("oracles", parity.name, line(parity, ours, said))
    if parity.library != "obp":
        assert apart(said, KEPT["values"][parity.name]) < 1e-6, "say it again: python -m tests.statistics.freeze"
