"""Something else on the host takes all of its processors: answers are right, and late."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Finding, Scenario, live

_FOR_EACH_CORE = 8
_PEOPLE_WHO_WAIT = 150
_BUSY = "while True: pass"


@contextmanager
def _noise() -> Iterator[None]:
    many = _FOR_EACH_CORE * len(os.sched_getaffinity(0))
    neighbours = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(many)]
    try:
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


def _for_a_while(sandbox: Sandbox) -> None:
    with _noise():
        sandbox.crowd.wait(_PEOPLE_WHO_WAIT)


def _neighbour_sent_away(_sandbox: Sandbox, _finding: Finding) -> None:
    """It has ended; what people waited for stands in the logs."""


scenario = Scenario(
    title="Another program takes the host's processors",
    acts=(
        Act(
            happens=_for_a_while,
            expected=Expected(symptom="latency", cause="at p99"),
            pull=_neighbour_sent_away,
            cured=live,
            lasts=True,
        ),
    ),
)
