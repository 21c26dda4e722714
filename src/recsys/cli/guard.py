"""``recsys guard``: watch a running candidate; end it when it does harm, promote it when it is better."""

import shlex
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from recsys.cli.changes import say_change
from recsys.cli.options import DryRunOption, HostDirOption, ReasonOption, SurfaceOption, TenantOption, open_tenant
from recsys.cli.terminal import escape, terminal

if TYPE_CHECKING:
    from recsys.operations.guard import Guard, Look
    from recsys.operations.guard.tally import Standing

__all__ = ["add_to"]

_COLOURS = {"watching": "green", "paused": "yellow", "frozen": "yellow", "aborted": "red", "promoted": "green"}
_DAY_S = 86_400.0


def add_to(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command(
        "guard",
        epilog="Example: recsys guard --surface home --config experiment.yaml. Exit: 0 promoted, or with --once "
        "nothing speaks against it; 3 aborted or frozen; 1 with --once: something cannot be seen; 130 interrupted.",
    )(guard)


def guard(
    surface: SurfaceOption,
    config: Annotated[
        Path | None,
        typer.Option(help="YAML of an experiment's evaluation, to decide by. Without it nothing is promoted."),
    ] = None,
    tenant: TenantOption = None,
    every: Annotated[float, typer.Option(help="Seconds between two looks for harm.", min=0.1, max=_DAY_S)] = 5.0,
    decide_every: Annotated[float, typer.Option(help="Seconds between two evaluations.", min=1.0, max=_DAY_S)] = 300.0,
    until_decided: Annotated[
        bool, typer.Option("--until-decided/--once", help="Look until the candidate has ended, or once.")
    ] = True,
    silence_limit: Annotated[
        float, typer.Option(help="Seconds without a word after which something is missing.", min=1.0)
    ] = 120.0,
    margin: Annotated[
        float, typer.Option(help="How much more of the candidate's answers may be bad: 0.01 is one of a hundred.")
    ] = 0.01,
    slow_ms: Annotated[
        float | None, typer.Option(help="Milliseconds above which an answer is slow. Default: the objective of p99.")
    ] = None,
    host_dir: HostDirOption = Path("var/host"),
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
) -> None:
    """Watch the candidate of a surface: abort it when it does harm, promote it when the evaluation says so."""
    from recsys.encoding import convert
    from recsys.evaluation.config import read_config
    from recsys.operations.guard import Aside, Guard, Here, Terms

    asked = {"every_s": every, "decide_every_s": decide_every, "silence_s": silence_limit, "margin": margin}
    asked |= {} if slow_ms is None else {"slow_ms": slow_ms}
    terms = convert({**asked, "reason": reason, "dry_run": dry_run}, Terms, what="guard")
    of = open_tenant(tenant)
    spool = host_dir / "spool" if (host_dir / "spool").is_dir() else None
    command = f"recsys guard --tenant {of.tenant} --surface {surface}"
    command += "" if config is None else f" --config {shlex.quote(str(config))}"
    rules, judging = None, None
    if config is not None:
        running = of.releases.candidates.running(surface)
        rules = read_config(config, experiment_id=running[0].name if running else f"{surface}-0")
        judging = Aside(terminal.store, terminal.log, spool=spool) if until_decided else Here(of.store, spool=spool)
    try:
        guarding = Guard(
            of.releases,
            surface,
            terms=terms,
            config=rules,
            judging=judging,
            spool=spool,
            again=terminal.command(command),
            quiet=not until_decided,
        )
        last = _watch(guarding, every, once=not until_decided, again=terminal.command(command))
    finally:
        if judging is not None:
            judging.close()
    _finish(last)
    code = _exit_code(last, once=not until_decided)
    if code:
        raise typer.Exit(code)


def _watch(guarding: "Guard", every_s: float, *, once: bool, again: str) -> "Look":
    said: tuple[str, str] | None = None
    waiting = threading.Event()
    look: Look | None = None
    try:
        while True:
            look = guarding.look()
            if terminal.people.is_terminal or (look.state, look.why) != said:
                _say(look)
            said = (look.state, look.why)
            if once or look.over:
                return look
            waiting.wait(every_s)
    except KeyboardInterrupt:
        terminal.warn(f"{guarding.name} goes on unguarded; guard it again with: {again}")
        return guarding.leave(look)


def _say(look: "Look") -> None:
    colour = _COLOURS.get(look.state, "dim")
    terminal.say(f"{look.at[11:19]} [{colour}]{look.state}[/] {escape(look.candidate)}: {escape(look.why)}")
    if look.standings and not look.over:
        terminal.say(f"  [dim]{escape('; '.join(_seen(look)))}[/dim]")


def _seen(look: "Look") -> list[str]:
    from recsys.operations.guard.tally import strongest

    first = look.standings[0]
    said = [f"candidate {first.candidate.answers:,}, control {first.control.answers:,} answers this {first.span}"]
    return said + [_rates(standing) for standing in strongest(look.standings).values()]


def _rates(one: "Standing") -> str:
    rates = f"{one.check} {one.candidate.rate:.2%} and {one.control.rate:.2%}"
    return rates if one.wealth <= 0 else f"{rates} (10^{one.wealth:.1f} of 10^{one.needed:.1f})"


def _finish(last: "Look") -> None:
    def people() -> None:
        for change in last.changes:
            say_change(change)

    document = msgspec.to_builtins(last) | {
        "changes": [
            {**change.document(), "undo": "" if change.dry_run else terminal.command(change.undo)}
            for change in last.changes
        ]
    }
    terminal.finish(document, people)


def _exit_code(last: "Look", *, once: bool) -> int:
    """Say it to a script: it may go on, it may not, or that is not known."""
    if last.state == "left":
        return 130
    if last.state == "promoted":
        return 0
    if last.over or last.state == "frozen":
        return 3
    return 1 if once and last.state == "paused" else 0
