"""Last runs as figures: how each stands, and what a scrape sees when the store hangs or a record is damaged."""

import threading
import time
from pathlib import Path

import pytest
from tests.integration.serving.shops import Shop, until

from recsys.access import load_directory
from recsys.operations.pipeline_figures import PipelineFigures
from recsys.pipelines.report import LastRun, last_run_key, record_run
from recsys.serving.office import Office


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def office(shop: Shop) -> Office:
    office = Office(shop.settings())
    office.places.root.mkdir(parents=True)
    office.places.access.write_bytes(load_directory(shop.store).encode())
    return office


def shown(figures: PipelineFigures) -> dict[tuple[str, str], float]:
    """Age by surface and state."""
    (family,) = figures.collect()
    return {(sample.labels["surface"], sample.labels["state"]): sample.value for sample in family.samples}


def ran(shop: Shop, surface: str, **how: str) -> None:
    record_run(
        shop.store, LastRun(tenant="demo", surface=surface, stage="ingest", started="2026-11-20T00:00:00Z", **how)
    )


def test_each_surface_tells_how_its_last_run_stands(shop: Shop, office: Office):
    ran(shop, "home", finished="2026-11-20T00:10:00Z")
    ran(shop, "pdp", error="cut off", finished="2026-11-20T00:01:00Z")
    ran(shop, "cart")
    found = shown(PipelineFigures(office))
    assert set(found) == {("home", "done"), ("pdp", "failed"), ("cart", "running")}
    assert all(age > 0 for age in found.values())


def test_a_store_that_hangs_holds_a_scrape_up_for_a_moment_and_takes_nothing_away(
    shop: Shop, office: Office, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("recsys.operations.pipeline_figures._READ_S", 0.0)
    monkeypatch.setattr("recsys.operations.pipeline_figures._PATIENCE_S", 0.2)
    ran(shop, "home", finished="2026-11-20T00:10:00Z")
    figures = PipelineFigures(office)
    until(lambda: shown(figures), "the first reading")
    back = threading.Event()
    monkeypatch.setattr(office, "store", lambda: back.wait() and shop.store)
    began = time.monotonic()
    assert set(shown(figures)) == {("home", "done")}
    assert time.monotonic() - began < 5
    ran(shop, "home", error="cut off")
    back.set()
    until(lambda: set(shown(figures)) == {("home", "failed")}, "the store is back")


def test_a_damaged_record_takes_no_other_away(shop: Shop, office: Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("recsys.operations.pipeline_figures._READ_S", 0.0)
    ran(shop, "home", finished="2026-11-20T00:10:00Z")
    figures = PipelineFigures(office)
    until(lambda: shown(figures), "the first reading")
    shop.store.objects.replace(last_run_key("demo", "pdp"), b"{")
    until(lambda: figures._reader is not None and not figures._reader.is_alive(), "a reading ends")
    assert set(shown(figures)) == {("home", "done")}
