"""F1: SIGKILL at every file system call of every action of the publishing side."""

from pathlib import Path

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.injected import why_not
from tests.faults.processes import side_by_side
from tests.faults.publishing import ACTIONS

pytestmark = pytest.mark.long


def test_a_publisher_killed_at_any_system_call_leaves_old_or_new_and_the_next_publish_works(
    tmp_path: Path, counting: Counting
):
    if why := why_not():
        pytest.skip(why)
    with counting("F1", f"SIGKILL at every file system call of {', '.join(ACTIONS)}") as count:
        runs = [{"action": action, "most": 0 if FULL else 2, "seed": count.seed} for action in ACTIONS]
        for seen in side_by_side("publishing", "kills", tmp_path, runs):
            count.survived(seen["count"])
            count.bad += seen["bad"]
