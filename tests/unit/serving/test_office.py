"""What the operators' process knows of its store, without waiting for it."""

import os
from pathlib import Path

import pytest
from tests.integration.serving.shops import Shop, until

from recsys.serving.office import Office


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
