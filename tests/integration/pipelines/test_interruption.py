"""A real process, a real Ctrl-C, in the middle of the engine's work."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from recsys.pipelines import last_run
from recsys.releases import Releases, create_tenant
from recsys.store import open_store

RUN = """
import signal
import sys
from types import SimpleNamespace
from recsys.pipelines import run
from recsys.store import open_store
from contextlib import contextmanager

@contextmanager
def progress(stage, *, total=None):
    print(stage, flush=True)
    yield lambda units: None

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it is ignored
target = SimpleNamespace(store=open_store(sys.argv[1]), tenant="demo", actor="tests")
window = {"start": "2026-10-01", "end": "2026-10-30"}
run(target, surface="home", events=sys.argv[2], **window, signals=["popularity", "cooc"], progress=progress)
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("stage", "sent"), [("ingest", signal.SIGINT), ("compute", signal.SIGINT), ("compute", signal.SIGKILL)]
)
def test_a_run_that_is_stopped_publishes_nothing_and_the_next_one_ships(tmp_path, stage, sent):
    events = tmp_path / "events.parquet"
    with duckdb.connect() as engine:
        engine.execute(
            "COPY (SELECT TIMESTAMP '2026-10-01' + to_hours(n % 700) AS ts, 'i' || hash(n) % 3000 AS item_id, "
            "'purchase' AS event_type, 'u' || n // 40 AS user_id, 's' || n // 20 AS session_id "
            f"FROM range(600000) AS t(n)) TO '{events}' (FORMAT parquet)"
        )
    address = str(tmp_path / "store")
    store = open_store(address)
    create_tenant(store, "demo", actor="tests")
    command = [sys.executable, "-c", RUN, address, str(events)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == stage:
            break
    _wait_until_busy(process.pid)
    os.kill(process.pid, sent)
    process.communicate(timeout=60)
    assert process.returncode != 0
    releases = Releases(store, "demo", actor="tests")
    assert releases.current().generation == 1
    record = last_run(store, "demo", "home")
    assert record is not None
    assert record.stage == stage
    if sent == signal.SIGINT:
        assert record.error_code == "INTERRUPTED"
        assert list((tmp_path / "work").iterdir()) == []
    else:
        assert record.finished is None, "a killed run looks as if it still ran: its start says since when"
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert releases.current().generation == 2


@pytest.mark.parametrize(
    "work", ["", "recsys-bench-*/measuring-*/bare-300000/*", "recsys-bench-*/measuring-*/duckdb-*"]
)
def test_sigterm_ends_a_command_as_ctrl_c_does(tmp_path, work):
    """A scheduler sends it. The bench has a process of its own below it, and files where the system keeps such; it is
    sent once these files are there, or (none) as soon as there is such a process: it has hardly begun then.
    """
    command = [sys.executable, "-m", "recsys", "bench", "pipelines", "--events", "300000", "--signals", "popularity"]
    process = subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 180
    while not (below := _children(process.pid)) or not (work == "" or list(tmp_path.glob(work))):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; nothing half done is left behind" in said
    assert list(tmp_path.iterdir()) == []
    assert not any(Path(f"/proc/{pid}").exists() for pid in below)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _wait_until_busy(pid: int, *, cpu_s: float = 0.05) -> None:
    """Wait until the process has worked a little more, so that the signal lands inside the stage's work."""
    start = _cpu_s(pid)
    deadline = time.monotonic() + 30
    while _cpu_s(pid) < start + cpu_s:
        assert time.monotonic() < deadline, "the process does nothing"


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
