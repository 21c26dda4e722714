"""What is damaged in the store takes its own line off a page, and never the page."""

from tests.unit.console.doors import Door

from recsys.pipelines.report import LastRun, last_run_key, record_run
from recsys.releases.guarded import hear_guard
from recsys.replicas import heard
from recsys.store import open_store

_DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


def test_hosts_and_guards_that_cannot_be_understood_are_left_out(door: Door) -> None:
    objects = open_store(door.settings.store).objects
    objects.replace("replicas/host-1.json", _DEEP)
    objects.replace("guards/demo/home-1.json", _DEEP)
    assert heard(objects) == {"host-1": None}
    assert hear_guard(objects, "demo", "home-1") is None
    door.sign_in("viewer")
    assert door.client.get("/console/t/demo/releases/2/served").status_code == 200


def test_a_run_whose_record_cannot_be_read_takes_no_other_surface_away(door: Door) -> None:
    store = open_store(door.settings.store)
    at = {"started": "2026-11-22T00:00:00Z", "finished": "2026-11-22T00:05:00Z"}
    for surface in ("home", "pdp"):
        record_run(store, LastRun(tenant="demo", surface=surface, stage="done", **at))
    store.objects.replace(last_run_key("demo", "home"), b'{"broken')
    door.sign_in("viewer")
    page = door.client.get("/console/t/demo/pipelines")
    assert page.status_code == 200
    home, pdp = page.text.split('<section class="card"')[1:]
    assert "its record cannot be read" in home
    assert "cannot be read</span>" not in pdp
    assert door.client.get("/console/t/demo/pipelines/home").status_code == 200  # by the copy among past runs
    assert door.client.get("/console/t/demo/pipelines/home/20261122000000").status_code == 200
