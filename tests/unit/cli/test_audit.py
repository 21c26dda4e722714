"""``recsys audit``: a table for people, a document for machines, lines for whoever keeps them."""

import json
from pathlib import Path

import pytest

from recsys.cli.app import run


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("RECSYS_ACTOR", "ops@example")
    named = str(tmp_path / "store")
    (tmp_path / "config.json").write_text('{"limits": {"max_k": 7}}')
    assert run(["--store", named, "tenants", "create", "demo"]) == 0
    assert run(["--store", named, "config", "put", str(tmp_path / "config.json"), "--reason", "[bold]shorter"]) == 0
    assert run(["--store", named, "releases", "hold", "--surface", "home", "--reason", "until we know"]) == 0
    return named


def test_people_see_who_did_what_to_what_and_why(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["--store", store, "audit"]) == 0
    head, hold, config, create = capsys.readouterr().out.splitlines()
    assert head.split() == ["gen", "at", "who", "did", "to", "why"]
    assert hold.split()[:1] == ["3"]
    assert "ops@example" in hold
    assert hold.endswith("until we know")
    assert "[bold]shorter" in config
    assert "create" in create


def test_machines_get_states_and_the_next_page(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["--store", store, "audit", "--limit", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["tenant"], told["next"], [entry["generation"] for entry in told["entries"]]) == ("demo", 3, [3])
    assert told["entries"][0]["states"]["holds"]["before"] == []
    assert run(["--store", store, "audit", "--before", "3", "--part", "config", "--json"]) == 0
    assert [entry["generation"] for entry in json.loads(capsys.readouterr().out)["entries"]] == [2, 1]


def test_an_export_has_every_entry_the_oldest_first(store: str, tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    assert run(["--store", store, "audit", "--limit", "1", "--export", str(out)]) == 0
    assert [json.loads(line)["generation"] for line in out.read_text().splitlines()] == [1, 2, 3]
    assert run(["--store", store, "audit", "--export", str(tmp_path / "nowhere/audit.jsonl")]) == 1


@pytest.mark.parametrize(("words", "code"), [(["--action", "shop"], 2), (["--since", "yesterday"], 2)])
def test_what_is_not_there_is_told(store: str, words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--store", store, "audit", *words]) == code
    assert "→" in capsys.readouterr().err
