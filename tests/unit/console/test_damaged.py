"""What is damaged in the store takes its own line off a page, and never the page."""

from tests.unit.console.doors import Door

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
