"""F2: every file system call of every action of the publishing side fails, once or from there on."""

from collections import Counter
from pathlib import Path

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.injected import why_not
from tests.faults.processes import side_by_side
from tests.faults.publishing import ACTIONS

pytestmark = pytest.mark.long


def test_an_error_at_any_system_call_is_told_as_what_it_did(tmp_path: Path, counting: Counting):
    if why := why_not():
        pytest.skip(why)
    what = "EIO, ENOSPC, EINTR at every file system call of the same; exit 0 only if committed, 5 only if unknown"
    with counting("F2", what) as count:
        runs = [{"action": action, "most": 0 if FULL else 1, "seed": count.seed} for action in ACTIONS]
        codes: Counter[str] = Counter()
        for seen in side_by_side("publishing", "errors", tmp_path, runs):
            count.survived(seen["count"])
            count.bad += seen["bad"]
            codes.update(seen["codes"])
        count.notes |= {f"exit {code}": times for code, times in sorted(codes.items()) if times}
