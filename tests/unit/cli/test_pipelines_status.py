"""``recsys pipelines status``: runs that shipped, that failed, and surfaces nobody ran for."""

import json
import re
import time

from tests.unit.cli.test_commands import cli  # noqa: F401 - a fixture
from tests.unit.pipelines.shops import END, START, event, visits, write_jsonl

import recsys
from recsys.encoding import rfc3339
from recsys.pipelines.report import STAGES, LastRun, record_run

WINDOW = ("--start", START, "--end", END)


def test_before_any_run_it_says_what_to_do(cli):  # noqa: F811
    assert "no run was made yet: recsys pipelines run --help" in cli("pipelines", "status", "--tenant", "demo")


def test_it_tells_what_a_run_took_and_made_and_why_one_failed_that_never_shipped(cli, tmp_path):  # noqa: F811
    good = str(write_jsonl(tmp_path / "good.jsonl", visits()))
    bad = str(write_jsonl(tmp_path / "bad.jsonl", [event(ts="yesterday")]))
    named = ("--tenant", "demo", "--signals", "popularity,cooc")
    cli("pipelines", "run", "--surface", "home", "--events", good, *WINDOW, *named)
    cli("pipelines", "run", "--surface", "basket", "--events", bad, *WINDOW, *named, code=2)
    said = cli("pipelines", "status", "--tenant", "demo")
    assert re.search(r"basket: failed at ingest; started \S+, took \d+\.\d s\n", said)
    assert "bad.jsonl line 1" in said
    assert "home: done, generation 2 is live; started" in said
    assert f"window {START} to {END}" in said
    assert "items made: cooc 12, popularity 12" in said
    took = [line.split(": ")[1].split(", ") for line in said.splitlines() if "seconds:" in line]
    assert [[part.split()[0] for part in of_one] for of_one in took] == [["ingest"], [*STAGES]]
    assert f"served: data ends {END}" in said


def test_a_run_that_is_under_way_is_told_from_one_that_was_killed(cli, tmp_path):  # noqa: F811
    store = recsys.open(tmp_path / "store").store
    for surface, hours in (("home", 1), ("basket", 8)):
        started = rfc3339(time.time() - hours * 3600)
        record_run(store, LastRun(tenant="demo", surface=surface, stage="compute", started=started))
    home, basket = (cli("pipelines", "status", "--tenant", "demo").partition("home: ")[n] for n in (2, 0))
    assert home.startswith("is at compute")
    assert "was it killed?" not in home
    assert "it has not ended: was it killed?" in basket


def test_without_a_tenant_it_tells_of_all(cli, tmp_path):  # noqa: F811
    cli("tenants", "create", "other")
    store = recsys.open(tmp_path / "store").store
    record_run(store, LastRun(tenant="other", surface="home", stage="compute", started=rfc3339(time.time())))
    assert re.search(
        r"tenant demo\nno run was made yet.*\ntenant other\nhome: is at compute", cli("pipelines", "status")
    )
    told = json.loads(cli("--json", "pipelines", "status"))["tenants"]
    assert told["demo"] == {}
    assert told["other"]["home"]["run"]["stage"] == "compute"
