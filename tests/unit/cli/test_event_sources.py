"""``--source`` beside ``--events``, and ``recsys pipelines source check``."""

import json

from tests.unit.cli.test_commands import cli  # noqa: F401 - a fixture
from tests.unit.pipelines.shops import END, START, visits, write_jsonl

WINDOW = ("--start", START, "--end", END, "--tenant", "demo", "--surface", "home")


def test_a_source_document_stands_in_for_events(cli, tmp_path):  # noqa: F811
    write_jsonl(tmp_path / "events.jsonl", visits())
    (tmp_path / "source.yaml").write_text("type: files\npaths: ['*.jsonl']\n")
    document = str(tmp_path / "source.yaml")
    said = cli("pipelines", "ingest", "--work", str(tmp_path / "run"), "--source", document, *WINDOW)
    assert "360  events" in said
    said = cli("pipelines", "run", "--source", document, "--signals", "popularity", *WINDOW)
    assert "is live" in said


def test_events_are_given_once(cli, tmp_path):  # noqa: F811
    cli("pipelines", "run", *WINDOW, code=2)
    assert "no events are given" in cli.said
    assert "give --events FILES, or --source FILE" in cli.said
    cli("pipelines", "run", "--events", "a.jsonl", "--source", "b.yaml", *WINDOW, code=2)
    assert "events are given twice, by --events and by --source" in cli.said


def test_a_check_says_what_a_source_would_read(cli, tmp_path):  # noqa: F811
    path = write_jsonl(tmp_path / "events.jsonl", visits())
    document = tmp_path / "source.yaml"
    document.write_text("type: files\npaths: ['*.jsonl']\n")
    said = cli("pipelines", "source", "check", str(document))
    assert "files: 1" in said
    assert f"bytes: {path.stat().st_size:,}" in said
    assert "fields: ts, item_id, event_type, user_id, session_id, event_id" in said
    assert "user-" not in said
    found = json.loads(cli("pipelines", "source", "check", str(document), "--json"))
    assert found["found"] == {"files": 1, "bytes": path.stat().st_size}
    document.write_text("type: event_log\n")
    said = cli("pipelines", "source", "check", str(document), "--tenant", "demo")
    assert "interactions: 0" in said


def test_a_check_ends_with_the_code_of_what_is_wrong(cli, tmp_path):  # noqa: F811
    document = tmp_path / "source.yaml"
    document.write_text("type: kafak\n")
    cli("pipelines", "source", "check", str(document), code=2)
    assert "did you mean `kafka`?" in cli.said
    document.write_text("type: postgresql\ndsn: 'postgresql://me@127.0.0.1:1/shop'\ntable: t\ntime: at\nkey: id\n")
    cli("pipelines", "source", "check", str(document), code=1)
    assert "postgresql://me@127.0.0.1:1/shop is not available" in cli.said
