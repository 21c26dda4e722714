"""A store that version 0.1.0 wrote is taken over as it is: read, changed, served, and never rewritten.

And what a version meets that is newer than it: it says so, and keeps what it has.
"""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.integration.serving.shops import Shop, until
from tests.unit.releases.shop import config, publish, rules

from recsys.access import AccessBroken, create_key, load_directory
from recsys.encoding import canonical
from recsys.ranking import RecommendRequest
from recsys.releases import Held, NewerFormat, NotUnderstood, Releases
from recsys.releases.checkpoint import take_checkpoint
from recsys.releases.errors import NewerRecord
from recsys.releases.restore import restore
from recsys.replicas import ALIVE_S, Heartbeat, Replica, write_heartbeat
from recsys.serving.follower import Follower
from recsys.serving.host_state import read_host_state
from recsys.snapshot import open_release, recommend
from recsys.store import Store, open_store
from recsys.store.memory import MemoryObjects
from recsys.store.opening import NewerFormat as NewerStore

ARCHIVE = Path(__file__).parents[2] / "stores/0.1.0.tar.gz"
NOW = 1_795_348_800.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(root, create=False)


@pytest.fixture
def demo(store: Store) -> Releases:
    return Releases(store, "demo", actor="new")


def files(root: Path, below: str) -> dict[str, bytes]:
    found = (path for path in (root / below).rglob("*.json") if path.name != "current.json")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def asks(record: Path) -> int:
    return json.loads(record.read_bytes())["requires"]["format"]


def test_it_is_listed_shown_compared_and_verified(demo: Releases, store: Store):
    assert [one.generation for one in demo.list().releases] == list(range(11, 0, -1))
    assert [one.action for one in demo.list().releases] == [
        *("hold", "undo", "rollback", "withdraw", "rules", "ship", "ship", "rules", "config", "ship", "create"),
    ]
    assert demo.diff(2, 5).lines()
    assert demo.verify().sound
    assert demo.verify(checkpoint=take_checkpoint(store)).proven == 11
    directory = load_directory(store)
    assert set(directory.tenants) == {"demo", "other"}
    assert [key.revoked for key in directory.keys_of("demo")] == [False, True]


def test_every_action_of_then_goes_on_and_an_old_host_can_read_what_it_makes(root: Path, store: Store, demo: Releases):
    before = files(root, "releases") | files(root, "access")
    with pytest.raises(Held, match=r"by ops@example in generation 11: audit"):
        demo.ship("pdp", publish(store, "pdp", likes=9))
    demo.ship("home", publish(store, "home", likes=9), reason="after the upgrade")
    demo.rollback("artifacts", surface="home", reason="worse")
    demo.undo(reason="it was not")
    demo.resume(surface="pdp")
    demo.ship("pdp", publish(store, "pdp", likes=9))
    demo.put_config(config(limits={"max_k": 40}))
    demo.put_rules(rules("no-jug"))
    demo.disable_rule("no-jug")
    demo.rollback("config")
    demo.hold(reason="freeze")
    demo.withdraw(["cup"], reason="recalled too")
    demo.restore_items(["jug"], reason="safe")
    create_key(store, "demo", "viewer", actor="new")
    assert demo.verify().sound
    assert demo.current().generation > 20
    now = files(root, "releases") | files(root, "access")
    assert {name: now[name] for name in before} == before
    made = [root / name for name in now if name.startswith("releases/demo/") and name not in before]
    assert {asks(path) for path in made} == {1}


def test_a_rollback_reaches_back_behind_the_upgrade(store: Store, demo: Releases):
    demo.resume(surface="pdp")
    demo.put_config(config(limits={"max_k": 40}))
    assert demo.rollback("config").release.config == demo.read(11).config
    assert demo.rollback("rules", to=4).release.rules == demo.read(4).rules
    assert demo.rollback("artifacts", surface="home", to=2).release.surfaces["home"] == demo.read(2).surfaces["home"]
    assert demo.current().withdrawn == demo.read(8).withdrawn


def test_it_is_answered_from_at_every_generation(tmp_path: Path, store: Store):
    for generation in range(2, 12):
        snapshot = open_release(store, "demo", generation=generation, root=tmp_path / "cache")
        shown = [item.item_id for item in recommend(snapshot, RecommendRequest(surface="home", k=5), now=NOW).items]
        assert shown, generation
        assert ("jug" in shown) == (generation < 8), "withdrawn in generation 8"


def test_a_host_follows_it_and_goes_on_with_what_this_version_ships(tmp_path: Path, store: Store, demo: Releases):
    host = Host(tmp_path)
    host.follow(11)
    made = demo.ship("home", publish(store, "home", likes=9)).release.generation
    host.follow(made)


def test_it_can_be_put_back_from_a_backup_and_restored(root: Path, demo: Releases):
    for generation in (10, 11):
        (root / f"releases/demo/00000000{generation}.json").unlink()
    (root / "releases/demo/current.json").unlink()
    restore(demo, above=11)
    assert demo.current().generation == 12
    assert demo.verify().sound


