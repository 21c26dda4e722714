"""``recsys bench quality``: how well recommendations foretell what people take next."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from recsys.cli.options import day
from recsys.cli.pipelines import CatalogOption, MappingOption
from recsys.cli.terminal import escape, terminal
from recsys.documents import canonical_config
from recsys.encoding import canonical, decode
from recsys.errors import UsageError

__all__ = ["bench_quality"]


def bench_quality(
    events: Annotated[
        list[str], typer.Option("--events", help="A file or glob (JSONL, CSV, Parquet; .gz too); may be repeated.")
    ],
    train_end: Annotated[str, typer.Option(help="The last day the artifacts may know; what follows is the test.")],
    catalog: CatalogOption = None,
    mapping: MappingOption = None,
    start: Annotated[str | None, typer.Option(help="The first day of training; default a year before its end.")] = None,
    validation_days: Annotated[int, typer.Option(help="Days up to --train-end to fit weights on.", min=1)] = 31,
    test_days: Annotated[int, typer.Option(help="Days after --train-end to take the next basket from.", min=1)] = 31,
    k: Annotated[int, typer.Option("--k", help="Length of the lists.", min=1, max=200)] = 20,
    customers: Annotated[int, typer.Option(help="Customers to ask about, at most.", min=2)] = 5000,
    wanted: Annotated[
        list[str] | None,
        typer.Option(
            help="A type of events whose items lists should hold, as conversion; may be repeated; default all."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the search for weights and of the intervals.", min=0)] = 1,
    config: Annotated[Path | None, typer.Option(help="A config document: parameters of its signals count.")] = None,
    weights: Annotated[
        str | None, typer.Option(help='Weights of the blend as JSON, {"popularity": 0.1}; default: fit them.')
    ] = None,
    no_references: Annotated[bool, typer.Option("--no-references", help="Leave others' methods out.")] = False,
    write_config: Annotated[
        Path | None, typer.Option(help="Write the weights here as a config document for `recsys config put`.")
    ] = None,
) -> None:
    """Measure how well each signal, the blend and others' methods foretell each customer's next basket."""
    from recsys.lab.bench.quality import run

    _writable(write_config)
    last = day(train_end)
    report = run(
        events=events,
        catalog=catalog or (),
        mapping=mapping,
        train_end=last,
        start=day(start, default=last - timedelta(days=364)),
        validation_days=validation_days,
        test_days=test_days,
        k=k,
        most=customers,
        wanted=wanted or (),
        seed=seed,
        config=_document(config),
        weights=None if weights is None else _weights(weights),
        with_references=not no_references,
        progress=terminal.progress,
    )
    if write_config is not None:
        write_config.write_bytes(canonical_config(canonical({"weights": report.weights})) + b"\n")

    def people() -> None:
        terminal.say(escape(report.table()))
        if write_config is not None:
            terminal.say(f"put the weights in force: recsys config put {escape(str(write_config))}")

    terminal.finish(report, people)


def _writable(path: Path | None) -> None:
    """Refuse now what would fail after minutes of measuring."""
    if path is not None and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
        raise UsageError(f"cannot write {path}", next_step="give --write-config a file in a folder that is there")


def _weights(text: str) -> dict[str, float]:
    """Read weights as a config may hold them."""
    found = decode(text.encode(), dict[str, float], what="--weights")
    canonical_config(canonical({"weights": found}))
    return found


def _document(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", next_step="give a config document") from None
    found: dict[str, object] = msgspec.json.decode(canonical_config(data))
    return found
