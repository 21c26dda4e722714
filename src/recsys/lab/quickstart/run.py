"""The steps of the quickstart: guess, ask once, build, ship, serve, show."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
import yaml
from rich.markup import escape

import recsys
from recsys.access import create_key
from recsys.errors import Failed, UsageError
from recsys.lab.narrator import Narrator
from recsys.lab.quickstart.guess import Guess, guess, mapping_of
from recsys.library import Tenant
from recsys.serving import Settings
from recsys.serving.process import ServiceProcess

__all__ = ["run"]

_SURFACE = "home"
_DAYS = 365
"""A year of orders: popularity forgets within months, and what goes together changes more slowly."""

_PATIENCE_S = 20.0
"""A worker that has just begun may answer from its floor. What is shown comes from the release, or says it does not."""


def run(*, orders: Path, yes: bool, folder: Path, tenant: str, port: int, keep: bool, terminal: Narrator) -> None:
    """Build, ship and serve recommendations from one file of orders.

    Raises
    ------
    UsageError
        When the file does not say what was bought when, or the guess is not accepted.
    """
    found = guess(orders)
    mapping = mapping_of(found)
    _show_guess(found, terminal)
    if not (yes or terminal.confirm("Is that right?")):
        raise UsageError(
            "nothing was made",
            next_step="answer y, give --yes, or write a mapping: docs/reference/mapping.md",
        )
    folder.mkdir(parents=True, exist_ok=True)
    mapping_path = folder / "mapping.yaml"
    mapping_path.write_text(yaml.safe_dump(mapping, sort_keys=False))
    with recsys.open(folder / "store", create=True) as suite:
        suite.create_tenant(tenant, reason="quickstart")
        shop = suite.tenant(tenant)
        end = date.fromisoformat(found.last_day)
        start = max(date.fromisoformat(found.first_day), end - timedelta(days=_DAYS - 1))
        report = recsys.pipelines.run(
            shop,
            surface=_SURFACE,
            events=orders,
            mapping=mapping_path,
            start=start,
            end=end,
            reason=f"quickstart from {orders.name}",
            progress=terminal.progress,
        )
        terminal.say(f"generation {report.generation} is live: {start} to {end}")
        for name, count in report.counts.items():
            if count:
                terminal.say(f"  {count:>10,}  {escape(name.replace('_', ' '))}")
        secret = create_key(suite.store, tenant, "client", actor=shop.actor, reason="quickstart").secret
        operator = create_key(suite.store, tenant, "operator", actor=shop.actor, reason="quickstart").secret
        settings = Settings(store=str(folder / "store"), host_dir=str(folder / "host"), port=port, admin_port=0)
        with ServiceProcess(settings, log=folder / "service.log") as service:
            service.wait_ready()
            _show_answers(shop, service.base_url, secret, terminal)
            terminal.say(f"\nThe guess is kept in {mapping_path}: correct it there for your next run.")
            if keep:
                _show_curl(service.base_url, secret, terminal)
                terminal.say(f"Look at it in the console: {service.admin_url}/console, with the key {operator}")
                terminal.say(f"The service goes on at {service.base_url}; Ctrl-C ends it.")
                with suppress(KeyboardInterrupt):
                    threading.Event().wait()
        if not keep:
            terminal.say("Serve it:")
            terminal.say(f"  recsys serve --store {folder / 'store'} --host-dir {folder / 'host'}")
            _show_curl("http://127.0.0.1:8000", secret, terminal)


def _show_guess(found: Guess, terminal: Narrator) -> None:
    terminal.say("Your columns, as I understand them:")
    for field, column in found.columns.items():
        form = f"  [dim]({found.time_format})[/dim]" if field == "ts" else ""
        terminal.say(f"  {field:<12} {escape(column)}{form}")
    if found.unused:
        terminal.say(f"  [dim]not used: {escape(', '.join(found.unused))}[/dim]")
    terminal.say(f"  orders from {found.first_day} to {found.last_day}")


def _show_answers(shop: Tenant, base_url: str, secret: str, terminal: Narrator) -> None:
    """Ask the running service as a page would, and show titles."""
    with httpx2.Client(base_url=base_url, headers={"X-API-Key": secret}, timeout=5.0) as page:
        popular = _ask(page, "/v1/recommend", {"surface": _SURFACE, "k": 5})
        if not popular["items"]:
            raise Failed("the service has nothing to recommend", next_step="see: recsys doctor")
        first = popular["items"][0]["item_id"]
        similar = _ask(page, "/v1/similar", {"surface": _SURFACE, "item_id": first, "k": 5})
        history = {"surface": _SURFACE, "k": 5, "user": {"history": [{"item_id": first}]}}
        personal = _ask(page, "/v1/recommend", history)
    titles = shop.snapshot().titles(
        item["item_id"] for answer in (popular, similar, personal) for item in answer["items"]
    )
    bought = titles.get(first, first)
    for heading, answer in (
        ("What everybody buys", popular),
        (f"What goes with {bought}", similar),
        (f"For somebody who bought {bought}", personal),
    ):
        terminal.say(f"\n[bold]{escape(heading)}[/bold]")
        for item in answer["items"]:
            terminal.say(f"  {item['rank']:>2}  {escape(titles.get(item['item_id'], item['item_id']))}")
        for warning in answer["warnings"]:
            terminal.say(f"  [dim]{escape(warning['code'])}: {escape(warning['detail'])}[/dim]")


def _show_curl(base_url: str, secret: str, terminal: Narrator) -> None:
    request = f'{{"surface":"{_SURFACE}","k":5}}'
    terminal.say("Ask it as a page of yours would:")
    terminal.say(f"  curl -s {base_url}/v1/recommend -H 'X-API-Key: {secret}' -d '{request}'")


def _ask(page: httpx2.Client, path: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of the live release, or, out of patience, the one there is."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        answer = page.post(path, json=dict(request))
        if answer.status_code != 200:
            raise Failed(f"the service answered {answer.status_code}: {answer.text[:200]}")
        document: dict[str, Any] = answer.json()
        if document["meta"]["rung"] == "live" or time.monotonic() > until:
            return document
        time.sleep(0.1)
