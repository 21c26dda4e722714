"""The command line: what every command owes its user, and the exit codes of the contract."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from recsys.cli.app import app, run

CHANGING = {
    "tenants create", "keys create", "keys revoke", "config put", "rules put", "rules disable", "rules enable",
    "items withdraw", "items restore", "pipelines run", "pipelines publish", "releases ship", "releases rollback",
    "releases undo", "releases hold", "releases resume",
}  # fmt: skip


def _commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


COMMANDS = dict(_commands(typer.main.get_command(app)))


class Cli:
    """Runs commands against one store and returns what they print."""

    def __init__(self, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._store = store
        self._capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        self._capsys.readouterr()
        assert run([*words, "--store", str(self._store)]) == code, self._capsys.readouterr()
        printed = self._capsys.readouterr()
        self.said = printed.err
        return printed.out

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("RECSYS_STORE", "RECSYS_TENANT", "RECSYS_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    made = Cli(tmp_path / "store", capsys)
    made("tenants", "create", "demo")
    return made


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    assert (COMMANDS[name].help or "").strip()


@pytest.mark.parametrize("name", sorted(CHANGING))
def test_every_command_that_changes_something_takes_a_reason_and_a_dry_run(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"--reason", "--dry-run"} <= options


def test_no_command_name_is_forgotten_here() -> None:
    assert set(COMMANDS) >= CHANGING


def test_global_options_are_taken_before_and_after_the_command(cli: Cli, tmp_path: Path) -> None:
    assert json.loads(cli("tenants", "list", "--json")) == json.loads(cli("--json", "tenants", "list"))


def test_the_only_tenant_need_not_be_named(cli: Cli) -> None:
    assert cli.json("releases", "list")["releases"][0]["tenant"] == "demo"


def test_with_several_tenants_one_must_be_named(cli: Cli) -> None:
    cli("tenants", "create", "other")
    cli("releases", "list", code=2)
    assert "demo, other" in cli.said


def test_a_store_that_is_not_there_is_said_with_the_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--store", str(tmp_path / "nowhere"), "tenants", "list"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_an_unknown_tenant_exits_2_and_names_the_command_that_makes_it(cli: Cli) -> None:
    cli("releases", "list", "--tenant", "demp", code=2)
    assert "demp" in cli.said


def test_an_unknown_option_exits_2_with_where_help_is(cli: Cli) -> None:
    cli("releases", "list", "--limt", "3", code=2)
    assert "--help" in cli.said


def test_eval_run_keeps_2_for_hold_so_a_usage_error_is_1(cli: Cli) -> None:
    cli("eval", "run", "--nonsense", code=1)
    cli("eval", "validate", "--nonsense", code=2)


def test_an_error_under_json_is_a_document(cli: Cli) -> None:
    error = cli.json("releases", "show", "99", code=2)["error"]
    assert error["code"]
    assert "99" in error["message"]


def test_errors_are_never_tracebacks(cli: Cli) -> None:
    cli("config", "put", "/nonexistent/config.json", code=2)
    assert "Traceback" not in cli.said
    assert "cannot read" in cli.said


def test_a_config_goes_in_and_its_printed_undo_takes_it_back(cli: Cli, tmp_path: Path) -> None:
    document = tmp_path / "config.json"
    document.write_text('{"weights":{"cooc":2.0}}')
    before = cli.json("config", "show")["config"]
    change = cli.json("config", "put", str(document), "--reason", "more cooc")
    assert change["generation"] == 2
    assert cli.json("config", "show")["config"] == {"weights": {"cooc": 2.0}}
    cli(*change["undo"].split()[1:])
    assert cli.json("config", "show")["config"] == before


def test_a_dry_run_writes_nothing(cli: Cli, tmp_path: Path) -> None:
    document = tmp_path / "config.json"
    document.write_text('{"weights":{"cooc":2.0}}')
    change = cli.json("config", "put", str(document), "--dry-run")
    assert change["dry_run"]
    assert cli.json("releases", "list")["releases"][0]["generation"] == 1


def test_a_misspelt_key_exits_2_and_suggests_the_right_one(cli: Cli, tmp_path: Path) -> None:
    document = tmp_path / "config.json"
    document.write_text('{"weigths":{"cooc":2.0}}')
    cli("config", "put", str(document), code=2)
    assert "did you mean `weights`?" in cli.said


def test_what_is_held_is_refused_with_3_until_resumed(cli: Cli, tmp_path: Path) -> None:
    document = tmp_path / "config.json"
    document.write_text('{"weights":{"cooc":2.0}}')
    cli("releases", "hold", "--lever", "config", "--reason", "incident")
    cli("config", "put", str(document), code=3)
    assert "incident" in cli.said
    assert "releases resume" in cli.said
    cli("releases", "resume", "--lever", "config")
    cli("config", "put", str(document))


def test_a_stale_expectation_is_refused_with_3(cli: Cli, tmp_path: Path) -> None:
    document = tmp_path / "config.json"
    document.write_text('{"weights":{"cooc":2.0}}')
    expected = cli.json("config", "show")["expect"]
    cli("config", "put", str(document), "--expect", expected)
    document.write_text('{"weights":{"cooc":3.0}}')
    cli("config", "put", str(document), "--expect", expected, code=3)


def test_a_rollback_with_nothing_older_is_refused_with_3(cli: Cli) -> None:
    cli("releases", "rollback", "--lever", "config", code=3)


def test_a_key_is_shown_once_and_never_again(cli: Cli) -> None:
    made = cli.json("keys", "create", "--role", "client")
    listed = cli("keys", "list", "--json")
    assert made["id"] in listed
    assert made["secret"] not in listed


def test_a_pseudonym_is_the_same_each_time_and_not_the_id(cli: Cli) -> None:
    first = cli("users", "id", "u-1001").strip()
    assert first == cli("users", "id", "u-1001").strip()
    assert "u-1001" not in first


def test_the_log_verifies(cli: Cli) -> None:
    assert cli.json("releases", "verify")["sound"]


def test_status_of_an_empty_tenant_is_no_error(cli: Cli) -> None:
    assert cli.json("status") == {"tenants": {"demo": {"surfaces": {}}}}


def test_the_doctor_refuses_a_symptom_it_does_not_know(cli: Cli) -> None:
    cli("doctor", "headache", code=2)
    assert "empty-recs" in cli.said


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_a_misspelt_tenant_is_not_called_healthy(cli: Cli, command: str) -> None:
    cli(command, "--tenant", "dmeo", code=2)
    assert "has no tenant dmeo" in cli.said


def test_withdrawing_an_id_that_nothing_serves_is_done_and_said(cli: Cli) -> None:
    change = cli.json("items", "withdraw", "nosuch", "--reason", "recall")
    assert change["unknown"] == ["nosuch"]
    assert "nosuch" in cli.said


def test_holding_a_surface_that_never_was_is_done_and_said(cli: Cli) -> None:
    assert "is it spelt right?" in cli("releases", "hold", "--surface", "hmoe", "--reason", "incident")


def test_a_dry_run_names_no_undo_of_what_was_not_made(cli: Cli) -> None:
    assert cli.json("items", "withdraw", "nosuch", "--dry-run")["undo"] == ""


def test_a_usage_error_under_json_is_a_document_too(cli: Cli) -> None:
    assert "bogus" in cli.json("keys", "create", "--role", "bogus", code=2)["error"]["message"]


def test_control_sequences_of_others_do_not_reach_the_terminal(cli: Cli) -> None:
    cli("releases", "hold", "--reason", "evil \x1b[31m\x07red", "--lever", "config")
    printed = cli("releases", "list")
    assert "\x1b" not in printed
    assert "\\x1b[31m" in printed
