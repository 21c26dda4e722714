"""What the operators' process knows of its store, without waiting for it."""

import os
from pathlib import Path

import pytest
from tests.integration.serving.shops import Shop, until

from recsys.access import Right
from recsys.serving.office import Office
from recsys.serving.problems import Refusal
from recsys.serving.settings import Settings


def test_who_asks_for_health_does_not_wait_for_a_store_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys.serving.office._PATIENCE_S", 0.01)
    shop = Shop(tmp_path)
    marker = shop.root / "store" / "store.json"
    marker.rename(marker.with_name("kept"))
    os.mkfifo(marker)  # whoever opens it to read waits for a writer
    office = Office(shop.settings())
    assert office.publishing() is None
    os.close(os.open(marker, os.O_WRONLY))  # the one who waits reads nothing, and the store is not one
    marker.unlink()
    marker.with_name("kept").rename(marker)

    def told() -> str:
        found = office.publishing()
        return found.state if found else ""

    assert until(told, "the store to be tried again") == "healthy"


def test_a_host_that_never_read_its_keys_says_so_and_not_for_how_long(tmp_path: Path) -> None:
    office = Office(Settings(store=str(tmp_path / "store"), host_dir=str(tmp_path / "host")))
    with pytest.raises(Refusal) as caught:
        office.identify({}.get, right=Right.READ)
    assert (caught.value.status, caught.value.code) == (403, "ADMIN_EXPIRED")
    assert caught.value.detail == "this host has not read its tenants and keys yet"
    assert "within seconds of its start" in caught.value.next_step


def test_a_host_that_read_its_keys_and_cannot_tell_when_says_that(tmp_path: Path) -> None:
    office = Office(Settings(store=str(tmp_path / "store"), host_dir=str(tmp_path / "host")))
    office.places.root.mkdir()
    office.places.access.write_bytes(b"{}")
    office.places.access_seen.write_bytes(b"{")
    with pytest.raises(Refusal, match="cannot tell when"):
        office.identify({}.get, right=Right.READ)
