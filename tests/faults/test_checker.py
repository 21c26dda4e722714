"""The judge itself: it finds nothing in a whole store, and each kind of damage in a damaged one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.checker import check
from tests.unit.releases.shop import TENANT, config, publish

from recsys.releases import Releases, create_tenant
from recsys.store import open_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    opened = open_store(path)
    create_tenant(opened, TENANT, actor="test")
    own = Releases(opened, TENANT, actor="test")
    own.ship("home", publish(opened))
    own.put_config(config(limits={"max_k": 7}))
    return path


def record(store: Path, generation: int) -> Path:
    return store / "releases" / TENANT / f"{generation:010d}.json"


def artifact(store: Path) -> Path:
    return max((path for path in (store / "blobs").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def test_nothing_is_wrong_with_a_whole_store(store: Path):
    attempt = json.loads(record(store, 2).read_bytes())["attempt"]
    assert check(store, TENANT, acknowledged=[(2, attempt)]) == []


DAMAGES: dict[str, Callable[[Path], object]] = {
    "gaps": lambda store: record(store, 2).unlink(),
    "as the one before": lambda store: record(store, 2).write_bytes(record(store, 2).read_bytes().replace(b"}", b" }")),
    "not JSON": lambda store: record(store, 3).write_bytes(b'{"generation":3,'),
    "stands 2 times": lambda store: record(store, 4).write_bytes(record(store, 3).read_bytes()),
    "the pointer names": lambda store: record(store, 3).unlink(),
    "is not there": lambda store: artifact(store).unlink(),
    "is damaged": lambda store: artifact(store).write_bytes(b"other bytes"),
    "lies among": lambda store: (store / "releases" / TENANT / "notes.txt").write_text("mine"),
}


@pytest.mark.parametrize("told", DAMAGES)
def test_each_damage_is_told(store: Path, told: str):
    DAMAGES[told](store)
    assert any(told in problem for problem in check(store, TENANT))


def test_an_acknowledged_release_that_is_another_one_or_gone_is_told(store: Path):
    assert len(check(store, TENANT, acknowledged=[(2, "another"), (9, "gone")])) == 2
