"""Tenants and keys on every kind of store: made, listed, revoked, deleted, made again, exported."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.backends import OBJECTS
from tests.contract.servers import new_database

from recsys.access import create_key, delete_tenant, load_directory, revoke_key
from recsys.errors import NotFound
from recsys.releases import Releases, create_tenant, export_tenant
from recsys.store import Blobs, Objects, Store
from recsys.store.log import ObjectLog
from recsys.store.memory import MemoryObjects
from recsys.store.postgres import Database, PostgresLog

ME = "ops@example"


def _over(objects: Objects) -> Store:
    return Store(
        name=objects.name,
        id="s1",
        objects=objects,
        blobs=Blobs(objects),
        releases=ObjectLog(objects, "releases"),
        access=ObjectLog(objects, "access"),
    )


def _with_database(_folder: Path) -> Store:
    objects = MemoryObjects()
    database = Database(new_database(), store_id="s1")
    return Store(
        name=objects.name,
        id="s1",
        objects=objects,
        blobs=Blobs(objects),
        releases=PostgresLog(database, "releases"),
        access=PostgresLog(database, "access"),
    )


STORES: dict[str, Callable[[Path], Store]] = {
    **{name: (lambda folder, make=make: _over(make(folder))) for name, make in OBJECTS.items()},
    "log in postgresql": _with_database,
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    folder = tmp_path / "store"
    folder.mkdir()
    made: Store = STORES[request.param](folder)
    yield made
    made.close()


def test_keys_are_made_listed_and_revoked(store, monkeypatch):
    monkeypatch.setattr("recsys.access.changes.EVERY", 3)
    create_tenant(store, "demo", actor=ME)
    made = [create_key(store, "demo", "client", actor=ME) for _ in range(5)]
    revoke_key(store, "demo", made[1].info.id, actor=ME)
    directory = load_directory(store)
    assert [key.id for key in directory.keys_of("demo")] == [key.info.id for key in made]
    assert [directory.authenticate(key.secret) is not None for key in made] == [True, False, True, True, True]
    assert len(directory.tenant("demo").pseudonyms.of("u1")) == 32
    assert list(store.objects.keys("access-snapshots/"))


def test_a_tenant_is_deleted_whole_and_made_again(store):
    for name in ("demo", "other"):
        create_tenant(store, name, actor=ME)
        Releases(store, name, actor=ME).hold(reason="a second release")
    old = load_directory(store).tenant("demo")
    done = delete_tenant(store, "demo", actor=ME)
    assert (done.removed.releases, done.removed.secrets) == (2, 1)
    assert not [key for key in store.objects.keys("") if "/demo/" in key and not key.startswith("leases/")]
    assert store.releases.streams() == ["other"]
    with pytest.raises(NotFound):
        load_directory(store).tenant("demo")
    create_tenant(store, "demo", actor=ME)
    assert Releases(store, "demo", actor=ME).current().generation == 1
    assert load_directory(store).tenant("demo").pseudonyms.of("u1") != old.pseudonyms.of("u1")
    assert Releases(store, "other", actor=ME).verify().sound


def test_an_export_is_a_directory(store, tmp_path):
    create_tenant(store, "demo", actor=ME)
    Releases(store, "demo", actor=ME).hold(reason="a second release")
    assert export_tenant(store, "demo", tmp_path / "out", actor=ME).generations == 2
