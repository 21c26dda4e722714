"""A rollback works whatever else is going on: while held, while pipelines run, with the service down, from a machine
that has only the store; and who asks is told when every host serves it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.integration.serving.shops import Shop, served, until
from tests.unit.pipelines.shops import END, START, visits, write_jsonl

import recsys
from recsys.pipelines import run as run_pipeline
from recsys.releases import Held
from recsys.replicas import Heartbeat, Replica, write_heartbeat

pytestmark = pytest.mark.long


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop that served the marks a, b and c: generations 2, 3 and 4."""
    made = Shop(tmp_path)
    for mark in "abc":
        made.ship(mark)
    return made


class Command:
    """The command line in a process of its own, in an empty directory with an empty home."""

    def __init__(self, store: Path, room: Path) -> None:
        room.mkdir(parents=True)
        self.room = room
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
        self._environment = {**kept, "HOME": str(room), "RECSYS_ACTOR": "ops"}
        self._store = store

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "recsys", "--store", str(self._store), *words],
            cwd=self.room,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, code: int = 0) -> Any:
        process = self.start(*words, "--json")
        said, complaint = process.communicate(timeout=120)
        assert process.returncode == code, complaint
        return json.loads(said)


@pytest.fixture
def command(shop: Shop) -> Command:
    return Command(shop.root / "store", shop.root / "elsewhere")


BACK = ("releases", "rollback", "--tenant", "demo", "--lever", "artifacts", "--surface", "home")


def test_while_everything_is_held(shop: Shop, command: Command) -> None:
    shop.releases.hold(reason="freeze")
    with pytest.raises(Held):
        shop.ship("d")
    assert command(*BACK, "--reason", "c is bad")["restores"] == 3
    assert shop.releases.current().surfaces == shop.releases.read(3).surfaces


@pytest.mark.parametrize("stage", ["ingest", "compute", "publish"])
def test_while_pipelines_run_which_then_cannot_ship_the_incident_again(shop: Shop, tmp_path: Path, stage: str) -> None:
    there, go_on = threading.Event(), threading.Event()

    @contextmanager
    def stops(name: str, *, total: int | None = None):
        if name == stage:
            there.set()
            assert go_on.wait(60)
        yield lambda _units: None

    events = write_jsonl(tmp_path / "events.jsonl", visits())
    ended: list[BaseException | None] = []

    def run() -> None:
        target = recsys.open(shop.root / "store", actor="pipeline").tenant("demo")
        try:
            run_pipeline(
                target,
                surface="home",
                events=events,
                start=START,
                end=END,
                allow_less=True,
                force=True,
                reason="nightly",
                progress=stops,
            )
            ended.append(None)
        except Held as error:
            ended.append(error)

    running = threading.Thread(target=run)
    running.start()
    try:
        until(there.is_set, f"the run to be at {stage}")
        change = shop.releases.rollback("artifacts", surface="home", reason="c is bad")
        assert change.committed
    finally:
        go_on.set()
        running.join(60)
    assert isinstance(ended[0], Held), ended
    assert shop.releases.current().generation == change.release.generation


def test_with_the_service_down_it_comes_up_with_what_was_brought_back(shop: Shop, command: Command) -> None:
    with served(shop) as service:
        assert service.answers_from(4).marks == {"c"}
    assert command(*BACK, "--reason", "c is bad")["generation"] == 5
    with served(shop) as service:
        assert service.answers_from(5).marks == {"b"}


def test_from_a_machine_that_has_only_the_store(shop: Shop, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copytree(shop.root / "store", bare / "store")
    elsewhere = Command(bare / "store", bare / "empty")
    done = elsewhere(*BACK, "--reason", "c is bad")
    assert (done["restores"], done["verified"], done["held"]) == (3, True, True)
    assert elsewhere("releases", "verify", "--tenant", "demo")["sound"]
    assert sorted(path.name for path in bare.iterdir()) == ["empty", "store"]
    assert not any(elsewhere.room.iterdir())


def test_it_returns_when_every_host_serves_it(shop: Shop, command: Command) -> None:
    with served(shop) as service:
        service.answers_from(4)
        done = command(*BACK, "--wait", "--timeout", "60")
        assert done["waited"]["behind"] == {}
        assert len(done["waited"]["serving"]) == 1
        assert service.answers_from(5).marks == {"b"}
        again = command("releases", "undo", "--tenant", "demo", "--wait", "--timeout", "60")
        assert (again["generation"], again["waited"]["generation"]) == (6, 6)


def beat(shop: Shop, host: str, **replica: Any) -> None:
    tenants = {"demo": Replica(**{"generation": 4, "head": 4, **replica})}
    beat = Heartbeat(host=host, at="2026-11-22T00:00:00Z", format=2, tenants=tenants)
    write_heartbeat(shop.store.objects, beat)


def test_who_does_not_serve_it_by_the_timeout_is_named_and_the_rollback_stands(shop: Shop, command: Command) -> None:
    beat(shop, "a", rejected="catalog: damaged")
    beat(shop, "b", pinned=4)
    done = command(*BACK, "--wait", "--timeout", "0.5", code=1)
    assert done["committed"]
    assert done["waited"]["behind"] == {"a": "it serves generation 4 and refuses a newer one: catalog: damaged"}
    assert done["waited"]["pinned"] == {"b": 4}
    assert shop.releases.current().action == "rollback"


def test_ctrl_c_ends_the_waiting_alone(shop: Shop, command: Command) -> None:
    beat(shop, "a")
    process = command.start(*BACK, "--wait", "--timeout", "100")
    assert process.stdout is not None
    assert "generation 5" in process.stdout.readline()
    assert "undo" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "generation 5 stands" in " ".join(complaint.split())
    assert shop.releases.current().generation == 5
