"""``users erase``, ``pin`` and ``unpin`` as their user meets them."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.integration.serving.shops import Shop
from tests.unit.serving.hosts import Host

from recsys.cli.app import run
from recsys.releases.erase import erased_in
from recsys.releases.history import History


class Cli:
    """Runs commands and returns the document they print."""

    def __init__(self, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._store, self._capsys = store, capsys

    def __call__(self, *words: str, code: int = 0) -> Any:
        self._capsys.readouterr()
        ended = run([*words, "--json", "--store", str(self._store)])
        self.printed, self.said = self._capsys.readouterr()
        assert ended == code, self.said
        return json.loads(self.printed)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.ship("a")
    return made


@pytest.fixture
def cli(shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    for name in ("RECSYS_STORE", "RECSYS_TENANT", "RECSYS_HOST_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECSYS_ACTOR", "ops")
    monkeypatch.setenv("COLUMNS", "200")
    return Cli(shop.root / "store", capsys)


def erased(shop: Shop) -> frozenset[str]:
    history = History(shop.store.releases, shop.store.blobs, "demo")
    return erased_in(history.head().release, history)


def pseudonym(cli: Cli, raw_id: str) -> str:
    return str(cli("users", "id", raw_id)["user_id"])


def test_raw_ids_are_hashed_and_stand_nowhere(cli: Cli, shop: Shop, tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("bob@example.com\n\ncarol@example.com\n")
    change = cli("users", "erase", "ann@example.com", "--from", str(ids), "--reason", "request 88")
    assert "example.com" not in cli.printed + cli.said
    assert (change["action"], change["committed"], change["undo"]) == ("erase", True, "")
    assert "cannot be undone" in cli.said
    assert erased(shop) == {pseudonym(cli, f"{name}@example.com") for name in ("ann", "bob", "carol")}
    for path in (shop.root / "store").rglob("*"):
        if path.is_file():
            assert b"example.com" not in path.read_bytes(), path


def test_pseudonyms_are_taken_as_they_are_and_a_raw_id_among_them_is_refused_unseen(cli: Cli, shop: Shop) -> None:
    known_as = pseudonym(cli, "ann")
    cli("users", "erase", "--pseudonym", "ann@example.com", code=2)
    assert "example.com" not in cli.printed + cli.said
    cli("users", "erase", "--pseudonym", known_as)
    assert erased(shop) == {known_as}
    assert cli("users", "erase", "ann")["committed"] is False


def test_nobody_named_or_no_such_file_is_refused(cli: Cli) -> None:
    cli("users", "erase", code=2)
    assert "no user is named" in cli.said
    cli("users", "erase", "--from", "nowhere.txt", code=2)
    assert "cannot read nowhere.txt" in cli.said


def test_a_dry_run_erases_nobody(cli: Cli, shop: Shop) -> None:
    assert cli("users", "erase", "ann", "--dry-run")["dry_run"]
    assert erased(shop) == frozenset()


@pytest.fixture
def host(shop: Shop) -> Host:
    made = Host(shop)
    made.follow(2)
    shop.ship("b")
    made.follow(3)
    return made


def at(host: Host) -> tuple[str, str]:
    return "--host-dir", str(host.places.root)


def held(host: Host) -> dict[str, int]:
    return {tenant: pin.generation for tenant, pin in host.pins.held().items()}


def test_a_host_is_pinned_and_let_go_with_the_store_away(
    cli: Cli, host: Host, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys.cli.pin._TAKEN_UP_S", 0.0)
    shop.take_store_away()
    pinned = cli("pin", "--generation", "2", "--reason", "down", *at(host))
    assert (pinned["action"], pinned["before"], pinned["generation"], pinned["actor"]) == ("pin", 3, 2, "ops")
    assert f" unpin --tenant demo --host-dir {host.places.root}" in pinned["undo"]
    host.step()
    assert host.ask().generation == 2
    (shown,) = cli("pin", *at(host))["tenants"]
    assert (shown["serving"], shown["kept"], shown["pinned"]["reason"]) == (2, [3, 2], "down")
    assert cli("pin", "--generation", "2", *at(host))["changed"] is False
    assert " pin --tenant demo --generation 2 " in cli("pin", "--generation", "3", *at(host))["undo"]
    let_go = cli("unpin", *at(host))
    assert (let_go["before"], let_go["generation"]) == (3, 3)
    host.step()
    assert host.ask().generation == 3
    assert cli("unpin", *at(host))["changed"] is False


def test_a_dry_run_pins_nothing(cli: Cli, host: Host) -> None:
    assert cli("pin", "--generation", "2", "--dry-run", *at(host))["dry_run"]
    assert held(host) == {}
    host.pin(2)
    assert cli("unpin", "--dry-run", *at(host))["dry_run"]
    assert held(host) == {"demo": 2}


def test_what_was_pinned_is_listed_from_the_store(cli: Cli, host: Host) -> None:
    host.pin(2)
    host.step_until(lambda: cli("pin", "--list")["pins"])
    (entry,) = cli("pin", "--list")["pins"]
    assert (entry["action"], entry["before"], entry["generation"], entry["actor"]) == ("pin", 3, 2, "ops")
    assert entry["host"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--generation", "1"), "it keeps 3, 2"),
        (("--generation", "2", "--tenant", "nobody"), "this host serves no tenant nobody"),
    ],
)
def test_what_cannot_be_pinned_is_refused_with_what_can(
    cli: Cli, host: Host, words: tuple[str, ...], said: str
) -> None:
    cli("pin", *words, *at(host), code=2)
    assert said in cli.said


def test_a_directory_that_is_no_hosts_is_told(cli: Cli, tmp_path: Path) -> None:
    cli("pin", "--host-dir", str(tmp_path), code=2)
    assert "not a serving host's directory" in " ".join(cli.said.split())
