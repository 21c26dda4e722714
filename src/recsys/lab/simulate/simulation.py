"""``recsys simulate``: a shop, its past, and the truth beside it, in one directory."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, get_args

import msgspec

from recsys.encoding import Invalid, canonical, did_you_mean
from recsys.errors import Refused
from recsys.lab.simulate.behaviour import BEHAVIOUR, Behaviour
from recsys.lab.simulate.history import days_of
from recsys.lab.simulate.oldshop import OldShop
from recsys.lab.simulate.truth import KIND, truth_of
from recsys.lab.simulate.world import LONGEST_HISTORY_DAYS, World
from recsys.lab.simulate.writing import STREAMS, FileFormat, Writer
from recsys.progress import Progress, silent

__all__ = ["DEFAULTS", "LIMITS", "Defaults", "SimulationReport", "simulate"]


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What ``recsys simulate`` makes when it is not told otherwise."""

    users: int = 2000
    items: int = 500
    days: int = 30
    seed: int = 1


DEFAULTS = Defaults()
EVENTS_PER_USER_DAY = 1.35
"""Without ``events``: the defaults then give some 80,000 interactions."""

LIMITS = {
    "users": (1, 5_000_000),  # the tastes of a user take 120 bytes of memory
    "items": (1, 2_000_000),  # an item takes 150 bytes, and its id and title a Python string each
    "days": (1, LONGEST_HISTORY_DAYS),  # most goods must be older than the history
    "seed": (0, 2**63 - 1),
    "events": (1, 1_000_000_000),
}


class SimulationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was made. ``files`` and ``rows`` are by name: the four streams, ``catalog`` and ``truth``."""

    out: Path
    tag: str
    files: dict[str, Path]
    rows: dict[str, int]
    seconds: float


def simulate(
    *,
    users: int,
    items: int,
    days: int,
    seed: int,
    format: FileFormat,
    out: Path,
    end: date,
    events: int | None = None,
    behaviour: Behaviour = BEHAVIOUR,
    progress: Progress = silent,
    clock: Callable[[], float] = time.perf_counter,
) -> SimulationReport:
    """Simulate a shop's past up to the end of the UTC day ``end`` and write it to a directory.

    The same arguments (but ``out``) give the same bytes. ``events`` is the exact number of organic
    interactions; lists and outcomes come on top. The files appear together, and ``truth.json`` last: a
    directory without it is no simulation.

    Raises
    ------
    Invalid
        A number out of its bounds.
    Refused
        The directory holds something that is not a former simulation.
    """
    started = clock()
    wanted = max(1, round(EVENTS_PER_USER_DAY * users * days)) if events is None else events
    parameters = {"users": users, "items": items, "days": days, "seed": seed, "events": wanted}
    for name, value in parameters.items():
        _check_bounds(name, value)
    if format not in get_args(FileFormat):
        raise Invalid("format", f"`{format}` is not known", suggestion=did_you_mean(format, get_args(FileFormat)))
    _check_out(out)
    described: dict[str, Any] = {**parameters, "end": end.isoformat()}
    tag = hashlib.sha256(canonical([described, behaviour.document()])).hexdigest()[:8]
    with progress("drawing the shop"):
        world = World.make(users=users, items=items, seed=seed)
        old = OldShop.open(world, days=days)
    parent, name = out.resolve().parent, out.resolve().name
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=parent, ignore_cleanup_errors=True) as partial:
        with closing(Writer(world, directory=Path(partial), tag=tag, length=old.length)) as writer:
            with progress("living the days", total=wanted) as advance:
                for batch in days_of(world, behaviour, old, days=days, end=end, events=wanted):
                    writer.add(batch)
                    advance(len(batch.interactions["ts"]))
            with progress("writing", total=len(STREAMS) + 1) as advance:
                written = {}
                for stream in STREAMS:
                    written[stream] = writer.write(stream, form=format)
                    advance(1)
                written["catalog"] = writer.write_catalogue(form=format, end=end)
                advance(1)
        truth = Path(partial) / "truth.json"
        told = truth_of(world, behaviour, old, parameters=described, tag=tag)
        truth.write_bytes(msgspec.json.encode(told) + b"\n")
        _clear(out)
        files = {name: path.replace(out / path.name) for name, (path, _) in written.items()}
        files["truth"] = truth.replace(out / truth.name)
    rows = {name: count for name, (_, count) in written.items()} | {"truth": 1}
    return SimulationReport(out=out, tag=tag, files=files, rows=rows, seconds=clock() - started)


def _check_bounds(name: str, value: int) -> None:
    low, high = LIMITS[name]
    if not low <= value <= high:
        raise Invalid(name, f"{value} is not between {low} and {high}", suggestion=f"give --{name} within them")


def _check_out(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise Refused(f"{out} is not a directory", next_step="name a new directory with --out")
    if any(out.iterdir()) and not _is_simulation(out):
        raise Refused(
            f"{out} is not empty and holds no former simulation",
            next_step="name a new directory with --out, or empty this one",
        )


def _is_simulation(out: Path) -> bool:
    try:
        truth = msgspec.json.decode((out / "truth.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return False
    return isinstance(truth, dict) and truth.get("kind") == KIND


def _clear(out: Path) -> None:
    """Take a former simulation away, its truth first, and nothing else."""
    out.mkdir(exist_ok=True)
    (out / "truth.json").unlink(missing_ok=True)
    for name in (*STREAMS, "catalog"):
        for form in get_args(FileFormat):
            (out / f"{name}.{form}").unlink(missing_ok=True)
