"""An upgrade host by host, what only the new version knows, and the way back: people are answered all along.

The earlier version runs from its own source, as it was.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deploy.versions import Host, Load, Version, earlier, this_version

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    pair = Host(tmp_path, "a"), Host(tmp_path, "b")
    yield pair
    for host in pair:
        host.kill()


def begin(old: Version, root: Path) -> str:
    """A shop that the earlier version made and built; returns a key of it."""
    old.run(
        root,
        "simulate",
        "--users",
        "120",
        "--items",
        "40",
        "--days",
        "20",
        "--seed",
        "7",
        "--end",
        "2026-11-22",
        "--out",
        "shop",
    )
    old.run(root, "tenants", "create", "demo")
    old.run(root, *nightly("2026-11-21"))
    made = old.run(root, "keys", "create", "--role", "client")
    return next(line for line in made.splitlines() if line.startswith("rsk_"))


def nightly(end: str) -> tuple[str, ...]:
    window = ("--start", "2026-11-04", "--end", end)
    files = ("--events", "shop/interactions.jsonl", "--catalog", "shop/catalog.jsonl")
    return ("pipelines", "run", "--surface", "home", *files, *window, "--reason", f"nightly {end}")


def head(root: Path) -> dict:
    newest = max((root / "store/releases/demo").glob("0*.json"))
    return json.loads(newest.read_bytes())


def test_hosts_of_both_versions_answer_from_one_store_up_and_down(tmp_path: Path, hosts: tuple[Host, Host]):
    (tmp_path / "old").mkdir()
    old, (a, b) = earlier(tmp_path / "old"), hosts
    key = begin(old, tmp_path)
    a.start(old)
    b.start(old)
    with Load(hosts, key).running() as load:
        follows(tmp_path, key, a)

        b.stop()
        b.start(this_version)  # on the directory that the earlier version left
        follows(tmp_path, key, b)

        (tmp_path / "config.json").write_text('{"limits": {"max_k": 40}}')
        this_version.run(tmp_path, "config", "put", "config.json", "--reason", "by the new version")
        follows(tmp_path, key, a, b)
        this_version.run(tmp_path, "releases", "rollback", "--lever", "config", "--reason", "and back")
        follows(tmp_path, key, a, b)
        this_version.run(tmp_path, *nightly("2026-11-22"), "--signals", "popularity,cooc", "--allow-less")
        follows(tmp_path, key, a, b)

        both = head(tmp_path)["generation"]
        this_version.run(tmp_path, *nightly("2026-11-22"))  # with signals of which the earlier version knows nothing
        follows(tmp_path, key, b)
        a.serves(key, both, rung="last_good")
        assert "unknown signal" in why(a)
        back = ("releases", "rollback", "--lever", "artifacts", "--surface", "home", "--no-hold")
        this_version.run(tmp_path, *back, "--reason", "a host cannot read it")
        follows(tmp_path, key, a, b)

        (tmp_path / "other.json").write_text('{"surfaces": {"home": {"algorithm": "popularity"}}}')
        candidate = ("candidate", "start", "--surface", "home", "--share", "0.5", "--config", "other.json")
        said = this_version.run(tmp_path, *candidate, "--reason", "try it", code=3)
        assert "a cannot read" in " ".join(said.split()), said

        both = head(tmp_path)["generation"]
        a.stop()
        a.forget_heartbeat()
        this_version.run(tmp_path, *candidate, "--reason", "the last host is upgraded")
        assert head(tmp_path)["requires"]["format"] == 2
        follows(tmp_path, key, b)

        a.start(old)  # somebody goes back too early
        a.serves(key, both, rung="disk")  # the newest was never its own since the start
        assert "format 2" in why(a)
        this_version.run(tmp_path, "candidate", "abort", "--surface", "home", "--reason", "go back")
        assert head(tmp_path)["requires"]["format"] == 1
        follows(tmp_path, key, a, b)

        b.stop()
        b.start(old)  # on the directory that this version left
        follows(tmp_path, key, b)
        old.run(tmp_path, *back[:-1], "--to", "2", "--reason", "by the old version")
        follows(tmp_path, key, a, b)
    assert not load.lost
    assert not load.empty
    assert load.answered > 100
    this_version.run(tmp_path, "releases", "verify")


def follows(root: Path, key: str, *hosts: Host) -> None:
    for host in hosts:
        host.serves(key, head(root)["generation"])


def why(host: Host) -> str:
    return " ".join(host.health()["tenants"]["demo"]["reasons"])
