"""``recsys recommend`` and ``recsys similar``: the real core, without a server."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from recsys.access import load_directory
from recsys.cli.options import SegmentOption, SurfaceOption, TenantOption, open_tenant
from recsys.cli.side_by_side import print_side_by_side
from recsys.cli.terminal import escape, terminal
from recsys.encoding import decode
from recsys.errors import UsageError
from recsys.events import is_erased
from recsys.events.schemas import RankedItem, RankList
from recsys.library import Recommendations, Tenant
from recsys.ranking.request import Answer, HistoryEvent, Options, RecommendRequest, User
from recsys.releases.erase import erased_in
from recsys.releases.ship import manifest_of

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command tree."""
    app.command(
        "recommend",
        epilog="Examples: recsys recommend --surface home --history mug-1,pot-3 --k 5 · "
        "recsys recommend --surface home --user u-1001 --at 41 --against 42",
    )(recommend)
    app.command("similar", epilog="Example: recsys similar mug-1 --surface home --k 5")(similar)


KOption = Annotated[int, typer.Option("--k", help="How many items.", min=1, max=200)]
AtOption = Annotated[int | None, typer.Option("--at", help="Answer from this generation; default the newest.")]
ManifestOption = Annotated[str | None, typer.Option("--manifest", help="Answer as if this manifest were live.")]


def recommend(
    surface: SurfaceOption,
    tenant: TenantOption = None,
    segment: SegmentOption = None,
    user: Annotated[
        str | None,
        typer.Option(help="The raw id of a user; without --history, what the release's profiles know of them is used."),
    ] = None,
    history: Annotated[str, typer.Option(help="Item ids the user dealt with, newest first, with commas.")] = "",
    requests: Annotated[
        Path | None,
        typer.Option(help="JSONL of requests as /v1/recommend takes them, each with a request_id."),
    ] = None,
    at: AtOption = None,
    manifest: ManifestOption = None,
    against: Annotated[
        int | None,
        typer.Option(help="Put the list of --at (default the newest) beside that of this generation.", min=1),
    ] = None,
    arm: Annotated[
        str | None,
        typer.Option(help="With --against: `candidate`, or the variant of an experiment, as far as there is one."),
    ] = None,
    k: KOption = 20,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show each signal's part of the score and the rules.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write ranklist.v1 lines here; with --requests.")] = None,
    ranker: Annotated[
        str | None, typer.Option(help="The name of this ranker in the lists written. Default: the manifest's digest.")
    ] = None,
) -> None:
    """Rank offline with the core the service uses, at any generation or at two side by side; shows titles."""
    if requests is not None and (user is not None or history):
        raise UsageError("each request of a file says who asks", next_step="leave --user and --history out")
    of = open_tenant(tenant)
    items = [item for item in history.split(",") if item]
    if against is not None:
        if manifest is not None or out is not None or ranker is not None or explain:
            raise UsageError(
                "--against shows two lists", next_step="leave --manifest, --out, --ranker and --explain out"
            )
        asked = _request(surface, segment=segment, user=user, history=items, k=k)
        many = [("", asked)] if requests is None else _requests(requests, surface)
        _beside(of, many, at, against, arm=arm, alone=requests is None)
        return
    if arm is not None:
        raise UsageError("--arm says which arm to compare", next_step="add --against N, or leave --arm out")
    if requests is not None:
        release = of.releases.current() if at is None else of.releases.read(at)
        named = ranker or manifest or manifest_of(release, surface) or "floor"
        _write_lists(of.rank_all(_requests(requests, surface), at=at, manifest=manifest), out, named)
        return
    asked = _request(surface, segment=segment, user=user, history=items, k=k, explain=explain)
    now = time.time()
    if user is not None:
        asked = _as_known(of, asked, at=at, manifest=manifest, now=now)
    _show(of.answer(asked, at=at, manifest=manifest, now=now), explain=explain)


def _request(
    surface: str, *, segment: str | None, user: str | None, history: list[str], k: int, explain: bool = False
) -> RecommendRequest:
    """Make the request, its ids raw."""
    return RecommendRequest(
        surface=surface,
        segment=segment,
        k=k,
        user=User(user_id=user, history=tuple(HistoryEvent(item_id=item) for item in history)),
        options=Options(explain="summary" if explain else "none"),
    )


def _under_pseudonyms(of: Tenant) -> Callable[[RecommendRequest], RecommendRequest]:
    """Return what puts pseudonyms in the place of a request's raw ids, as the service does."""
    from recsys.serving.pseudonym_cache import pseudonymous_user

    pseudonyms = load_directory(of.store).tenant(of.tenant).pseudonyms
    return lambda request: msgspec.structs.replace(request, user=pseudonymous_user(request.user, pseudonyms.of))


def _as_known(
    of: Tenant, request: RecommendRequest, *, at: int | None, manifest: str | None, now: float
) -> RecommendRequest:
    """Return the request of a user with what the release knows of them; one who was erased is nobody."""
    from recsys.operations.known import with_profile

    asked = _under_pseudonyms(of)(request)
    if is_erased(asked.user, erased_in(of.releases.current(), of.releases.history)):
        terminal.warn("this user was erased: nobody in particular asks")
        return msgspec.structs.replace(asked, user=User())
    return with_profile(of.snapshot(at=at, manifest=manifest), asked, now=now)


def _beside(
    of: Tenant,
    asked: Iterable[tuple[str, RecommendRequest]],
    at: int | None,
    against: int,
    *,
    arm: str | None,
    alone: bool,
) -> None:
    """Rank requests at two generations and end the command; exits 1 where a list cannot be had."""
    from recsys.operations.side_by_side import Comparing

    comparing, now = Comparing(of.store, of.tenant, cache=of.cache), time.time()
    a = of.releases.current().generation if at is None else at
    hashed = _under_pseudonyms(of)
    found = [
        comparing.request(hashed(request), a, against, now=now, arm=arm, request_id=request_id)
        for request_id, request in asked
    ]

    def people() -> None:
        for one in found:
            if alone or not one.same:
                print_side_by_side(one)
                terminal.say()
        if not alone:
            other = sum(one.same is False for one in found)
            terminal.say(f"{other} of {len(found)} lists differ between generations {a} and {against}")

    terminal.finish(found[0] if alone else {"lists": found}, people)
    if not all(one.compared for one in found):
        raise typer.Exit(1)


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
