"""``recsys demo``: the whole promise, once, on this machine, with real processes and the real command line."""

import os
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import yaml

from recsys.encoding import canonical
from recsys.errors import Failed, UsageError
from recsys.lab.heldout import HeldOut, hold_out
from recsys.lab.mishaps import scraper_events, unfiltered_recall
from recsys.lab.narrator import Narrator
from recsys.lab.shell import Shell
from recsys.lab.simulate import Shopper, World, stream
from recsys.lab.visitors import Traffic, Visitors
from recsys.serving import Settings
from recsys.serving.process import ServiceProcess

__all__ = ["Demo", "run"]

_TENANT, _SURFACE = "demo", "home"
_USERS, _ITEMS, _DAYS, _SEED = 2000, 500, 30, 1
_VISITS = 1500
_HELD_OUT_DAYS = 3

_EVALUATION = {
    "mode": "offline",
    "integrity": {"min_join_rate": 0.95},
    "attribution": {"window_h": 24, "require_shown": False},
    "offline": {
        "metrics": [{"name": name, "k": 20} for name in ("ndcg", "recall", "hitrate", "coverage")],
        "gates": [{"metric": "ndcg@20", "max_drop": 0.0}],
    },
}
_LIVE_EVALUATION = {
    "mode": "offline",
    "offline": {"metrics": [{"name": "ctr"}, {"name": "hitrate", "k": 20}]},
}


def run(*, folder: Path, port: int, keep: bool, terminal: Narrator) -> None:
    """Play the demo in ``folder``, which is made anew.

    Raises
    ------
    Failed
        When any act does not end as it should: the demo asserts what it shows.
    """
    if folder.exists():
        if not (folder / "demo.json").exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is there and is no earlier demo", next_step="name another with --folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "demo.json").write_text("{}")
    Demo(folder=folder, port=port, narrator=terminal).play(keep=keep)


