"""Who is taken for hung, with processes that really run."""

import subprocess
import sys

import pytest

from recsys.serving import supervisor as module
from recsys.serving.clock import since_boot
from recsys.serving.counters import Counters
from recsys.serving.host_state import Places
from recsys.serving.settings import Settings

LOOKS = 5


@pytest.fixture
def watched(tmp_path):
    """A supervisor with one worker under way for 100 s, and the cell its tick is in."""
    places = Places(tmp_path)
    counters = Counters(places.counters / "worker-0.cells")
    cell = counters.cell("recsys_worker_tick", {"worker": "worker-0"})
    settings = Settings(host_dir=str(tmp_path), hung_s=5.0)
    supervisor = module._Supervisor(settings, places, product=None, admin=None)
    (worker,) = [child for child in supervisor._children if child.name == "worker-0"]
    worker.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    worker.started_at = since_boot() - 100.0

    def look(tick):
        counters.cells[cell] = tick
        for _ in range(LOOKS):
            supervisor._kill_hung(since_boot())

    yield worker, look
    worker.process.kill()
    worker.process.wait()
    worker.process.stdin.close()


def test_a_worker_that_still_verifies_its_files_is_not_taken_for_hung(watched):
    worker, look = watched
    look(worker.started_at - 50.0)  # what the one before it left
    assert worker.process.poll() is None
    assert worker.strikes == 0


def test_a_worker_whose_loop_stood_still_is_killed(watched):
    worker, look = watched
    look(since_boot() - 10.0)
    assert worker.process.wait(10) < 0


def test_a_worker_that_never_comes_up_is_killed_in_the_end(watched):
    worker, look = watched
    worker.started_at = since_boot() - module._BOOT_S - 1.0
    look(0.0)
    assert worker.process.wait(10) < 0
