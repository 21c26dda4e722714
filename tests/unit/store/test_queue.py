"""Queueing before a commit: the second waits for the first, not for ever, and nothing goes wrong without."""

import threading
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.releases.shop import TENANT, publish

from recsys.releases import Releases, create_tenant
from recsys.store import Queueing, Store, open_store
from recsys.store.log import ObjectLog


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = open_store(tmp_path / "store")
    create_tenant(made, TENANT, actor="test")
    return made


def log_of(store: Store) -> Queueing:
    assert isinstance(store.releases, Queueing)
    return store.releases


def test_the_second_goes_when_the_first_has_ended(store: Store):
    order: list[str] = []
    began = threading.Event()

    def second() -> None:
        began.set()
        with log_of(open_store(store.name)).queue(TENANT, patience_s=60):
            order.append("second")

    other = threading.Thread(target=second)
    with log_of(store).queue(TENANT):
        other.start()
        began.wait(60)
        order.append("first")
    other.join(60)
    assert order == ["first", "second"]


def test_another_tenant_has_another_queue(store: Store):
    create_tenant(store, "other", actor="test")
    with log_of(store).queue(TENANT), log_of(store).queue("other", patience_s=60):
        pass


def test_who_has_waited_long_enough_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(ObjectLog.queue.__kwdefaults__ or {}, "patience_s", 0.01)
    with log_of(store).queue(TENANT):  # by somebody who hangs
        assert Releases(store, TENANT, actor="test").withdraw(["cup"]).changed


def test_where_there_are_no_locks_everybody_goes_at_once(store: Store, monkeypatch: pytest.MonkeyPatch):
    def refused(handle: int, how: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refused)
    with log_of(store).queue(TENANT), log_of(store).queue(TENANT):
        assert Releases(store, TENANT, actor="test").withdraw(["cup"]).changed


def test_before_there_is_a_log_there_is_nothing_to_wait_for(tmp_path: Path):
    store = open_store(tmp_path / "new")
    with log_of(store).queue(TENANT), log_of(store).queue(TENANT):
        assert Releases(store, TENANT, actor="test").create().changed


def test_an_error_inside_is_the_callers(store: Store):
    with pytest.raises(OSError, match="mine"), log_of(store).queue(TENANT):
        raise OSError("mine")


def test_a_commit_queues_unless_a_gate_may_take_its_time_or_nothing_is_written(store: Store):
    asked: list[str] = []

    class Watched(ObjectLog):
        def queue(self, stream: str, *, patience_s: float = 1.0) -> AbstractContextManager[None]:
            asked.append(stream)
            return super().queue(stream, patience_s=patience_s)

    own = Releases(replace(store, releases=Watched(store.objects, "releases")), TENANT, actor="test")
    manifest = publish(store)
    own.ship("home", manifest, gate=lambda _: ())
    own.withdraw(["cup"], dry_run=True)
    assert asked == []
    own.withdraw(["cup"])
    assert asked == [TENANT]
