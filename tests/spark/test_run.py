"""A whole run with Spark, from the command line to the release."""

import json

from tests.unit.cli.test_commands import cli  # noqa: F401 - a fixture
from tests.unit.pipelines.shops import END, START, visits, write_jsonl


def test_a_run_on_spark_after_one_on_duckdb_makes_the_same_manifest_and_ships_nothing(cli, session, tmp_path):  # noqa: F811
    events = str(write_jsonl(tmp_path / "events.jsonl", visits()))
    command = ("pipelines", "run", "--tenant", "demo", "--surface", "home", "--events", events)
    window = ("--start", START, "--end", END)
    first = cli("--json", *command, *window)
    again = cli("--json", *command, *window, "--engine", "spark", "--master", "local[2]", "--memory", "1GB")
    assert json.loads(again)["manifest"] == json.loads(first)["manifest"]
    assert not json.loads(again)["shipped"]
    (took,) = [line for line in cli("pipelines", "status", "--tenant", "demo").splitlines() if line.startswith("home")]
    assert took.endswith(" s with spark")