class Host:
    """A host of this version on the store, without its processes."""

    def __init__(self, root: Path) -> None:
        settings = Shop.settings(_At(root))  # type: ignore[arg-type]
        self.path = root / "host/host.json"
        self.follower = Follower(settings, run="r1")

    @property
    def state(self) -> Any:
        self.follower.step()
        found = read_host_state(self.path)
        return found.tenants.get("demo") if found else None

    def follow(self, generation: int) -> None:
        until(lambda: self.state is not None and self.state.generation == generation, f"to serve {generation}")


class _At:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.address, self.log = str(root / "store"), ""


def beat(store: Store, *, format: int) -> None:
    known = Replica(generation=11, head=11)
    beat = Heartbeat(host="old-host", at="2030-01-01T00:00:00Z", format=format, tenants={"demo": known})
    write_heartbeat(store.objects, beat)


class Time:
    """The store's own time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_an_old_host_could_not_read_waits_until_it_is_gone_by_the_stores_own_time(root: Path):
    """The label in its heartbeat says 2030: hosts' clocks do not count."""
    time = Time()
    objects = MemoryObjects(clock=time)
    for path in root.rglob("*"):
        if path.is_file():
            objects.replace(path.relative_to(root).as_posix(), path.read_bytes())
    store = _opened(objects)
    old = Releases(store, "demo", actor="new")
    beat(store, format=1)
    with pytest.raises(NotUnderstood, match="needs release format 2, which old-host cannot read"):
        restore(old, above=20)
    assert old.current().generation == 11
    old.ship("home", publish(store, "home", likes=9))  # what is not new passes all the while
    beat(store, format=1)
    time.now += ALIVE_S - 1
    with pytest.raises(NotUnderstood):
        restore(old, above=20)
    time.now += 2
    assert restore(old, above=20).change.release.requires.format == 2


def test_a_host_of_this_version_does_not_keep_it_back(store: Store, demo: Releases):
    beat(store, format=2)
    assert restore(demo, above=20).change.release.generation == 21


def _opened(objects: MemoryObjects) -> Store:
    from recsys.store.blobs import Blobs
    from recsys.store.log import ObjectLog

    marker = json.loads(objects.read("store.json"))
    return Store(
        name=objects.name,
        id=marker["id"],
        objects=objects,
        blobs=Blobs(objects),
        releases=ObjectLog(objects, "releases"),
        access=ObjectLog(objects, "access"),
    )


NEWER = {
    "in words of today": {},
    "with more fields": {"mood": "good"},
    "in words of its own": {"action": "teleport"},
    "in another shape": {"surfaces": [1, 2, 3], "action": "teleport"},
}


@pytest.mark.parametrize("how", NEWER)
def test_a_release_of_a_later_format_is_said_and_what_is_served_goes_on(
    tmp_path: Path, store: Store, demo: Releases, how: str
):
    host = Host(tmp_path)
    host.follow(11)
    newer = json.loads(demo.read(11).encode()) | {
        "generation": 12,
        "attempt": "of a later version",
        "action": "ship",
        "requires": {"format": 9},
        "previous": take_checkpoint(store).tenants["demo"].digest,
        **NEWER[how],
    }
    del newer["check"]
    store.releases.append("demo", 12, canonical(newer))
    until(lambda: host.state.rejected is not None, "the newer release is refused")
    assert "format 9" in host.state.rejected.reason
    assert host.state.generation == 11
    fresh = Releases(store, "demo", actor="new")
    with pytest.raises((NewerFormat, NewerRecord), match="format 9") as refused:
        fresh.ship("home", publish(store, "home", likes=9))
    assert "upgrade recsys-suite" in refused.value.next_step
    assert not fresh.verify().sound
    assert fresh.read(11).generation == 11


def test_an_access_record_of_a_later_format_is_said_and_keys_work_as_they_were(store: Store):
    known = load_directory(store)
    record = json.loads(store.access.read("directory", known.number)) | {"number": known.number + 1, "format": 9}
    store.access.append("directory", known.number + 1, canonical(record))
    with pytest.raises(AccessBroken, match="has format 9") as broken:
        load_directory(store, known)
    assert "upgrade recsys-suite" in broken.value.next_step
    assert known.tenants


def test_a_host_that_meets_an_access_record_of_a_later_format_keeps_its_keys(tmp_path: Path, store: Store):
    host = Host(tmp_path)
    host.follow(11)
    known = load_directory(store)
    record = json.loads(store.access.read("directory", known.number)) | {"number": known.number + 1, "format": 9}
    store.access.append("directory", known.number + 1, canonical(record))
    copy = tmp_path / "host/access.json"
    before = copy.read_bytes()
    until(lambda: host.state is not None and "format 9" in _problem(host), "the newer record is told")
    assert copy.read_bytes() == before
    assert host.state.generation == 11


def _problem(host: Host) -> str:
    found = read_host_state(host.path)
    return found.store_problem if found else ""


def test_a_store_of_a_later_format_is_not_opened(root: Path):
    marker = root / "store.json"
    marker.chmod(0o644)
    marker.write_bytes(canonical(json.loads(marker.read_bytes()) | {"format": 9}))
    with pytest.raises(NewerStore, match="has format 9") as newer:
        open_store(root, create=False)
    assert "nothing was changed" in newer.value.next_step
