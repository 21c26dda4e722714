"""Several processes and one store on disk: who wins, who is refused, and what a killed one leaves."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def run(scenario: str, path: Path, **numbers: int) -> Any:
    """Run a scenario of ``races`` in a process of its own, which forks the others."""
    command = [sys.executable, "-m", "tests.integration.releases.races", scenario, str(path)]
    command += [f"{name}={number}" for name, number in numbers.items()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_publisher_killed_at_any_moment_leaves_a_whole_log_and_the_next_publish_works(tmp_path: Path, seed: int):
    seen = run("killed", tmp_path / "store", kills=20, seed=seed)
    assert seen["lost"] == []
    assert seen["unsound"] == []
    assert seen["acknowledged"] >= 20
    assert seen["generations"] >= seen["acknowledged"]


def test_of_two_who_ship_one_surface_one_wins_and_the_other_is_refused_or_goes_after(tmp_path: Path):
    seen = run("two", tmp_path / "store", rounds=4)
    assert seen["sound"]
    for race in seen["same"]:
        codes = sorted(code for code, _ in race["ends"])
        shipped = sorted(n for _, said in race["ends"] for n in said)
        assert codes in ([0, 0], [0, 3])  # [0, 0] when the second began after the first had ended
        assert shipped == list(range(race["before"] + 1, race["head"] + 1))
        assert len(shipped) == codes.count(0)
    for race in seen["apart"]:
        assert race["codes"] == [0, 0]
        assert race["head"] == race["before"] + 2
        assert race["served"]


def test_sixteen_at_once_lose_no_update(tmp_path: Path):
    seen = run("crowd", tmp_path / "store", processes=16, commits=4)
    assert seen["codes"] == [0] * 16
    assert seen["generations"] == list(range(2, 66))
    assert (seen["head"], seen["withdrawn"]) == (65, 64)
    assert seen["sound"]


def test_a_hold_wins_against_sixteen_publishers_and_rollbacks_pass_it(tmp_path: Path):
    seen = run("holds", tmp_path / "store", publishers=16, trials=4)
    assert seen["late"] == []
    assert seen["rollbacks"] == 4
    assert seen["shipped"] > 4
    assert seen["sound"]
