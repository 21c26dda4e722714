"""``recsys pin`` and ``unpin``: this host serves one of its verified generations, with the store away too."""

import shlex
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from recsys.cli.options import DryRunOption, HostDirOption, TenantOption, open_tenant
from recsys.cli.terminal import escape, terminal
from recsys.errors import NotFound, UsageError
from recsys.library import default_actor
from recsys.serving.host_state import Pin, Places, TenantState, read_host_state
from recsys.serving.pins import PinAct, Pins, read_pin_records

__all__ = ["add_to"]

_TAKEN_UP_S = 3.0
"""A follower looks ten times a second; one that says nothing for this long is not there."""

WhyOption = Annotated[str, typer.Option("--reason", help="Why; kept on this host, and in the store when it is back.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command tree."""
    app.command("pin", epilog="Examples: recsys pin --generation 41 --reason 'store is down' · recsys pin")(pin)
    app.command("unpin", epilog="Example: recsys unpin --reason 'the store is back'")(unpin)


def pin(
    generation: Annotated[
        int | None, typer.Option(help="One of the generations this host keeps. None: show what is pinned.")
    ] = None,
    tenant: TenantOption = None,
    host_dir: HostDirOption = Path("var/host"),
    listed: Annotated[bool, typer.Option("--list", help="What was pinned on any host, from the store.")] = False,
    reason: WhyOption = "",
    dry_run: DryRunOption = False,
) -> None:
    """Keep this host at one of its verified generations, whatever the log says, until unpin.

    For the hour when the store itself is down: a rollback reaches every host, and stands in the log. Withdrawn items
    and erased users bind all the same.
    """
    if listed:
        _list(tenant)
    elif generation is None:
        _show(_states(host_dir, tenant))
    else:
        name, state = _one(host_dir, tenant)
        pins = Pins(Places(host_dir).pins)
        held = pins.held().get(name)
        if held is not None and held.generation == generation:
            _unchanged(name, held)
            return
        act = pins.pin(name, state, generation, actor=default_actor(), reason=reason, dry_run=dry_run)
        undo = f"recsys unpin --tenant {name}"
        if held is not None and held.generation in {kept.generation for kept in state.kept}:
            undo = f"recsys pin --tenant {name} --generation {held.generation}"
        _finish(act, host_dir, undo=undo, dry_run=dry_run)


def unpin(
    tenant: TenantOption = None,
    host_dir: HostDirOption = Path("var/host"),
    reason: WhyOption = "",
    dry_run: DryRunOption = False,
) -> None:
    """Let this host go on with the newest generation it has verified."""
    name, state = _one(host_dir, tenant)
    pins = Pins(Places(host_dir).pins)
    held = pins.held().get(name)
    if held is None:
        _unchanged(name, None)
        return
    act = pins.unpin(name, state, actor=default_actor(), reason=reason, dry_run=dry_run)
    _finish(act, host_dir, undo=f"recsys pin --tenant {name} --generation {held.generation}", dry_run=dry_run)


def _states(host_dir: Path, tenant: str | None) -> dict[str, TenantState]:
    """Return what this host knows of its tenants, without the store, each with the pin that holds by now."""
    found = read_host_state(Places(host_dir).state)
    if found is None:
        raise NotFound(
            f"{host_dir} is not a serving host's directory: it has no host.json",
            next_step="name it with --host-dir or RECSYS_HOST_DIR; it is made by: recsys serve",
        )
    if tenant is not None and tenant not in found.tenants:
        raise NotFound(
            f"this host serves no tenant {tenant}", next_step=f"it serves: {', '.join(sorted(found.tenants))}"
        )
    held = Pins(Places(host_dir).pins).held()
    return {
        name: msgspec.structs.replace(state, pinned=held.get(name))
        for name, state in sorted(found.tenants.items())
        if tenant in (None, name)
    }


def _one(host_dir: Path, tenant: str | None) -> tuple[str, TenantState]:
    states = _states(host_dir, tenant)
    if len(states) != 1:
        raise UsageError(
            "several tenants are here: " + ", ".join(states) if states else "this host serves no tenant yet",
            next_step="say which: --tenant NAME" if states else "start it once with the store there: recsys serve",
        )
    return next(iter(states.items()))


def _show(states: dict[str, TenantState]) -> None:
    documents = [
        {
            "tenant": name,
            "serving": state.served,
            "kept": [kept.generation for kept in state.kept],
            "head": state.head,
            "pinned": state.pinned,
            "problem": state.pin_problem,
        }
        for name, state in states.items()
    ]

    def people() -> None:
        table = Table("tenant", "serving", "kept here", "newest known", "pinned", box=None, pad_edge=False)
        for name, state in states.items():
            kept = ", ".join(str(one.generation) for one in state.kept)
            said = _told(state.pinned) if state.pinned else "no"
            table.add_row(name, str(state.served), kept, str(state.head), escape(said))
        terminal.people.print(table)
        for state in states.values():
            if state.pin_problem:
                terminal.warn(state.pin_problem)

    terminal.finish({"tenants": documents}, people)


def _list(tenant: str | None) -> None:
    of = open_tenant(tenant)
    records = read_pin_records(of.store.objects, of.tenant)

    def people() -> None:
        table = Table("at", "host", "what", "from", "to", "who", "why", box=None, pad_edge=False)
        for one in records:
            moved = (str(one.before), str(one.generation))
            table.add_row(
                one.at[:19] + "Z", escape(one.host), one.action, *moved, escape(one.actor), escape(one.reason)
            )
        terminal.people.print(table)

    terminal.finish({"pins": records}, people)


def _unchanged(name: str, held: Pin | None) -> None:
    said = f"{name} is {_told(held)} already" if held else f"{name} is not pinned here"
    terminal.finish(
        {"tenant": name, "changed": False, "pinned": held}, lambda: terminal.say(f"nothing changed: {escape(said)}")
    )


def _finish(act: PinAct, host_dir: Path, *, undo: str, dry_run: bool) -> None:
    if host_dir != Path("var/host"):
        undo += f" --host-dir {shlex.quote(str(host_dir))}"
    undo = "" if dry_run else terminal.command(undo)
    taken_up = not dry_run and _taken_up(act, host_dir)

    def people() -> None:
        what = f"{'pin' if act.action == 'pin' else 'let go'} {act.tenant}"
        to = f"from generation {act.before} to {act.generation} on this host"
        terminal.say(f"would {what}: {to}" if dry_run else f"[bold]{act.tenant} {act.action}ned[/bold]: {to}")
        if undo:
            terminal.say(f"[dim]undo:[/dim] {escape(undo)}")
        if not (dry_run or taken_up):
            terminal.warn("the service has not taken it up; it does at its next start: is it running here?")

    document = {**_document(act), "dry_run": dry_run, "changed": not dry_run, "taken_up": taken_up, "undo": undo}
    terminal.finish(document, people)


def _document(act: PinAct) -> dict[str, object]:
    return {name: getattr(act, name) for name in act.__struct_fields__}


def _taken_up(act: PinAct, host_dir: Path) -> bool:
    """Wait until the follower says that it honours what was done; no longer than there is one."""
    end = time.monotonic() + _TAKEN_UP_S
    while time.monotonic() < end:
        found = read_host_state(Places(host_dir).state)
        if found is None or not Path(f"/proc/{found.follower}").exists():
            return False
        state = found.tenants.get(act.tenant)
        if state is not None and state.pinned == act.pin():
            return True
        time.sleep(0.05)
    return False


def _told(held: Pin) -> str:
    why = f" ({held.reason})" if held.reason else ""
    return f"pinned to {held.generation} by {held.actor} since {held.at}{why}"
