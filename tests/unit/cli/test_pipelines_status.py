"""``recsys pipelines status``: runs that shipped, that failed, and surfaces nobody ran for."""

from tests.unit.cli.test_commands import cli  # noqa: F401 - a fixture
from tests.unit.pipelines.shops import END, START, event, visits, write_jsonl

from recsys.pipelines.report import STAGES

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
    assert "basket: failed at ingest" in said
    assert "bad.jsonl line 1" in said
    assert "home: done, generation 2 is live; started" in said
    assert f"window {START} to {END}" in said
    assert "items made: cooc 12, popularity 12" in said
    took = [line.split(": ")[1].split(", ") for line in said.splitlines() if "seconds:" in line]
    assert [[part.split()[0] for part in of_one] for of_one in took] == [["ingest"], [*STAGES]]
    assert f"served: data ends {END}" in said
