"""``recsys bench``: measurements anyone can repeat."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from recsys.cli.options import ends_on_sigterm
from recsys.cli.quality import bench_quality
from recsys.cli.terminal import escape, terminal
from recsys.encoding import convert
from recsys.errors import UsageError

__all__ = ["add_to"]

bench = typer.Typer(
    no_args_is_help=True,
    help="Measure this machine; prints the figures, the machine and the versions.",
    callback=ends_on_sigterm,
)


def add_to(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    bench.command(
        "quality",
        epilog="Example: recsys bench quality --events 2009-2010.parquet --mapping examples/online-retail.yaml "
        "--train-end 2010-11-08 --write-config weights.json",
    )(bench_quality)
    app.add_typer(bench, name="bench")


@bench.command("serve", epilog="Example: recsys bench serve --items 100000 --seconds 30")
def bench_serve(
    items: Annotated[int, typer.Option(help="How many items.")] = 100_000,
    users: Annotated[int, typer.Option(help="How many distinct users ask.")] = 10_000,
    connections: Annotated[int, typer.Option(help="How many connections.")] = 32,
    seconds: Annotated[float, typer.Option(help="How long each measurement takes.")] = 10.0,
    profile: Annotated[Path | None, typer.Option(help="Write a profile of the answer's path here, as text.")] = None,
) -> None:
    """Measure answers a second of one worker on one core, against a static answer of the same server."""
    from recsys.lab.bench.serve import run

    report = run(
        items=items,
        users=users,
        connections=connections,
        seconds=seconds,
        profile=profile,
        progress=terminal.progress,
    )
    terminal.finish(report, lambda: terminal.say(report.table()))


@bench.command("growth", epilog="Example: recsys bench growth --items 1000,100000 --users 10000 --tenants 1,100")
def bench_growth(
    items: Annotated[str, typer.Option(help="Sizes of shops to ask, with commas.")] = "1000,10000,100000,1000000",
    users: Annotated[str, typer.Option(help="Numbers of users with a profile.")] = "10000,100000,1000000,10000000",
    tenants: Annotated[str, typer.Option(help="Numbers of tenants to serve, with commas.")] = "1,10,100,1000",
    seconds: Annotated[float, typer.Option(help="How long each turn takes.", min=0.1)] = 3.0,
    turns: Annotated[int, typer.Option(help="How often each size is asked; the best counts.", min=1)] = 3,
) -> None:
    """Measure how the time of an answer grows with items, users and tenants, and the memory of a second worker."""
    from recsys.lab.bench.growth import run

    report = run(
        items=_sizes(items, "items"),
        users=_sizes(users, "users"),
        tenants=_sizes(tenants, "tenants"),
        seconds=seconds,
        turns=turns,
        progress=terminal.progress,
        say=terminal.say,
    )
    terminal.finish(report, lambda: terminal.say(report.table()))


def _sizes(text: str, what: str) -> tuple[int, ...]:
    """Read sizes as people type them, smallest first: 1000,100000."""
    try:
        found = tuple(sorted(int(part) for part in text.split(",")))
    except ValueError:
        found = ()
    if not found or found[0] < 1:
        raise UsageError(f"--{what} {text} is not a list of sizes", next_step="write it like 1000,100000")
    return found


@bench.command("scale", epilog="Example: recsys bench scale")
def bench_scale() -> None:
    """Work out what the design costs far above this machine, from what was measured: events, users, items, hosts."""
    from recsys.lab.scale import tables

    found = tables()
    terminal.finish(found, lambda: terminal.say(escape(found.table())))


@bench.command("boot", epilog="Example: recsys bench boot --restarts 20")
def bench_boot(
    items: Annotated[int, typer.Option(help="How many items.", min=1)] = 100_000,
    restarts: Annotated[int, typer.Option(help="How many restarts, with the store there and away each.", min=1)] = 20,
) -> None:
    """Measure the time from a start to the first answer, with the store there and away."""
    from recsys.lab.bench.boot import run

    report = run(items=items, restarts=restarts, progress=terminal.progress)
    terminal.finish(report, lambda: terminal.say(report.table()))


@bench.command("rollback", epilog="Example: recsys bench rollback --rollbacks 50 --workers 8")
def bench_rollback(
    items: Annotated[int, typer.Option(help="How many items: sets the size of the artifacts.", min=1)] = 100_000,
    rollbacks: Annotated[int, typer.Option(help="How many rollbacks.", min=1)] = 50,
    workers: Annotated[int, typer.Option(help="How many workers answer.", min=1, max=64)] = 8,
    cold: Annotated[bool, typer.Option("--cold", help="The host gets nothing ready beforehand.")] = False,
) -> None:
    """Measure the time from a rollback's return to the last old answer of any worker, under load."""
    from recsys.lab.bench.rollback import run

    report = run(items=items, rollbacks=rollbacks, workers=workers, cold=cold, progress=terminal.progress)
    terminal.finish(report, lambda: terminal.say(report.table()))


