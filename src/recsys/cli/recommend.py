"""``recsys recommend`` and ``recsys similar``: the real core, without a server."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from recsys.cli.options import SegmentOption, SurfaceOption, TenantOption, open_tenant
from recsys.cli.terminal import escape, terminal
from recsys.encoding import decode
from recsys.errors import UsageError
from recsys.events.schemas import RankedItem, RankList
from recsys.library import Recommendations
from recsys.ranking.request import Answer, RecommendRequest
from recsys.releases.ship import manifest_of

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command tree."""
    app.command("recommend", epilog="Example: recsys recommend --surface home --history mug-1,pot-3 --k 5")(recommend)
    app.command("similar", epilog="Example: recsys similar mug-1 --surface home --k 5")(similar)


KOption = Annotated[int, typer.Option("--k", help="How many items.", min=1, max=200)]
AtOption = Annotated[int | None, typer.Option("--at", help="Answer from this generation; default the newest.")]
ManifestOption = Annotated[str | None, typer.Option("--manifest", help="Answer as if this manifest were live.")]


def recommend(
    surface: SurfaceOption,
    tenant: TenantOption = None,
    segment: SegmentOption = None,
    history: Annotated[str, typer.Option(help="Item ids the user dealt with, newest first, with commas.")] = "",
    requests: Annotated[
        Path | None,
        typer.Option(help="JSONL of requests as /v1/recommend takes them, each with a request_id."),
    ] = None,
    at: AtOption = None,
    manifest: ManifestOption = None,
    k: KOption = 20,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show each signal's part of the score and the rules.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write ranklist.v1 lines here; with --requests.")] = None,
    ranker: Annotated[
        str | None, typer.Option(help="The name of this ranker in the lists written. Default: the manifest's digest.")
    ] = None,
) -> None:
    """Rank offline with the core the service uses, at any generation; shows titles."""
    of = open_tenant(tenant)
    if requests is not None:
        release = of.releases.current() if at is None else of.releases.read(at)
        named = ranker or manifest or manifest_of(release, surface) or "floor"
        _write_lists(of.rank_all(_requests(requests, surface), at=at, manifest=manifest), out, named)
        return
    answer = of.recommend(
        surface,
        segment=segment,
        k=k,
        history=[item for item in history.split(",") if item],
        at=at,
        manifest=manifest,
        explain="summary" if explain else "none",
    )
    _show(answer, explain=explain)


def similar(
    item_id: str, surface: SurfaceOption, tenant: TenantOption = None, at: AtOption = None, k: KOption = 20
) -> None:
    """Show the neighbours of an item."""
    _show(open_tenant(tenant).similar(item_id, surface=surface, k=k, at=at), explain=False)


def _requests(path: Path, surface: str) -> Iterator[tuple[str, RecommendRequest]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", next_step="give a JSONL file of requests") from None
    for number, line in enumerate(lines, start=1):
        where = f"{path}:{number}"
        fields = decode(line, dict[str, msgspec.Raw], what=where)
        fields.setdefault("surface", msgspec.Raw(msgspec.json.encode(surface)))
        named = fields.pop("request_id", None)
        if named is None:
            raise UsageError(f"{where}: no request_id", next_step="add one to every line; the lists are joined on it")
        yield (
            decode(bytes(named), str, what=f"{where}: request_id"),
            decode(msgspec.json.encode(fields), RecommendRequest, what=where),
        )


def _write_lists(answers: Iterator[tuple[str, Answer]], out: Path | None, ranker: str) -> None:
    count = 0
    file = sys.stdout.buffer if out is None else out.open("wb")
    try:
        for request_id, answer in answers:
            items = tuple(RankedItem(item_id=item.item_id, rank=item.rank) for item in answer.items)
            file.write(msgspec.json.encode(RankList(request_id=request_id, ranker=ranker, items=items)) + b"\n")
            count += 1
    finally:
        if out is not None:
            file.close()
    if out is not None:
        terminal.finish({"lists": count, "out": str(out)}, lambda: terminal.say(f"{count} lists in {out}"))


def _show(answer: Recommendations, *, explain: bool) -> None:
    def people() -> None:
        columns = ["", "item", "title", "score"] + (["why"] if explain else [])
        table = Table(*columns, box=None, pad_edge=False)
        for item in answer.items:
            row = [str(item.rank), escape(item.item_id), escape(item.title or ""), f"{item.score:.4f}"]
            if explain:
                parts = [f"{name} {value:.3f}" for name, value in (item.signals or {}).items()]
                row.append(escape(", ".join([*parts, *(f"rule {rule}" for rule in item.rules or ())])))
            table.add_row(*row)
        terminal.people.print(table)
        for warning in answer.warnings:
            terminal.say(f"[yellow]{warning.code}[/yellow] {escape(warning.detail)}")
        terminal.say(f"[dim]{answer.tenant}, {answer.surface}, generation {answer.generation}[/dim]")

    terminal.finish(answer, people)
