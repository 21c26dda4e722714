"""``recsys drill``: incidents on purpose, in a sandbox, to see that each is found, ended, and how fast."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys.cli.options import ends_on_sigterm
from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError

if TYPE_CHECKING:
    from recsys.lab.drills.report import Played

__all__ = ["add_to"]

drill = typer.Typer(
    no_args_is_help=True,
    help="Break a sandbox on purpose, and see that it is found, ended, and how fast. Your own store is not touched.",
    callback=ends_on_sigterm,
)


def add_to(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    app.add_typer(drill, name="drill")


@drill.command("list", epilog="Example: recsys drill list")
def list_drills() -> None:
    """List the drills, each with what happens in it."""
    from recsys.lab.drills import names, read_scenario

    found = [(name, *read_scenario(name)) for name in names()]
    document = [{"name": name, "title": scenario.title, "story": story} for name, scenario, story in found]

    def people() -> None:
        for one in document:
            terminal.say(f"[bold]{one['name']}[/bold]: {escape(one['title'])}")
            terminal.say(f"    [dim]{escape(one['story'])}[/dim]")

    terminal.finish({"drills": document}, people)


@drill.command("run", epilog="Example: recsys drill run rule-blocks-all; recsys drill run --all --report var/drills")
def run_drills(
    names: Annotated[list[str] | None, typer.Argument(help="Which; see `recsys drill list`.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every drill, one after another.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write report.json, report.md and report.html into this directory.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Leave the sandboxes in this directory, new or empty, to look at.")
    ] = None,
) -> None:
    """Play drills. Exits 1 when one fails: not found, a wrong cause, a wrong lever, users without an answer."""
    from recsys.lab.drills import names as known
    from recsys.lab.drills import run
    from recsys.lab.drills.rendering import write

    if bool(names) == everything:
        raise UsageError("name drills, or say --all", next_step="see them with: recsys drill list")
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise UsageError(f"{keep} is not empty", next_step="name a new folder with --keep")
    if report is not None and report.is_file():
        raise UsageError(f"{report} is a file", next_step="name a directory with --report")
    done = run(
        known() if everything else names or (),
        keep=keep,
        begins=lambda name, scenario: terminal.say(f"[bold]{name}[/bold]: {escape(scenario.title)}"),
        ended=_tell,
    )
    files = write(done, report) if report is not None else ()

    def people() -> None:
        good = sum(one.passed for one in done.scenarios)
        colour = "green" if done.passed else "red"
        terminal.say(f"[{colour}]{good} of {len(done.scenarios)} drills passed[/] in {done.seconds:.0f} s")
        for path in files:
            terminal.say(f"  {path}")

    terminal.finish(done, people)
    if not done.passed:
        raise typer.Exit(1)


def _tell(played: "Played") -> None:
    for act in played.acts:
        seconds = act.seconds
        terminal.say(f"    {escape(act.cause)}")
        terminal.say(
            f"    [dim]found after {seconds.detect:.1f} s; lever {act.lever or 'none'}; effect {seconds.effect:.2f} s "
            f"after the command; healthy after {seconds.recover:.1f} s[/dim]"
        )
    for problem in played.problems:
        terminal.say(f"    [red]✗ {escape(problem)}[/red]")
    if played.passed:
        terminal.say(
            f"    [green]✓[/green] [dim]{played.served.visits} visits, {played.served.failed} without an answer[/dim]"
        )
