"""F3: the power goes at any moment, and whatever was not forced to disk may be lost."""

import os
from pathlib import Path

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.processes import side_by_side

pytestmark = pytest.mark.long


def test_whatever_a_power_loss_leaves_holds_all_that_was_acknowledged_and_goes_on(tmp_path: Path, counting: Counting):
    states = 12_000 if FULL else 120
    with counting(
        "F3", "crash states: unforced changes dropped, torn or reordered; nothing acknowledged lost"
    ) as count:
        cores = len(os.sched_getaffinity(0))
        runs = [{"states": states // cores, "seed": 1_000 * count.seed + n} for n in range(cores)]
        for seen in side_by_side("power", "losses", tmp_path, runs):
            count.survived(seen["count"])
            count.bad += seen["bad"]
