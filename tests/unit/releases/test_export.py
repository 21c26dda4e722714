"""An export is a store with one tenant alone: whole, verified, and without what nobody asked for."""

import pytest
from tests.unit.releases.shop import config, publish

from recsys.access import KeyMissing, create_key, load_directory
from recsys.errors import Failed, NotFound, UsageError
from recsys.releases import Releases, create_tenant, export_tenant
from recsys.store import Corrupt, Store, open_store

ME = "ops@example"


@pytest.fixture
def store() -> Store:
    made = open_store("memory:")
    for name in ("demo", "other"):
        create_tenant(made, name, actor=ME)
        create_key(made, name, "admin", actor=ME, label="a-label")
        releases = Releases(made, name, actor=ME)
        releases.ship("home", publish(made, "home", tenant=name))
        releases.put_config(config(limits={"max_k": 50 if name == "demo" else 60}))
        made.objects.create(f"events/{name}/outcomes/dt=2026-11-22/h-w-1.jsonl", b"{}\n")
    return made


def export(store, folder, **more):
    return export_tenant(store, "demo", folder / "out", actor=ME, **more)


def bytes_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_history_stands_as_it_stood_and_goes_on(store, tmp_path):
    done = export(store, tmp_path)
    out = open_store(tmp_path / "out", create=False)
    assert (done.generations, done.event_files) == (3, 1)
    for number in range(1, 4):
        assert out.releases.read("demo", number) == store.releases.read("demo", number)
    moved = Releases(out, "demo", actor=ME)
    assert moved.verify().sound
    assert moved.rollback("config").release.generation == 4
    for key in store.objects.keys("events/demo/"):
        assert out.objects.read(key) == store.objects.read(key)


def test_nothing_of_another_tenant_and_no_secret_is_in_it(store, tmp_path):
    export(store, tmp_path)
    directory = load_directory(store)
    written = bytes_of(tmp_path / "out")
    assert not any("other" in name or name.startswith("secrets") for name in written)
    said = b"\n".join(data for name, data in written.items() if not name.startswith("blobs/"))
    assert b"other" not in said
    assert b"a-label" not in said
    others = {name.rpartition("/")[2] for name in store.objects.keys("blobs/other/")}
    mine = {name.rpartition("/")[2] for name in store.objects.keys("blobs/demo/")}
    assert not (others - mine) & {name.rpartition("/")[2] for name in written}
    for tenant in directory.tenants.values():
        for form in (tenant.pseudonyms.secret, tenant.pseudonyms.secret.hex().encode()):
            assert not any(form in data for data in written.values())
    moved = load_directory(open_store(tmp_path / "out")).tenant("demo")
    assert moved.key_id == directory.tenant("demo").key_id
    with pytest.raises(KeyMissing):
        moved.pseudonyms.of("u1")


def test_with_the_secret_users_keep_their_names(store, tmp_path):
    export(store, tmp_path, with_secret=True, events=False)
    moved = load_directory(open_store(tmp_path / "out")).tenant("demo")
    assert moved.pseudonyms.of("u1") == load_directory(store).tenant("demo").pseudonyms.of("u1")
    for name in bytes_of(tmp_path / "out"):
        assert not name.startswith("events/")
        if name.startswith("secrets/"):
            assert (tmp_path / "out" / name).stat().st_mode & 0o777 == 0o600


def test_a_directory_that_holds_something_is_refused_and_left_alone(store, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        export(store, tmp_path)
    assert bytes_of(tmp_path / "out") == {"mine.txt": b"mine"}


def test_what_is_not_sound_is_not_called_an_export(store, tmp_path):
    config_key = store.blobs.key("demo", Releases(store, "demo", actor=ME).current().config)
    whole = store.objects.read(config_key)
    store.objects.replace(config_key, whole + b" ")
    with pytest.raises(Corrupt):
        export(store, tmp_path)
    store.objects.delete(config_key)
    with pytest.raises(Failed, match="is not sound"):
        export_tenant(store, "demo", tmp_path / "second", actor=ME)


def test_a_tenant_that_is_not_there_is_not_exported(store, tmp_path):
    with pytest.raises(NotFound, match="did you mean `demo`"):
        export_tenant(store, "dem0", tmp_path / "out", actor=ME)
    assert not (tmp_path / "out").exists()
