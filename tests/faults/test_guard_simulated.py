"""F19, simulated: healthy candidates of every shape are not aborted at any look, and bad ones soon are."""

import zlib

import numpy as np
import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.guard_worlds import HEALTHY, World, even, watch

pytestmark = pytest.mark.long

HEALTHY_EACH = 84 if FULL else 2
"""Times twelve worlds: a thousand."""


def test_no_healthy_candidate_is_aborted(counting: Counting) -> None:
    what = "simulated candidates that do no harm, looked at every 5 s: not aborted; worlds: "
    with counting("F19", what + ", ".join(world.name for world in HEALTHY)) as count:
        for world in HEALTHY:
            for number in range(HEALTHY_EACH):
                rng = np.random.default_rng([count.seed, zlib.crc32(world.name.encode()), number])
                count.survived()
                if (after := watch(world, rng)) is not None:
                    count.wrong(f"{world.name}, {number}: aborted after {after:.0f} s")


@pytest.mark.parametrize(
    ("base", "share", "within_s"),
    [(0.0, 0.5, 120), (0.005, 0.5, 300), (0.01, 0.5, 600), (0.0, 0.1, 120), (0.01, 0.1, 300), (0.0, 0.01, 300)],
)
def test_a_twentieth_of_empty_answers_at_twenty_a_second_is_aborted(
    counting: Counting, base: float, share: float, within_s: int
) -> None:
    what = f"simulated: 5% empty at 20 candidate requests/s, {base:.1%} in control, share {share:g}: aborted"
    with counting("F19", what) as count:
        took = []
        for number in range(50 if FULL else 2):
            units = int(60 * within_s / share)
            answers = int(20 / share * within_s)
            world = World("harm", share, answers, within_s, units, even(base, 0.05 - base))
            after = watch(world, np.random.default_rng([count.seed, int(base * 1e4), int(share * 100), number]))
            count.survived()
            if after is None:
                count.wrong(f"{number}: not within {within_s} s")
            else:
                took.append(after)
        count.notes["seconds, median"] = sorted(took)[len(took) // 2]
        count.notes["longest"] = max(took)
