"""Which drills there are, and all of them one after another."""

import pkgutil
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import recsys
from recsys.encoding import did_you_mean
from recsys.errors import UsageError
from recsys.lab.drills import scenarios
from recsys.lab.drills.playing import play
from recsys.lab.drills.report import Played, Report
from recsys.lab.drills.sandbox import make_template
from recsys.lab.drills.scenario import Scenario
from recsys.lab.machine import this_machine

__all__ = ["names", "read_scenario", "run"]


def names() -> tuple[str, ...]:
    """Return the name of every drill: its file's, with dashes."""
    return tuple(sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(scenarios.__path__)))


def read_scenario(name: str) -> tuple[Scenario, str]:
    """Return a drill and its story.

    Raises
    ------
    UsageError
        There is no drill of this name.
    """
    if name not in names():
        raise UsageError(
            f"there is no drill `{name}`", next_step=did_you_mean(name, names()) or "list them with: recsys drill list"
        )
    module = import_module(f"{scenarios.__name__}.{name.replace('-', '_')}")
    scenario: Scenario = module.scenario
    return scenario, " ".join((module.__doc__ or "").split())


def run(
    wanted: Sequence[str],
    *,
    keep: Path | None = None,
    begins: Callable[[str, Scenario], object] = lambda _name, _scenario: None,
    ended: Callable[[Played], object] = lambda _played: None,
) -> Report:
    """Play drills one after another, each in a sandbox of its own.

    Parameters
    ----------
    keep
        Leave every sandbox here, to look at; by default they are gone at the end. A folder that is new or empty.
    begins, ended
        Hear of each drill.
    """
    chosen = [(name, *read_scenario(name)) for name in dict.fromkeys(wanted)]
    at, began = datetime.now(UTC), time.monotonic()
    with TemporaryDirectory(prefix="recsys-drill-") as made:
        folder = Path(made) if keep is None else keep
        template = folder / "template"
        template.mkdir(parents=True)
        make_template(template)
        played = []
        for name, scenario, story in chosen:
            begins(name, scenario)
            played.append(play(name, scenario, story=story, template=template, folder=folder / name))
            ended(played[-1])
            if keep is None:
                shutil.rmtree(folder / name, ignore_errors=True)
    return Report(
        at=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        version=recsys.__version__,
        passed=all(one.passed for one in played),
        seconds=time.monotonic() - began,
        machine=this_machine(),
        scenarios=tuple(played),
    )
