"""``recsys doctor``: find it, reverse it, prove it."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import typer

from recsys.cli.changes import TimeoutOption
from recsys.cli.options import TenantOption, open_suite
from recsys.cli.status import HostOption, HoursOption
from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError
from recsys.operations.doctor import (
    SYMPTOMS,
    Diagnosis,
    Finding,
    Proof,
    Symptom,
    diagnose,
    diagnose_here,
    prove,
    prove_pin,
)
from recsys.operations.here import Here, look_here
from recsys.operations.store_away import StoreAway, noticed

if TYPE_CHECKING:
    from recsys.library import Suite

__all__ = ["add_to"]

_DEFAULT_HOST = Path("var/host")


def add_to(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command("doctor", epilog=f"Symptoms: {', '.join(SYMPTOMS)}. Example: recsys doctor empty-recs --fix")(doctor)


class _Fix(NamedTuple):
    """What ``--fix`` did: whether the lever was ``pulled``, ``why`` not; ``change`` is the document it printed."""

    finding: Finding
    pulled: bool
    why: str = ""
    code: int = 0
    change: Mapping[str, Any] = {}
    proof: Proof | None = None

    @property
    def done(self) -> bool:
        return self.pulled and self.code == 0 and self.proof is not None and self.proof.ok


def doctor(
    symptom: Annotated[str | None, typer.Argument(help="One symptom; none walks the whole checklist.")] = None,
    tenant: TenantOption = None,
    host_dir: HostOption = _DEFAULT_HOST,
    hours: HoursOption = 24.0,
    fix: Annotated[
        bool, typer.Option("--fix", help="Ask, pull the lever of the first finding, and see that it helped.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --fix: do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --fix: say what the lever would change; change nothing.")
    ] = False,
    timeout: TimeoutOption = 30.0,
) -> None:
    """Walk the first-incident checklist: evidence, cause, the smallest lever and its command. Exits 1 with findings,
    and 0 when --fix pulled a lever and what can be known at once says that it helped.

    With the store away it says what this host shows of itself.
    """
    asked = tuple(name for name in SYMPTOMS if symptom in (None, name))
    if not asked:
        raise UsageError(f"`{symptom}` is not a symptom the doctor knows", next_step="one of: " + ", ".join(SYMPTOMS))
    looked = look_here(host_dir)
    here = looked if looked.known else None
    try:
        suite, found = _with_store(asked, tenant, here, window_s=hours * 3600)
    except StoreAway as away:
        if here is None:
            raise away.error from None
        suite, found = (
            None,
            diagnose_here(here, problem=away.problem, symptoms=asked, tenant=tenant, window_s=hours * 3600),
        )
    shown = _complete(found, host_dir)
    if not terminal.json:
        _print(shown)
    finding = next((finding for finding in found.findings if finding.command), None)
    done = None
    if fix and finding is not None:
        done = _fix(finding, suite, host_dir, here, yes=yes, dry_run=dry_run, timeout_s=timeout, window_s=hours * 3600)
    elif fix and found.findings and not terminal.json:
        terminal.say("nothing to pull: no finding has a command; do what it says")
    if terminal.json:
        terminal.finish(_document(shown, done), lambda: None)
    elif done is not None:
        _say(done)
    if done is not None and done.code:
        raise typer.Exit(done.code)
    if not (found.healthy or (done is not None and done.done)):
        raise typer.Exit(1)


def _with_store(
    asked: tuple[Symptom, ...], tenant: str | None, here: Here | None, *, window_s: float
) -> tuple["Suite", Diagnosis]:
    with noticed(opening=True):
        suite = open_suite()
    with noticed():
        names = [suite.tenant(tenant).tenant] if tenant else suite.tenants()
        found = diagnose(suite.store, names, symptoms=asked, window_s=window_s, here=here, cache=suite.cache / "doctor")
    return suite, found


def _complete(found: Diagnosis, host_dir: Path) -> Diagnosis:
    """Write commands out so that they meet the same store and the same host when they are pasted."""

    def whole(finding: Finding) -> Finding:
        if finding.command is None:
            return finding
        line = finding.command
        if finding.lever in ("pin", "unpin"):
            elsewhere = host_dir not in (_DEFAULT_HOST, Path(os.environ.get("RECSYS_HOST_DIR", _DEFAULT_HOST)))
            line += f" --host-dir {shlex.quote(str(host_dir))}" if elsewhere else ""
        else:
            line = terminal.command(line)
        return msgspec.structs.replace(finding, command=line)

    return msgspec.structs.replace(found, findings=tuple(map(whole, found.findings)))


def _print(found: Diagnosis) -> None:
    for finding in found.findings:
        where = "/".join(part for part in (finding.tenant, finding.surface) if part) or f"host {finding.host}"
        terminal.say(f"[bold red]✗ {finding.symptom}[/bold red] on {escape(where)}: {escape(finding.cause)}")
        for name, value in finding.evidence.items():
            terminal.say(f"    {escape(name)}: {escape(_written(value))}")
        for reason in finding.ruled_out:
            terminal.say(f"    [dim]not {escape(reason)}[/dim]")
        if finding.command:
            terminal.say(f"  lever [bold]{finding.lever}[/bold]: {escape(finding.command)}")
        if finding.next_step:
            terminal.say(f"  do: {escape(terminal.next_step(finding.next_step))}")
        if finding.runbook:
            terminal.say(f"  [dim]runbook: {finding.runbook}[/dim]")
    for unseen in found.unseen:
        terminal.say(f"[dim]not seen: {escape(unseen)}[/dim]")
    if found.healthy:
        terminal.say("[green]✓[/green] nothing found")


def _written(value: Any) -> str:
    """Write evidence as people read it; the JSON has it whole."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_written(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_written, value)) or "none"
    return "–" if value is None else str(value)


