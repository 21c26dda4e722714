"""Deleting and exporting a tenant from the command line: what is asked, and what is told."""

import io
import tarfile
from pathlib import Path

import pytest
from tests.unit.cli.test_commands import Cli, cli  # noqa: F401 - a fixture

OLD = Path(__file__).parents[2] / "stores/0.1.0.tar.gz"


class Typed(io.StringIO):
    """A person at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("typed", ["", "other\n", "y\n", "yes\n"])
def test_nothing_but_the_name_deletes(cli: Cli, typed: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("sys.stdin", Typed(typed))
    cli("tenants", "delete", "demo", code=2)
    assert "its name was not typed" in cli.said
    assert "This cannot be undone" in cli.said
    assert "tenants export demo --out DIR" in cli.said.replace("\n", " ")
    assert cli.json("tenants", "list") == {"tenants": ["demo"]}


def test_the_name_deletes(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("sys.stdin", Typed("demo\n"))
    assert "deleted tenant demo" in cli("tenants", "delete", "demo", "--reason", "ended")
    assert cli.json("tenants", "list") == {"tenants": []}
    cli("keys", "list", "--tenant", "demo", code=2)
    assert "it was deleted by" in cli.said


def test_a_dry_run_counts_and_a_second_time_changes_nothing(cli: Cli) -> None:  # noqa: F811
    planned = cli.json("tenants", "delete", "demo", "--dry-run")
    assert planned["dry_run"]
    assert planned["removed"]["releases"] == 1
    done = cli.json("tenants", "delete", "demo", "--yes")
    assert (done["removed"], done["changed"], done["undo"]) == (planned["removed"], True, "")
    assert not cli.json("tenants", "delete", "demo", "--yes")["changed"]


def test_where_nobody_can_be_asked_it_takes_yes(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("sys.stdin", io.StringIO("demo\n"))
    cli("tenants", "delete", "demo", "--json", code=2)
    assert cli.json("tenants", "list") == {"tenants": ["demo"]}


def test_that_a_key_of_0_1_0_stays_in_its_record_is_said(cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    with tarfile.open(OLD) as packed:
        packed.extractall(tmp_path / "old", filter="data")
    old = Cli(tmp_path / "old/store", cli._capsys)
    document = old.json("tenants", "delete", "demo", "--yes")
    assert document["key_in_log"] == 1
    assert "stands in access record 1, which version 0.1.0 wrote" in old.said.replace("\n", " ")


def test_an_export_says_what_is_in_it(cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    said = cli("tenants", "export", "demo", "--out", str(tmp_path / "out"))
    assert "1 releases, 2 blobs, 0 event files; verified" in said
    assert "its users cannot be linked" in said
    document = cli.json("tenants", "export", "demo", "--out", str(tmp_path / "two"), "--with-secret")
    assert document["with_secret"]
    assert list((tmp_path / "two/secrets/demo").iterdir())
    cli("tenants", "export", "demo", "--out", str(tmp_path / "out"), code=2)
    assert "not empty" in cli.said