class Demo:
    """The acts of the demo, in order; each keeps what the next needs."""

    def __init__(self, *, folder: Path, port: int, narrator: Narrator) -> None:
        self._folder = folder
        self._port = port
        self._narrator = narrator
        self._store = folder / "store"
        self._host = folder / "host"
        self._shop = folder / "shop"
        self._reports = folder / "reports"
        self._reports.mkdir()
        environment = {
            **os.environ,
            "RECSYS_STORE": str(self._store),
            "RECSYS_HOST_DIR": str(self._host),
            "RECSYS_TENANT": _TENANT,
        }
        self._recsys = Shell(environment, says=lambda line: narrator.say(f"  [bold]$[/bold] {line}"))
        self._end = datetime.now(UTC).date() - timedelta(days=1)  # today is not over: its last events are not there
        self._summary: list[tuple[str, str]] = []
        self._started = time.monotonic()

    def play(self, *, keep: bool) -> None:
        """Play every act and end with the summary."""
        self._act("A shop with 30 days of past, whose truth we know")
        self._simulate()
        self._act("Events become artifacts, artifacts become a release")
        self._first_release()
        self._act("Evaluation decides whether a second signal ships")
        self._second_release()
        secret = self._recsys.run("keys", "create", "--role", "client")["secret"]
        operator = self._recsys.run("keys", "create", "--role", "operator", "--label", "demo")["secret"]
        settings = Settings(
            store=str(self._store),
            host_dir=str(self._host),
            port=self._port,
            admin_port=0,
            workers=2,
            spool_rotate_s=2.0,
            ship_s=1.0,
            record_wait_s=1.0,  # a laptop that plays all of this at once is not a hung disk
        )
        with ServiceProcess(settings, log=self._folder / "service.log") as service:
            service.wait_ready()
            self._act(f"The service answers at {service.base_url}, people come and click")
            world = World.make(users=_USERS, items=_ITEMS, seed=_SEED)
            shopper = Shopper(world, stream(_SEED, "visits"), surfaces={_SURFACE: 1.0})
            visitors = Visitors(shopper, base_url=service.base_url, api_key=secret)
            before = self._people(visitors, "normal days")
            self._logs_are_sound()
            self._act("A bad rule is shipped: a recall list exported without its filter")
            self._bad_rule(visitors)
            self._act("A bad artifact is shipped: a scraper's made-up users, and somebody who passes over the checks")
            self._bad_artifact(visitors, before)
            self._act("Everything is healthy again")
            self._green()
            visitors.close()
            self._end_card(console=f"{service.admin_url}/console", kept=keep)
            if keep:
                self._narrator.say(f"  sign in with this key of role operator: [bold]{operator}[/bold]")
                self._narrator.say(f"\nThe service goes on at {service.base_url}; Ctrl-C ends it.")
                with suppress(KeyboardInterrupt):
                    threading.Event().wait()

    def _act(self, title: str) -> None:
        self._narrator.say(f"\n[bold cyan]▌[/bold cyan] [bold]{title}[/bold]")

    def _note(self, what: str, result: str) -> None:
        self._narrator.say(f"    {result}")
        self._summary.append((what, result))

    def _simulate(self) -> None:
        done = self._recsys.run(
            "simulate", "--users", str(_USERS), "--items", str(_ITEMS), "--days", str(_DAYS), "--seed", str(_SEED),
            "--end", self._end.isoformat(), "--out", str(self._shop),
        )  # fmt: skip
        rows = done["rows"]
        self._note("events", f"{rows['interactions']:,} interactions of {_USERS:,} users with {_ITEMS} items")
        self._recsys.run("tenants", "create", _TENANT, "--reason", "demo")

    def _pipelines(self, *more: str, until: int = 0, expect: int = 0) -> Any:
        """Run the pipelines over the shop's past, up to so many days before its end."""
        return self._recsys.run(
            "pipelines", "run", "--surface", _SURFACE, "--events", str(self._shop / "interactions.jsonl"),
            "--catalog", str(self._shop / "catalog.jsonl"),
            "--start", (self._end - timedelta(days=_DAYS - 1)).isoformat(),
            "--end", (self._end - timedelta(days=until)).isoformat(), *more, expect=expect,
        )  # fmt: skip

    def _first_release(self) -> None:
        built = self._pipelines("--signals", "popularity", "--reason", "popularity alone", until=_HELD_OUT_DAYS)
        ranked = built["signals"]["popularity"]["rows"]
        self._note("first release", f"generation {built['generation']}: popularity of {ranked} items")
        again = self._pipelines("--signals", "popularity", until=_HELD_OUT_DAYS)
        _require(not again["shipped"], "the same input made another release")
        self._narrator.say(f"    the same input again: {again['why']}")
        self._first_manifest = built["manifest"]

    def _second_release(self) -> None:
        built = self._pipelines("--no-ship", until=_HELD_OUT_DAYS)
        start = self._end - timedelta(days=_HELD_OUT_DAYS - 1)
        held = hold_out(self._shop, self._folder / "heldout", start=start, surface=_SURFACE, k=20, requests=2000)
        self._narrator.say(f"    {held.count:,} requests of the last {_HELD_OUT_DAYS} days were held out")
        alone = self._ranked("popularity", self._first_manifest, held)
        both = self._ranked("blend", built["manifest"], held)
        config = self._write("evaluation.yaml", _EVALUATION)
        baseline, report = self._reports / "popularity.json", self._reports / "blend.json"
        self._decided("--dataset", str(alone), "--config", config, "--output", str(baseline), "--allow-no-baseline")
        compared = ("--dataset", str(both), "--config", config, "--baseline", str(baseline))
        decided = self._decided(*compared, "--output", str(report))
        self._note("evaluation", f"{decided['outcome']}: {decided['what_happened']}")
        self._decided(*compared, "--output", str(report.with_suffix(".html")))
        shipped = self._recsys.run(
            "releases", "ship", "--surface", _SURFACE, "--manifest", built["manifest"], "--evidence", str(report),
            "--reason", "popularity and co-occurrence together",
        )  # fmt: skip
        self._note("second release", f"generation {shipped['generation']}, with that report as its evidence")
        fresh = self._pipelines("--reason", "the last days too")
        self._narrator.say(f"    generation {fresh['generation']} brings the data up to today")

    def _ranked(self, ranker: str, manifest: str, held: HeldOut) -> Path:
        """Rank the held-out requests by one manifest; returns the dataset file that judges the lists."""
        lists = self._reports / f"{ranker}.lists.jsonl"
        self._recsys.run(
            "recommend", "--surface", _SURFACE, "--requests", str(held.requests), "--manifest", manifest,
            "--ranker", ranker, "--out", str(lists),
        )  # fmt: skip
        roles = {"exposures": held.exposures, "outcomes": held.outcomes, "ranklists": lists}
        dataset = {role: {"type": "jsonl", "path": str(path.resolve())} for role, path in roles.items()}
        return Path(self._write(f"{ranker}.yaml", dataset))

    def _decided(self, *words: str) -> Any:
        return self._recsys.run("eval", "run", *words)["decision"]

    def _write(self, name: str, document: Any) -> str:
        path = self._folder / name
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return str(path)

    def _people(self, visitors: Visitors, when: str, visits: int = _VISITS) -> Traffic:
        with self._narrator.progress(f"{visits} visits") as advance:
            traffic = visitors.come(visits, advance=advance)
        self._note(
            when,
            f"{traffic.visits:,} visits, {traffic.ctr:.1%} with a click, "
            f"{traffic.empty} empty, {traffic.failed} failed "
            f"(generation {', '.join(map(str, traffic.generations))}, {', '.join(traffic.rungs)})",
        )
        _require(not traffic.failed, f"{traffic.failed} requests were not answered")
        return traffic

    def _logs_are_sound(self) -> None:
        """Judge the service's own logs: they must join before anything may be decided on them."""
        self._until_shipped()
        logs = self._store.resolve() / "events" / _TENANT
        dataset = self._write(
            "live.yaml",
            {
                stream: {"type": "jsonl", "ids": "pseudonymous", "path": str(logs / stream / "**" / "*.jsonl")}
                for stream in ("exposures", "outcomes")
            },
        )
        config = self._write("live-evaluation.yaml", _LIVE_EVALUATION)
        decided = self._decided(
            "--dataset",
            dataset,
            "--config",
            config,
            "--output",
            str(self._reports / "live.json"),
            "--allow-no-baseline",
        )
        self._note("the service's logs", f"{decided['outcome']}: {decided['what_happened']}")

    def _until_shipped(self) -> None:
        """Wait until the service has carried its event files into the store, as it does every few seconds."""
        deadline = time.monotonic() + 60
        while any(list((self._host / "spool" / state).glob("**/*.jsonl")) for state in ("open", "ready")):
            _require(time.monotonic() < deadline, "event files stay in the spool")
            time.sleep(0.1)

    def _bad_rule(self, visitors: Visitors) -> None:
        rules = self._folder / "recall.json"
        rules.write_bytes(canonical(unfiltered_recall(self._item_ids())))
        self._recsys.run("rules", "put", str(rules), "--reason", "product recall")
        visitors.until(lambda answer: not answer["items"])
        self._people(visitors, "with the bad rule", visits=200)
        finding = self._diagnosed("empty-recs")
        _require(finding["lever"] == "rules", f"the doctor named {finding['lever']}, not the rules")
        waited = self._pull(finding["command"], visitors, lambda answer: bool(answer["items"]))
        self._note("its reversal", f"items again {waited * 1000:.0f} ms after the command returned")
        self._people(visitors, "after it", visits=400)

    def _bad_artifact(self, visitors: Visitors, before: Traffic) -> None:
        good = self._recsys.run("releases", "list", "--limit", "1")["releases"][0]["surfaces"][_SURFACE]["manifest"]
        scraped = self._shop / "scraped.jsonl"
        wanted, everything = self._unwanted()
        count = scraper_events(scraped, wanted=wanted, passed=everything, end=self._end, visitors=12_000)
        self._narrator.say(f"    {count:,} events of a scraper are among today's")
        stopped = self._pipelines("--events", str(scraped), "--reason", "nightly run", expect=1)
        self._narrator.say(f"    {stopped['error']['message']}")
        forced = ("--events", str(scraped), "--force", "--reason", "it was a busy day")
        bad = self._pipelines(*forced)
        visitors.until(lambda answer: answer["meta"]["generation"] >= bad["generation"])
        worse = self._people(visitors, "with the bad artifact")
        _require(worse.ctr < before.ctr, "the bad artifact did no harm")
        finding = self._diagnosed("regressed")
        _require(finding["lever"] == "artifacts", f"the doctor named {finding['lever']}, not the artifacts")
        waited = self._pull(finding["command"], visitors, lambda answer: answer["meta"]["manifest_version"] == good)
        self._note("its reversal", f"the good artifacts again {waited * 1000:.0f} ms after the command returned")
        held = self._pipelines(*forced, expect=3)
        self._narrator.say(f"    forced once more it is refused all the same: {held['error']['message']}")
        self._people(visitors, "after it")
        self._recsys.run("releases", "resume", "--surface", _SURFACE, "--reason", "the export is filtered now")
        clean = self._pipelines("--reason", "nightly run")
        self._narrator.say(f"    the filtered export: {clean['why']}")

    def _diagnosed(self, symptom: str) -> Any:
        """Ask the doctor without telling what is wrong; it must find this symptom."""
        found = self._recsys.run("doctor", expect=1)["findings"]
        finding = next((finding for finding in found if finding["symptom"] == symptom), None)
        if finding is None:
            raise Failed(f"the doctor did not find {symptom}", next_step=f"it found: {[f['symptom'] for f in found]}")
        self._note(f"doctor: {symptom}", finding["cause"])
        for name, value in finding["evidence"].items():
            self._narrator.say(f"      [dim]{name}: {value}[/dim]")
        return finding

    def _pull(self, command: str, visitors: Visitors, good: Callable[[Mapping[str, Any]], bool]) -> float:
        """Run the doctor's command; returns the seconds from its return until no worker answers as before."""
        _done, returned = self._recsys.timed(*shlex.split(command)[1:])
        return max(0.0, visitors.until(good) - returned)

    def _green(self) -> None:
        status = self._recsys.run("status")["tenants"][_TENANT]["surfaces"][_SURFACE]
        for layer, found in status.items():
            self._note(f"status: {layer}", found["state"] + "".join(f"; {reason}" for reason in found["reasons"]))
        _require(all(found["state"] == "healthy" for found in status.values()), "status is not green")
        _require(self._recsys.run("doctor")["healthy"], "the doctor still finds something")
        verified = self._recsys.run("releases", "verify")
        self._note("the log", f"{verified['generations']} generations: chain, digests and pointer are right")

    def _item_ids(self) -> list[str]:
        return [
            json_line["item_id"]
            for json_line in map(msgspec.json.decode, (self._shop / "catalog.jsonl").read_bytes().splitlines())
        ]

    def _unwanted(self) -> tuple[list[str], list[str]]:
        """Return the forty goods that people like least, and all: a scraper walks where people do not."""
        world = World.make(users=_USERS, items=_ITEMS, seed=_SEED)
        least = world.interest.argsort()[:40]
        return [str(item) for item in world.items.ids[least]], [str(item) for item in world.items.ids]

    def _end_card(self, *, console: str, kept: bool) -> None:
        self._narrator.say()
        width = max(len(what) for what, _ in self._summary)
        for what, result in self._summary:
            self._narrator.say(f"  [green]✓[/green] {what:<{width}}  {result}")
        self._narrator.say(f"\nreports: {self._reports}/   log: RECSYS_STORE={self._store} recsys releases list")
        self._narrator.say(
            f"[dim]{time.monotonic() - self._started:.0f} s in all, Python {sys.version.split()[0]}[/dim]"
        )
        ended = "" if kept else " [dim](it ends with the demo; recsys demo --keep leaves it open)[/dim]"
        self._narrator.say(f"console: [bold]{console}[/bold]{ended}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failed(
            f"the demo does not show what it should: {otherwise}",
            next_step="please report this with what it printed",
        )