def _fix(
    finding: Finding,
    suite: "Suite | None",
    host_dir: Path,
    here: Here | None,
    *,
    yes: bool,
    dry_run: bool,
    timeout_s: float,
    window_s: float,
) -> _Fix:
    """Ask, pull the lever, and look whether it helped."""
    command = str(finding.command)
    if not (yes or dry_run or terminal.confirm(f"run: {command}?")):
        return _Fix(finding, pulled=False, why="nothing was changed: run the command yourself, or answer y (or --yes)")
    environment = {**terminal.environment(), "RECSYS_HOST_DIR": str(host_dir)}
    words = [*shlex.split(command)[1:], *(("--dry-run",) if dry_run else ()), "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "recsys", *words], env=environment, stdout=subprocess.PIPE, check=False
    )  # an error is on standard error already
    change = json.loads(ran.stdout) if ran.stdout else {}
    change |= {"undo": terminal.command(change["undo"])} if change.get("undo") else {}
    if not (ran.returncode or terminal.json):
        _say_change(change, dry_run=dry_run)
    if ran.returncode or dry_run:
        why = "the lever was not pulled: see what it says" if ran.returncode else "a dry run: nothing was changed"
        return _Fix(finding, pulled=False, why=why, code=ran.returncode, change=change)
    if finding.lever in ("pin", "unpin"):
        pinned = int(words[words.index("--generation") + 1]) if finding.lever == "pin" else None
        proof = prove_pin(finding, host_dir, generation=pinned, timeout_s=timeout_s)
    else:
        assert suite is not None, "without the store there is no other lever"
        proof = prove(
            suite.store,
            finding,
            cache=suite.cache / "doctor",
            timeout_s=timeout_s,
            window_s=window_s,
            here=here,
            progress=terminal.progress,
        )
    return _Fix(finding, pulled=True, change=change, proof=proof)


def _say_change(change: Mapping[str, Any], *, dry_run: bool) -> None:
    """Say what the lever did, with the command that takes it back."""
    pinned = "before" in change  # a lever of this host alone, and no release
    where = f"{change['tenant']} on this host" if pinned else f"generation {change['generation']} of {change['tenant']}"
    why = f"from generation {change['before']} to {change['generation']}" if pinned else change.get("why", "")
    terminal.say(escape(f"{'would make ' if dry_run else ''}{where}: {why}"))
    if change.get("undo"):
        terminal.say(f"[dim]undo:[/dim] {escape(change['undo'])}")


def _document(found: Diagnosis, done: _Fix | None) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(found)
    if done is not None:
        document["fix"] = {
            "symptom": done.finding.symptom,
            "command": done.finding.command,
            "pulled": done.pulled,
            "why": done.why,
            "change": done.change,
            "verified": done.proof.ok if done.proof else None,
            "shown": msgspec.to_builtins(done.proof.shown) if done.proof else [],
            "later": list(done.proof.later) if done.proof else [],
        }
    return document


def _say(done: _Fix) -> None:
    if done.why:
        terminal.say(escape(done.why))
    if done.proof is None:
        return
    for one in done.proof.shown:
        mark = "[green]✓[/green]" if one.ok else "[bold red]✗[/bold red]"
        terminal.say(f"{mark} {escape(one.said)}")
    for said in done.proof.later:
        terminal.say(f"[dim]time will tell:[/dim] {escape(terminal.next_step(said))}")
