"""``recsys readiness``: the production checklist, with what is not so and what to do about it."""

import datetime
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys.cli.options import HostDirOption, TenantOption, open_suite
from recsys.cli.terminal import escape, terminal
from recsys.encoding import Invalid
from recsys.errors import Refused, UsageError

if TYPE_CHECKING:
    from recsys.operations.readiness import Answer, Checked, Facts, Readiness
    from recsys.serving import Settings

__all__ = ["add_to"]

_ANSWERS = Path("readiness.yaml")
_COLOURS = {"yes": "green", "no": "red", "not known": "yellow", "asked": "yellow"}


def add_to(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command(
        "readiness",
        epilog="Exit codes: 0 ready; 1 not ready. "
        "Examples: recsys readiness --init · recsys readiness --answers readiness.yaml --report readiness.md",
    )(readiness)


def readiness(
    tenant: TenantOption = None,
    host_dir: HostDirOption = Path("var/host"),
    answers: Annotated[
        Path | None,
        typer.Option(help="What people answered. Default: readiness.yaml, where there is one."),
    ] = None,
    init: Annotated[bool, typer.Option("--init", help="Write the file of answers, empty, and end.")] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask here for what cannot be seen, and write the answers into the file.")
    ] = False,
    max_age_days: Annotated[
        int, typer.Option("--max-age-days", help="Older answers and reports are not evidence any more.", min=1)
    ] = 90,
    drills: Annotated[Path | None, typer.Option(help="A drill report (drill.v1): the runbooks were exercised.")] = None,
    load: Annotated[Path | None, typer.Option(help="What recsys bench serve --json printed.")] = None,
    url: Annotated[
        str | None, typer.Option(help="The product's port. Default: that of the service on this host.")
    ] = None,
    admin_url: Annotated[
        str | None, typer.Option(help="The operators' port. Default: that of the service on this host.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the checklist here: .md, .html or .json.")] = None,
) -> None:
    """Walk the production checklist: what can be seen is checked, the rest is asked. Run it as the service runs."""
    from recsys.operations.readiness import ITEMS, check, read_answers, rendered, written

    file = answers or _ANSWERS
    if init:
        _init(file, written(ITEMS, {}))
        return
    given = read_answers(file, ITEMS) if answers is not None or file.exists() else {}
    facts = _facts(tenant, host_dir, max_age_days, drills, load, url, admin_url)
    found = check(facts, given)
    if ask:
        given = given | _asked(found)
        _write(file, written(ITEMS, given))
        found = check(facts, given)
    if report is not None:
        _write(report, rendered(found, report))
    terminal.finish(found, lambda: _print(found))
    if not found.ready:
        raise typer.Exit(1)


def _init(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as made:
            made.write(text)
    except FileExistsError:
        raise Refused(f"{file} is there already", next_step="answer in it, or name another with --answers") from None
    next_step = f"answer in it, keep it under version control, then: recsys readiness --answers {file}"
    terminal.finish({"written": str(file)}, lambda: terminal.say(escape(f"{file} is written; {next_step}")))


def _write(file: Path, text: str) -> None:
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)


def _facts(
    tenant: str | None,
    host_dir: Path,
    max_age_days: int,
    drills: Path | None,
    load: Path | None,
    url: str | None,
    admin_url: str | None,
) -> "Facts":
    import msgspec

    from recsys.access import load_directory
    from recsys.operations.readiness import LIMITS, Urls, gathered, read_drills, read_load

    suite = open_suite()
    settings, problem = _settings(host_dir)
    directory = load_directory(suite.store)
    names = [suite.tenant(tenant).tenant] if tenant else sorted(directory.tenants)
    facts = gathered(
        suite.store,
        directory,
        names,
        host_dir=host_dir,
        settings=settings,
        settings_problem=problem,
        now_s=time.time(),
        drills=None if drills is None else read_drills(drills),
        load=None if load is None else read_load(load),
        progress=terminal.progress,
        limits=msgspec.structs.replace(LIMITS, evidence_age_d=max_age_days),
    )
    urls = Urls(product=url or facts.urls.product, operators=admin_url or facts.urls.operators)
    return msgspec.structs.replace(facts, urls=urls)


def _settings(host_dir: Path) -> "tuple[Settings | None, str]":
    from recsys.serving import read_settings

    try:
        return read_settings(store=terminal.store, log=terminal.log, host_dir=host_dir), ""
    except Invalid as error:
        return None, error.message


def _asked(found: "Readiness") -> "dict[str, Answer]":
    """Ask for everything that is open and people may answer; Enter leaves it open."""
    import sys

    from recsys.library import default_actor
    from recsys.operations.readiness import ITEMS, Answer

    if not sys.stdin.isatty():
        raise UsageError("--ask needs a terminal", next_step="write the answers into the file: recsys readiness --init")
    asked = {item.id for item in ITEMS if item.asked}
    given: dict[str, Answer] = {}
    today = datetime.datetime.now(datetime.UTC).date()
    for item in found.items:
        if item.id not in asked or item.result not in ("asked", "not known"):
            continue
        terminal.errors.print(f"{escape(item.area)}: [bold]{escape(item.asks)}[/bold]", soft_wrap=True)
        word = terminal.typed("y, n, or Enter to leave it open:").lower()
        if word not in ("y", "yes", "n", "no"):
            continue
        note = terminal.typed("where is the proof? (Enter for none)") or None
        given[item.id] = Answer(answer=word in ("y", "yes"), by=default_actor(), on=today, note=note)
    return given


def _print(found: "Readiness") -> None:
    from recsys.operations.readiness import AREAS, headline

    width = max(len(item.id) for item in found.items)
    for area in AREAS:
        terminal.say(f"[bold]{area}[/bold]")
        for item in (item for item in found.items if item.area == area):
            _line(item, width)
    terminal.say(f"[{'green' if found.ready else 'red'}]{escape(headline(found))}[/]")
    if found.open:
        terminal.say(escape(f"open: {', '.join(item.id for item in found.open)}"))


def _line(item: "Checked", width: int) -> None:
    colour = _COLOURS[item.result]
    by = f", {item.note}" if item.note else ""
    terminal.say(
        f"  [{colour}]{item.result:9}[/]  {item.id:{width}}  [dim]{(item.at or '')[:10]:10}[/dim]  "
        + escape(item.seen + by)
    )
    if item.result != "yes":
        terminal.say(f"  {'':9}  {escape(item.asks)}")
        terminal.say(f"  {'':9}  [dim]→[/dim] {escape(terminal.next_step(item.todo or ''))}")
