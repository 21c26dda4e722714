"""``recsys why``: one recorded answer, replayed and explained."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from recsys.cli.options import HostDirOption, TenantOption, open_tenant
from recsys.cli.side_by_side import print_side_by_side
from recsys.cli.spans import seconds_in
from recsys.cli.terminal import escape, terminal
from recsys.errors import Refused, UsageError

if TYPE_CHECKING:
    from recsys.operations.sampling import Sampled
    from recsys.operations.why import Item, Why

__all__ = ["add_to"]

_COLOURS = {"exact": "green", "differs": "red", "unreplayable": "yellow"}
_MOST_HISTORY = 10
"""Events of a history in the table; the document has all of them."""


class _NotFound(Refused):
    """No record of that answer: exit 3, so that a script tells it from an answer that does not replay."""

    code = "NOT_FOUND"


def add_to(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command(
        "why",
        epilog="Exit codes: 0 the replay is exact; 1 it differs, or cannot be made; 3 there is no record of it. "
        "With --against: 0 there are two lists; 1 one of them cannot be had. "
        "With --sample: 0 all are identical; 1 some are not. "
        "Examples: recsys why 019ad3f2-6e1c-7b5a-9c43-5d2f8e0a1b77 · recsys why 019ad3f2-… --not socks-42 · "
        "recsys why 019ad3f2-… --against 41 · recsys why --sample 1000 --since 7d",
    )(why)


def why(
    request_id: Annotated[
        str | None, typer.Argument(help="The `meta.request_id` of an answer, or its X-Request-Id.")
    ] = None,
    tenant: TenantOption = None,
    host_dir: HostDirOption = Path("var/host"),
    events: Annotated[
        Path | None,
        typer.Option(help="Look into this folder of records, instead of the store's and this host's."),
    ] = None,
    not_item: Annotated[
        str | None, typer.Option("--not", help="Say why this item was not shown: the first step that dropped it.")
    ] = None,
    against: Annotated[
        int | None,
        typer.Option(help="Put what was served beside what the same request gets at this generation.", min=1),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(help="Instead of one answer: replay so many drawn from the log, and count.", min=1, max=100_000),
    ] = None,
    seed: Annotated[int, typer.Option(help="With --sample: same seed, same answers.")] = 1,
    since: Annotated[
        str | None,
        typer.Option(
            help="How far back to look: 90m, 24h, 30d. Default: at the time the id tells, else 7d.",
        ),
    ] = None,
) -> None:
    """Explain a recorded answer: replay it, compare, and say what it was made of, who shipped that, and why; or replay
    a sample of all.
    """
    from recsys.operations.recorded import NotRecorded
    from recsys.operations.sampling import replay_sample
    from recsys.operations.side_by_side import recorded_beside
    from recsys.operations.why import why as explain

    if events is not None and not events.is_dir():
        raise UsageError(f"{events} is no folder", next_step="give one laid out as a spool, or as `events` of a store")
    if (request_id is None) == (sample is None):
        raise UsageError("one answer, or a sample", next_step="give the id of an answer, or --sample N")
    if sample is not None and (against is not None or not_item is not None):
        raise UsageError("--sample replays, and explains nothing", next_step="leave --not and --against out")
    if against is not None and not_item is not None:
        raise UsageError("--not asks about one generation, and --against about two", next_step="leave one of them out")
    of = open_tenant(tenant)
    spool = host_dir / "spool"
    places: dict[str, Any] = {
        "cache": of.cache,
        "spool": spool if spool.is_dir() else None,
        "kept": events,
        "since_s": None if since is None else time.time() - seconds_in(since),
    }
    try:
        if sample is not None:
            drawn = replay_sample(of.store, of.tenant, sample, seed=seed, progress=terminal.progress, **places)
            terminal.finish(drawn, lambda: _counts(drawn))
            raise typer.Exit(0 if drawn.exact else 1)
        assert request_id is not None
        if against is not None:
            beside = recorded_beside(of.store, of.tenant, request_id, against, **places)
            terminal.finish(beside, lambda: print_side_by_side(beside))
            raise typer.Exit(0 if beside.compared else 1)
        found = explain(of.store, of.tenant, request_id, not_item=not_item, **places)
    except NotRecorded as error:
        raise _NotFound(error.message, next_step=error.next_step) from None
    terminal.finish(found, lambda: _print(found))
    if found.result != "exact":
        raise typer.Exit(1)


def _counts(found: "Sampled") -> None:
    colour = "green" if found.exact else "yellow"
    terminal.say(
        f"[{colour}]{found.identical} of {found.sampled} identical[/]: {found.differs} differ, "
        f"{found.unreplayable} cannot be replayed, {found.erased} of users erased since"
    )
    terminal.say(
        f"  drawn from {found.of} records of {escape(found.tenant)} since {found.since[:10]}, of {found.generations} "
        f"generations; {found.seconds:.1f} s"
    )
    if found.unread:
        terminal.say(f"  [yellow]{found.unread} lines this version cannot read[/yellow]")
    for reason in found.reasons:
        where = f" at generation {reason.generation}" if reason.generation is not None else ""
        terminal.say(f"{reason.count} {reason.result}{where}: {escape(reason.because)}")
        terminal.say(f"  [dim]as {', '.join(escape(one) for one in reason.request_ids)}[/dim]")
        terminal.say(f"  [dim]→[/dim] {escape(terminal.next_step(reason.next_step))}")


def _print(found: "Why") -> None:
    colour = _COLOURS[found.result]
    terminal.say(f"[{colour}]{found.result}[/{colour}]: {escape(found.because)}")
    for missing in found.missing:
        of = f" of {missing.variant}" if missing.variant else ""
        step = "" if missing.step == "shown" else f"dropped by {missing.step}: "
        needed = (
            "" if missing.needed is None else f" (score {missing.score:.4f}; the last shown has {missing.needed:.4f})"
        )
        terminal.say(f"[bold]{escape(missing.item_id)}[/bold]{escape(of)}: {escape(step + missing.because + needed)}")
    _facts(found)
    _versions(found)
    _history(found)
    _items(found)
    for variant in found.left_out:
        of = f"{variant.variant}: " if variant.variant else ""
        terminal.say(
            f"{escape(of)}of {variant.of} items {variant.out} could not be shown ({variant.blocked} blocked by rules), "
            f"{variant.excluded} were left out for this request"
        )
    for warning in found.warnings:
        terminal.say(f"[yellow]{escape(warning.code)}[/yellow] {escape(warning.detail)}")
    for act in found.outcomes:
        terminal.say(f"{act.event_type} on {escape(act.item_id)} at {escape(act.ts)}")
    terminal.say(f"[dim]→[/dim] {escape(terminal.next_step(found.next_step))}")


def _facts(found: "Why") -> None:
    where = "/".join(part for part in (found.surface, found.segment) if part)
    terminal.say(f"answer {escape(found.request_id)} to {escape(where)} of {escape(found.tenant)}, {escape(found.at)}")
    said = [f"generation {found.generation}", f"rung {found.rung}", found.algo_version or ""]
    said += [f"arm {found.arm}"] * bool(found.arm) + [f"experiment {found.experiment}"] * bool(found.experiment)
    terminal.say("  " + escape(", ".join(part for part in said if part)))
    if found.bound_by is not None:
        terminal.say(f"  without the items that generation {found.bound_by} withdraws: the host had seen that much")
    unit = found.unit if found.unit != f"user_id {found.user_id}" else None
    for who in (f"user {found.user_id}" if found.user_id else None, unit):
        if who is not None:
            terminal.say(f"  for {escape(who)}")
    if found.other_request_ids:
        terminal.say(f"  the client gave its id to {len(found.other_request_ids)} more answers; this is the newest")
    terminal.say(f"  [dim]record: {escape(found.found_in)}[/dim]")


def _versions(found: "Why") -> None:
    table = Table("made of", "version", "gen", "who", "why", box=None, pad_edge=False)
    for version in found.versions:
        made = version.made
        told = ("", "", "not in the log") if made is None else (str(made.generation), made.actor, made.reason)
        table.add_row(escape(version.part), version.version[:19], *(escape(word) for word in told))
    if found.versions:
        terminal.people.print(table)


def _history(found: "Why") -> None:
    events = (found.request or {}).get("user", {}).get("history", ())
    if not events:
        return
    told = ", ".join(f"{event['item_id']} ({event.get('event_type', 'view')})" for event in events[:_MOST_HISTORY])
    more = f" and {len(events) - _MOST_HISTORY} more" if len(events) > _MOST_HISTORY else ""
    terminal.say(f"history from {' and '.join(found.history_from)}: {escape(told + more)}")


def _items(found: "Why") -> None:
    table = Table("", "item", "title", "score", "why", box=None, pad_edge=False)
    for item in found.items:
        score = "" if item.score is None else f"{item.score:.4f}"
        table.add_row(str(item.rank), escape(item.item_id), escape(item.title or ""), score, escape(_parts(item)))
    terminal.people.print(table)


def _parts(item: "Item") -> str:
    parts = [f"{name} {value:.3f}" for name, value in (item.signals or {}).items()]
    parts += [f"rule {rule}" for rule in item.rules]
    parts += [f"{item.by_score} by score alone"] * (item.by_score not in (None, item.rank))
    if item.propensity is not None and item.propensity < 1.0:
        parts.append(f"drawn with {item.propensity:.3f}")
    parts += [f"team {item.team}"] * bool(item.team)
    return ", ".join(parts)
