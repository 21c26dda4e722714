"""The command line: what every command owes its user, and the exit codes of the contract."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from recsys.cli.app import app, run

CHANGING = {
    "tenants create", "tenants delete", "keys create", "keys revoke",
    "config put", "rules put", "rules disable", "rules enable",
    "items withdraw", "items restore", "items update", "pipelines run", "pipelines publish",
    "releases ship", "releases rollback", "releases undo", "releases hold", "releases resume", "releases gc",
    "users erase", "pin", "unpin",
    "candidate start", "candidate promote", "candidate abort",
}  # fmt: skip


def _commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


COMMANDS = dict(_commands(typer.main.get_command(app())))


@pytest.mark.parametrize("first", sorted({name.split()[0] for name in COMMANDS}))
def test_what_is_made_to_run_one_command_holds_it_as_the_whole_tree_does(first: str) -> None:
    made = dict(_commands(typer.main.get_command(app(first))))
    wanted = {name: command for name, command in COMMANDS.items() if name.split()[0] == first}
    assert {name: command.help for name, command in wanted.items()}.items() <= {
        name: command.help for name, command in made.items()
    }.items()


def test_a_command_loads_no_other_command() -> None:
    said = "import sys; from recsys.cli.app import app; app('{}'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", said.format("eval")], capture_output=True, text=True, check=True)
    assert "recsys.cli.evaluation" in loaded.stdout.split()
    assert not {"recsys.cli.releases", "recsys.cli.lab", "numpy", "duckdb"} & set(loaded.stdout.split())


class Cli:
    """Runs commands against one store and returns what they print."""

    def __init__(self, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._store = store
        self._capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        self._capsys.readouterr()
        assert run(["--store", str(self._store), *words]) == code, self._capsys.readouterr()
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


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_without_a_store_and_without_a_host_there_is_nothing_to_look_at(cli: Cli, command: str, tmp_path: Path) -> None:
    (tmp_path / "store").rename(tmp_path / "away")
    cli(command, "--host-dir", str(tmp_path / "host"), code=2)
    assert "there is no store" in cli.said


def test_a_watched_status_has_no_document(cli: Cli) -> None:
    cli("status", "--watch", "5", "--json", code=2)
    assert "--watch is for people" in cli.said


def test_withdrawing_an_id_that_nothing_serves_is_done_and_said(cli: Cli) -> None:
    change = cli.json("items", "withdraw", "nosuch", "--reason", "recall")
    assert change["unknown"] == ["nosuch"]
    assert "nosuch" in cli.said


def test_items_are_updated_shown_and_cleared_and_what_nothing_serves_is_said(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "news.csv").write_text("item_id,price\nnosuch,2.5\n")
    change = cli.json("items", "update", str(tmp_path / "news.csv"), "--reason", "sale")
    assert (change["action"], change["unknown"]) == ("items", ["nosuch"])
    assert "waits until something does" in cli.said
    assert cli.json("items", "overlay")["items"] == [{"item_id": "nosuch", "price": 2.5}]
    assert "nosuch: price 2.5" in cli("items", "overlay")
    assert "nothing is laid over the catalogue" in cli("items", "update", "--clear")
    assert "nothing is laid over" in cli("items", "overlay")
    assert cli.json("items", "overlay", "--at", str(change["generation"]))["items"]


def test_an_update_without_rows_is_refused(cli: Cli) -> None:
    cli("items", "update", code=2)
    assert "no item is named" in cli.said


def test_holding_a_surface_that_never_was_is_done_and_said(cli: Cli) -> None:
    assert "is it spelt right?" in cli("releases", "hold", "--surface", "hmoe", "--reason", "incident")


def test_a_dry_run_names_no_undo_of_what_was_not_made(cli: Cli) -> None:
    assert cli.json("items", "withdraw", "nosuch", "--dry-run")["undo"] == ""


def test_a_dry_run_of_revoking_a_key_looks_for_the_key(cli: Cli) -> None:
    assert "no key 'nosuch'" in cli.json("keys", "revoke", "nosuch", "--dry-run", code=2)["error"]["message"]


def test_a_key_that_was_revoked_before_is_not_told_as_revoked_now(cli: Cli) -> None:
    made = cli.json("keys", "create")["id"]
    assert cli("keys", "revoke", made).startswith(f"revoked key {made}")
    assert cli("keys", "revoke", made).startswith(f"nothing changed: key {made} of demo is revoked since ")


def test_the_commands_a_key_names_meet_a_store_in_brackets_too(tmp_path: Path, cli: Cli) -> None:
    apart = str(tmp_path / "a [b]")
    made = cli("tenants", "create", "demo", "--store", apart) and cli("keys", "create", "--store", apart)
    assert apart in shlex.split(made.splitlines()[2])


def test_the_undo_of_withdrawing_an_id_that_begins_with_a_dash_meets_the_same_store(cli: Cli) -> None:
    undo = json.loads(cli("--json", "items", "withdraw", "--", "-x"))["undo"]
    assert run(shlex.split(undo)[1:]) == 0
    assert cli.json("releases", "show", "3")["withdrawn"] is None


def test_a_next_step_says_which_store_its_commands_are_about(cli: Cli, tmp_path: Path) -> None:
    cli("releases", "hold", "--reason", "incident")
    empty = tmp_path / "empty.json"
    empty.write_text('{"weights":{"cooc":2.0}}')
    refused = cli.json("config", "put", str(empty), code=3)["error"]["next_step"]
    assert refused == f"when it may go on: recsys releases resume --tenant demo (add --store {tmp_path / 'store'})"
    assert "(add" not in cli.json("keys", "create", "--role", "bogus", code=2)["error"]["next_step"]


def test_the_proof_that_a_checkpoint_names_can_be_pasted_whatever_its_path(cli: Cli, tmp_path: Path) -> None:
    proof = cli("releases", "checkpoint", "--out", str(tmp_path / "my checkpoint")).splitlines()[-1]
    assert run(shlex.split(proof.removeprefix("prove it later: recsys "))) == 0


def test_a_missing_option_is_said_in_one_line(cli: Cli) -> None:
    missing = cli.json("releases", "rollback", code=2)["error"]["message"]
    assert missing == "Missing option '--lever'. Choose from: config, rules, artifacts, all"


def test_a_usage_error_under_json_is_a_document_too(cli: Cli) -> None:
    assert "bogus" in cli.json("keys", "create", "--role", "bogus", code=2)["error"]["message"]


def test_control_sequences_of_others_do_not_reach_the_terminal(cli: Cli) -> None:
    cli("releases", "hold", "--reason", "evil \x1b[31m\x07red", "--lever", "config")
    printed = cli("releases", "list")
    assert "\x1b" not in printed
    assert "\\x1b[31m" in printed


def test_a_candidate_is_begun_shown_grown_and_aborted(cli: Cli, tmp_path: Path) -> None:
    from tests.unit.releases.shop import publish

    from recsys.store import open_store

    store = open_store(tmp_path / "store")
    cli("releases", "ship", "--surface", "home", "--manifest", publish(store))
    other = publish(store, likes=2)
    rules = tmp_path / "rules.json"
    rules.write_text('[{"id": "x", "action": "block", "item_ids": ["mug"], "surface": "home"}]')
    begun = cli.json(
        "candidate", "start", "--surface", "home", "--share", "0.1", "--manifest", other, "--rules", str(rules),
        "--reason", "try it",
    )  # fmt: skip
    assert (begun["generation"], begun["action"]) == (3, "candidate")
    (shown,) = cli.json("candidate", "show")["candidates"]
    assert (shown["name"], shown["carries"], shown["reason"]) == ("home-3", ["rules", "artifacts"], "try it")
    assert "home-3" in cli("candidate", "show")
    assert "home-3: 50% by anonymous_id" in cli("candidate", "start", "--surface", "home", "--share", "0.5")
    aborted = cli("candidate", "abort", "--surface", "home", "--hold")
    assert "held: rules, artifacts of home" in aborted
    assert " releases undo 5" in aborted
    assert "no candidate runs" in cli("candidate", "show")
    cli("candidate", "promote", "--surface", "home", code=3)
    assert "home runs no candidate" in cli.said
    cli("candidate", "start", "--surface", "home", "--share", "0.5", "--manifest", other, code=3)
    cli("candidate", "start", "--surface", "home", "--share", "7", "--manifest", other, code=2)


@pytest.mark.parametrize("words", [("--json",), ()])
def test_a_change_whose_answer_cannot_be_written_is_unknown_and_not_failed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    with monkeypatch.context() as patched, Path("/dev/full").open("w") as full:
        patched.setattr(sys, "stdout", full)
        cli("releases", "hold", "--reason", "incident", *words, code=5)
    attempt = cli.said.partition("--attempt ")[2].split()[0]
    change = cli.json("releases", "hold", "--attempt", attempt)
    assert (change["generation"], change["why"]) == (2, "this attempt was committed")


def test_what_changed_nothing_and_cannot_be_written_has_failed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["releases", "list", "--json"], ["releases", "show", "1"], ["items", "withdraw", "x", "--dry-run"]):
        with monkeypatch.context() as patched, Path("/dev/full").open("w") as full:
            patched.setattr(sys, "stdout", full)
            cli(*words, code=1)
        assert "No space left" in cli.said


def test_garbage_is_counted_then_collected_and_what_is_gone_says_so(cli: Cli, tmp_path: Path) -> None:
    for k in (10, 20, 30):
        (tmp_path / "config.json").write_text(f'{{"limits": {{"max_k": {k}}}}}')
        cli("config", "put", str(tmp_path / "config.json"))
    asked = ("releases", "gc", "--keep", "1", "--grace", "0s")
    tried = cli.json(*asked, "--dry-run")
    made = cli.json(*asked, "--reason", "weekly")
    assert (tried["blobs"], tried["done"]) == (3, None)
    assert (made["blobs"], made["begun"], made["done"], made["oldest"]) == (3, 5, 6, {"config": 4, "rules": 1})
    assert cli.json("releases", "list")["gone"] == {"3": ["config"], "2": ["config"], "1": ["config"]}
    assert "gone: config" in cli("releases", "list")
    cli("releases", "show", "2")
    assert "not in the store any more" in cli.said
    assert "not in the store" not in (cli("releases", "show", "4") and cli.said)
    assert "(3 more were collected)" in cli("releases", "verify")
    cli("releases", "diff", "2", "3", code=3)
    assert "deleted by the collection of generation 5" in cli.said
    assert "there is no garbage" in cli(*asked)


def test_a_span_of_time_that_is_none_exits_2(cli: Cli) -> None:
    for span in ("", "1", "-1h", "h", "1w", "1.5h", "3651d", "999999999d"):
        cli("releases", "gc", f"--grace={span}", code=2)


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--hours", "1e300"),
        ("doctor", "--hours", "745"),
        ("why", "x", "--since", "999999999d"),
        ("guard", "--surface", "home", "--every", "86401"),
        ("guard", "--surface", "home", "--decide-every", "inf"),
    ],
)
def test_a_span_that_is_too_long_is_a_word_that_means_nothing(cli: Cli, words: tuple[str, ...]) -> None:
    cli(*words, code=2)
    assert "less than or equal to" in cli.said or "too long" in cli.said


def test_a_diff_shows_lists_only_when_asked_and_says_so_when_nobody_has_asked_for_any(cli: Cli, tmp_path: Path) -> None:
    document = tmp_path / "config.json"
    document.write_text('{"weights":{"cooc":2.0}}')
    cli("config", "put", str(document), "--reason", "more cooc")
    assert "sample" not in cli.json("releases", "diff", "1", "2")
    found = cli.json("releases", "diff", "1", "2", "--sample", "5")
    assert found["config"] == [{"key": "weights.cooc", "before": None, "after": 2.0}]
    assert (found["sample"]["recorded"], found["sample"]["lists"]) == (0, [])
    assert "no request was recorded" in cli.said
    cli("releases", "diff", "1", "2", "--surface", "home", code=2)
    assert "--sample" in cli.said
    cli("releases", "diff", "1", "2", "--sample", "5", "--surface", "home", code=2)
    assert "neither generation serves" in cli.said
