"""``recsys readiness`` as its user meets it."""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.cli.test_commands import Cli, cli  # noqa: F401 - a fixture

from recsys.operations.readiness import ITEMS

NOWHERE = ("--url", "http://127.0.0.1:9", "--admin-url", "http://127.0.0.1:9", "--host-dir", "nowhere")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_open_is_named_with_what_to_do_and_exits_1(cli: Cli) -> None:  # noqa: F811
    told = cli("readiness", *NOWHERE, code=1)
    assert "not ready: " in told
    assert "mode-named" in told.splitlines()[-1]
    assert "→ export RECSYS_ENV=production where the service is started" in told
    document = cli.json("readiness", *NOWHERE, code=1)
    assert (document["schema"], document["ready"], document["tenants"]) == ("readiness.v1", False, ["demo"])
    assert {item["id"] for item in document["items"]} == {item.id for item in ITEMS}
    assert sum(document["counts"].values()) == len(ITEMS)
    assert any(line.startswith("probes-answer: nothing answers") for line in document["unseen"])


def test_the_file_of_answers_is_begun_once_and_read_where_it_lies(cli: Cli, folder: Path) -> None:  # noqa: F811
    assert cli.json("readiness", "--init") == {"written": "readiness.yaml"}
    cli("readiness", "--init", code=3)
    file = folder / "readiness.yaml"
    answered = f"tls:\n  answer: yes\n  by: ann\n  on: {datetime.now(UTC).date()}"
    file.write_text(file.read_text().replace("tls:\n  answer:\n  by:\n  on:", answered))
    found = {item["id"]: item for item in cli.json("readiness", *NOWHERE, code=1)["items"]}
    assert (found["tls"]["result"], found["tls"]["by"]) == ("yes", "ann")
    assert found["on-call"]["result"] == "asked"
    cli("readiness", "--answers", "nowhere.yaml", code=2)
    cli("readiness", "--drills", "nowhere.json", code=2)
    cli("readiness", "--tenant", "dmeo", code=2)


@pytest.mark.parametrize("name", ["r.md", "r.html", "r.json"])
def test_the_report_is_written(cli: Cli, folder: Path, name: str) -> None:  # noqa: F811
    cli("readiness", *NOWHERE, "--report", name, code=1)
    assert "on-call" in (folder / name).read_text()
    assert not list(folder.glob("*.new"))
    cli("readiness", *NOWHERE, "--report", "r.pdf", code=2)


def test_people_are_asked_on_a_terminal_and_the_answers_are_kept(cli: Cli, folder: Path) -> None:  # noqa: F811
    cli("readiness", *NOWHERE, "--ask", code=2)  # no terminal
    ours, theirs = pty.openpty()
    asked = subprocess.Popen(
        [sys.executable, "-m", "recsys", "--store", str(folder / "store"), "readiness", *NOWHERE, "--ask", "--json"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "RECSYS_ACTOR": "ann"},
    )
    os.close(theirs)
    os.write(ours, b"y\nin the proxy's repository\nn\n\n" + b"\n" * 40)
    printed, said = asked.communicate(timeout=60)
    os.close(ours)
    assert asked.returncode == 1, said
    results = {item["id"]: item["result"] for item in json.loads(printed)["items"]}
    assert (results["tls"], results["keys-in-use"], results["on-call"]) == ("yes", "no", "asked")
    kept = (folder / "readiness.yaml").read_text()
    assert 'note: "in the proxy\'s repository"' in kept
    assert 'by: "ann"' in kept
