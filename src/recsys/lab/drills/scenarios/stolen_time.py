"""Whatever lies below the machine takes its time away, again and again: answers are right, and late."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Finding, Scenario, live

_PEOPLE_WHO_WAIT = 300
_STANDS_S, _RUNS_S = 0.08, 0.02


@contextmanager
def _standing_still(sandbox: Sandbox) -> Iterator[None]:
    workers = [child.pid for name, child in sandbox.children().items() if name.startswith("worker-")]
    over = threading.Event()

    def take_time() -> None:
        while not over.wait(_RUNS_S):
            for worker in workers:
                os.kill(worker, signal.SIGSTOP)
            over.wait(_STANDS_S)
            for worker in workers:
                os.kill(worker, signal.SIGCONT)

    thief = threading.Thread(target=take_time)
    thief.start()
    try:
        yield
    finally:
        over.set()
        thief.join()


def _for_a_while(sandbox: Sandbox) -> None:
    with _standing_still(sandbox):
        sandbox.crowd.wait(_PEOPLE_WHO_WAIT)


def _machine_moved(_sandbox: Sandbox, _finding: Finding) -> None:
    """It has ended; what people waited for stands in the logs."""


scenario = Scenario(
    title="The machine stands still, again and again",
    acts=(
        Act(
            happens=_for_a_while,
            expected=Expected(symptom="latency", cause="at p99"),
            pull=_machine_moved,
            cured=live,
            lasts=True,
        ),
    ),
)
