"""Scenarios that fork run in a process of their own, which has one thread; several of them side by side."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

__all__ = ["main", "scenario", "side_by_side"]

ROOT = Path(__file__).parents[2]
_DEADLINE_S = 7_000.0


def scenario(module: str, name: str, path: Path, **given: int | str) -> Any:
    """Run ``name`` of ``tests.faults.<module>`` on the directory ``path``; return what it returned, through JSON."""
    command = [sys.executable, "-m", f"tests.faults.{module}", name, str(path), json.dumps(given)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{name} {given} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def side_by_side(module: str, name: str, path: Path, runs: Iterable[dict[str, int | str]]) -> list[Any]:
    """Run a scenario once for each of ``runs``, a core each, in directories of their own."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        begun = [pool.submit(scenario, module, name, path / str(n), **given) for n, given in enumerate(runs)]
        return [one.result() for one in begun]


def main(scenarios: dict[str, Any]) -> None:
    """Be the process of a scenario: its result is the last line of standard output."""
    name, path, given = sys.argv[1:]
    Path(path).mkdir(parents=True, exist_ok=True)
    result = scenarios[name](Path(path), **json.loads(given))
    print(json.dumps(result))
