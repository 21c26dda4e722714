"""A store is tried before it is published to, once, and cleaned up after."""

from pathlib import Path

import pytest
from tests.unit.store.watched_disk import WatchedDisk

from recsys.releases import create_tenant
from recsys.store import Creation, Denied, Objects, StoreBreaksPromise, Unavailable, open_store
from recsys.store.local import LocalObjects
from recsys.store.memory import MemoryObjects
from recsys.store.probe import Soundness, probe


class Overwriting(MemoryObjects):
    """A store that ignores the condition of a conditional write."""

    def create(self, key: str, data: bytes) -> Creation:
        self.replace(key, data)
        return Creation.CREATED


class Shut(MemoryObjects):
    """A store that we may only read."""

    def create(self, key: str, data: bytes) -> Creation:
        raise Denied(self.name, key)


def soundness(objects: Objects) -> Soundness:
    from recsys.store.log import ObjectLog

    return Soundness(objects, ObjectLog(objects, "releases"))


def test_a_sound_store_keeps_every_promise_and_nothing_of_the_probe(tmp_path: Path) -> None:
    for objects in (MemoryObjects(), LocalObjects(tmp_path)):
        probed = probe(objects)
        assert probed.broken == ()
        assert len(probed.promises) == 7
        assert list(objects.keys("")) == []


def test_a_broken_promise_is_named_with_how_it_was_broken() -> None:
    with pytest.raises(StoreBreaksPromise, match="of two creates the first wins") as refused:
        soundness(Overwriting()).require()
    assert "second create" in str(refused.value)
    assert "recsys store check" in str(refused.value)


def test_a_store_that_we_may_not_write_is_denied_and_not_called_a_liar() -> None:
    with pytest.raises(Denied):
        soundness(Shut()).require()


def test_what_was_tried_is_remembered_for_this_host(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    soundness(objects).require()
    watched = soundness(objects)
    watched.require()  # another process: it reads the note
    assert [key.split("/")[0] for key in objects.keys("")] == ["probes"]


def test_a_note_of_another_place_is_not_believed(tmp_path: Path) -> None:
    objects = Overwriting()
    sound = soundness(objects)
    objects.replace(sound._note, b'{"of":"sha256:elsewhere"}')
    with pytest.raises(StoreBreaksPromise):
        sound.require()


def test_a_store_is_tried_once_before_its_first_commit_and_not_by_a_dry_run(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    create_tenant(store, "demo", actor="us", dry_run=True)
    assert not list(store.objects.keys("probes/"))
    create_tenant(store, "demo", actor="us")
    assert len(list(store.objects.keys("probes/"))) == 1


def test_the_probe_costs_a_directory_so_many_turns_of_its_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = WatchedDisk(tmp_path)
    monkeypatch.setattr("recsys.store.local.os", disk)
    monkeypatch.setattr("recsys.store.tree.os", disk)
    probe(LocalObjects(tmp_path))
    assert disk.calls["fsync"] <= 40


def test_a_store_that_is_away_was_not_tried(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    (tmp_path / "store").rename(tmp_path / "moved")
    with pytest.raises(Unavailable):
        store.require_sound()