@bench.command("pipelines", epilog="Example: recsys bench pipelines --events 1000000,10000000 --folder var/bench")
def bench_pipelines(
    events: Annotated[str, typer.Option(help="Numbers of events, with commas.")] = "1000000,10000000",
    users: Annotated[int | None, typer.Option(help="How many users; default one for every 20 events.", min=1)] = None,
    items: Annotated[int, typer.Option(help="How many items.", min=1)] = 100_000,
    days: Annotated[int, typer.Option(help="How many days of events.", min=1)] = 30,
    signals: Annotated[str | None, typer.Option(help="What the whole run computes, with commas; default all.")] = None,
    engine: Annotated[str, typer.Option(help="Engines to run, with commas; the first is compared with.")] = "duckdb",
    master: Annotated[str | None, typer.Option(help="The Spark master, where an engine is spark.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, shape and end, same events.", min=0, max=1_000_000)] = 1,
    folder: Annotated[Path | None, typer.Option(help="Keep the events here, and take those that are there.")] = None,
) -> None:
    """Measure whole runs of the pipelines as events grow: time by stage, peak memory, and against bare queries."""
    from recsys.lab.bench.pipelines import Plan, run
    from recsys.pipelines.compute import choose_signals
    from recsys.pipelines.engines import EngineName

    chosen = tuple(choose_signals(signals.split(","))) if signals else ()
    plan = Plan(
        events=_sizes(events, "events"),
        users=users,
        items=items,
        days=days,
        signals=chosen,
        engines=convert(engine.split(","), tuple[EngineName, ...], what="--engine"),
        master=master,
        seed=seed,
    )
    report = run(plan, folder=folder, progress=terminal.progress, say=terminal.say)
    terminal.finish(report, lambda: terminal.say(report.table()))


@bench.command("releases", epilog="Example: recsys bench releases --publishers 8 --seconds 5")
def bench_releases(
    publishers: Annotated[int, typer.Option(help="How many processes publish at once.", min=1, max=64)] = 8,
    seconds: Annotated[float, typer.Option(help="How long each measurement takes.", min=0.05)] = 3.0,
    folder: Annotated[Path, typer.Option(help="Where to measure; what is made there is removed.")] = Path("var"),
) -> None:
    """Measure durable commits a second of publishers racing on one tenant, against the disk's own rate."""
    from recsys.lab.bench.releases import run

    report = run(publishers=publishers, seconds=seconds, folder=folder, progress=terminal.progress)
    terminal.finish(report, lambda: terminal.say(report.table()))


@bench.command("eval", epilog="Example: recsys bench eval --exposures 10000000 --outcomes 3000000 --folder var/bench")
def bench_eval(
    exposures: Annotated[int, typer.Option(help="How many exposures.", min=500)] = 10_000_000,
    outcomes: Annotated[int, typer.Option(help="How many outcomes; a multiple of 6.", min=600)] = 3_000_000,
    items: Annotated[int, typer.Option(help="How many items each list has.")] = 10,
    slices: Annotated[int, typer.Option(help="How many slices, of three keys together.")] = 48,
    kinds: Annotated[str, typer.Option(help="Kinds of files to judge, with commas.")] = "parquet,jsonl",
    mode: Annotated[
        Literal["offline", "experiment", "ope"],
        typer.Option(help="What is evaluated; beside offline stands a bare query."),
    ] = "offline",
    seed: Annotated[int, typer.Option(help="Same seed and shape, same log.", min=0, max=1_000_000)] = 1,
    folder: Annotated[Path | None, typer.Option(help="Keep the log here, and take it if it is there.")] = None,
) -> None:
    """Measure an evaluation of a large log: time and memory, beside the bare query that finds the same numbers."""
    from recsys.lab.bench.evaluation import run
    from recsys.lab.bench.log import LogShape

    wanted = tuple(kinds.split(","))
    if not set(wanted) <= {"parquet", "jsonl"}:
        raise UsageError(f"--kinds {kinds} are no kinds of files", next_step="parquet, jsonl, or both with a comma")
    shape = LogShape(exposures=exposures, outcomes=outcomes, items=items, slices=slices, mode=mode, seed=seed)
    report = run(shape, kinds=wanted, folder=folder, progress=terminal.progress, say=terminal.say)
    terminal.finish(report, lambda: terminal.say(report.table()))
