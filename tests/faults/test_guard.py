"""F19, in the real thing: a candidate that leaves a twentieth of its answers empty is aborted by a real guard, while
people ask a real service; one beside it that does no harm is not.
"""

import json
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL, Count
from tests.faults.guarding import Market, a_guard, people_at
from tests.integration.serving.shops import served, until

pytestmark = pytest.mark.long

TRIALS = 50 if FULL else 2
_AT_ONCE = 5 if FULL else 2


@pytest.mark.timeout(7_200 if FULL else 300)
def test_a_candidate_with_a_twentieth_of_empty_answers_is_aborted(tmp_path: Path, counting: Counting) -> None:
    what = "real candidates whose rules leave 5% of answers empty: aborted by a real guard while people ask over HTTP"
    with counting("F19", what) as count:
        shop = Market(tmp_path)
        surfaces = [f"s{number}" for number in range(_AT_ONCE)]
        for surface in (*surfaces, "calm"):
            shop.open(surface)
        took: list[float] = []
        with served(shop, confirm_s=30.0, spool_rotate_s=2.0) as service:
            service.answers_from(shop.releases.current().generation)
            shop.begin("calm", blocks="nothing-has-it")
            asking = people_at(service, *surfaces, "calm", seed=count.seed)
            with asking as people, a_guard(shop, "calm") as calm:
                began = time.monotonic()
                while len(took) < TRIALS:
                    took += _trials(shop, surfaces, count)
                slowest = min(each.asked for each in people.values()) / (time.monotonic() - began)
                calm.send_signal(signal.SIGINT)
                said, errors = calm.communicate(timeout=60)
        document = json.loads(said)
        assert (calm.returncode, document["state"]) == (130, "left"), errors
        assert shop.runs("calm")
        assert b"goes on unguarded; guard it again with: recsys" in errors
        assert sum(each.failed for each in people.values()) == 0
        count.notes["candidate requests/s, of the surface asked least"] = round(slowest / 2, 1)
        count.notes["seconds to abort, median"] = round(sorted(took)[len(took) // 2], 1)
        count.notes["longest"] = round(max(took), 1)
        count.notes["answers of a healthy one beside it"] = people["calm"].asked


def _trials(shop: Market, surfaces: list[str], count: Count) -> list[float]:
    """Begin a bad candidate on each surface, guard it, and return how many seconds each took to be aborted."""
    began = {surface: (shop.begin(surface, blocks="rare"), time.monotonic()) for surface in surfaces}
    with ExitStack() as running:
        guards = {surface: running.enter_context(a_guard(shop, surface)) for surface in surfaces}
        return _ended(shop, guards, began, count)


def _ended(shop: Market, guards: dict[str, Any], began: dict[str, tuple[str, float]], count: Count) -> list[float]:
    took: dict[str, float] = {}

    def ended() -> bool:
        for surface, guard in guards.items():
            if surface not in took and guard.poll() is not None:
                took[surface] = time.monotonic() - began[surface][1]
        return len(took) == len(guards)

    until(ended, "every guard to end", timeout_s=300.0)
    for surface, guard in guards.items():
        said, errors = guard.communicate()
        name = began[surface][0]
        found = json.loads(said) if said else {}
        count.survived()
        if (guard.returncode, found.get("state"), found.get("candidate")) != (3, "aborted", name) or shop.runs(surface):
            count.wrong(f"{name}: exit {guard.returncode}, {found.get('state')}: {errors.decode()[-300:]}")
        shop.releases.resume(surface=surface)
    return list(took.values())
