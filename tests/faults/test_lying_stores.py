"""F7: a store that lies is refused for publishing, with the promise it breaks; what is served from it goes on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.lying import Lie, LyingObjects
from tests.faults.conftest import Counting
from tests.faults.hosts import Host
from tests.unit.releases.shop import config, publish, rules

from recsys.access import create_key
from recsys.errors import RecsysError
from recsys.releases import Releases, create_tenant
from recsys.store import Store, StoreBreaksPromise, open_store
from recsys.store.blobs import Blobs
from recsys.store.log import ObjectLog
from recsys.store.probe import probe

pytestmark = pytest.mark.long

PUBLISHING: dict[str, Callable[[Store, str], object]] = {
    "ship": lambda store, manifest: Releases(store, "demo", actor="us").ship("home", manifest),
    "rollback": lambda store, _: Releases(store, "demo", actor="us").rollback("artifacts", surface="home", to=2),
    "hold": lambda store, _: Releases(store, "demo", actor="us").hold(reason="stop"),
    "config": lambda store, _: Releases(store, "demo", actor="us").put_config(config(limits={"max_k": 7})),
    "rules": lambda store, _: Releases(store, "demo", actor="us").put_rules(rules("a")),
    "withdraw": lambda store, _: Releases(store, "demo", actor="us").withdraw(["mug"]),
    "key": lambda store, _: create_key(store, "demo", "client", actor="us"),
    "tenant": lambda store, _: create_tenant(store, "another", actor="us"),
}


def lying(honest: Store, lie: Lie) -> Store:
    """Return the same store seen through a lie, by a process that knows nothing of it yet."""
    objects = LyingObjects(honest.objects, lie)
    return replace(
        honest,
        objects=objects,
        blobs=Blobs(objects),
        releases=ObjectLog(objects, "releases"),
        access=ObjectLog(objects, "access"),
    )


@pytest.fixture
def honest(tmp_path: Path) -> Store:
    store = open_store(tmp_path / "store")
    create_tenant(store, "demo", actor="us")
    demo = Releases(store, "demo", actor="us")
    demo.ship("home", publish(store))
    demo.ship("home", publish(store, likes=2))
    for key in list(store.objects.keys("probes/")):  # nothing is remembered of the time before the lie
        store.objects.delete(key)
    return store


def test_a_lying_store_is_refused_for_publishing_and_served_from(
    honest: Store, tmp_path: Path, counting: Counting
) -> None:
    other = publish(honest, likes=3)
    with counting("F7", "stores that lie: publishing refused with the promise, serving goes on") as count:
        host = Host(tmp_path / "store", tmp_path / "host")
        host.follow_to(3)
        before = host.worker().answer()
        assert before is not None
        assert before.rung == "live"
        for lie in Lie:
            store = lying(honest, lie)
            broken = probe(store.objects).broken
            if not broken:
                count.wrong(f"{lie.name}: the probe finds nothing")
            for what, act in PUBLISHING.items():
                try:
                    act(lying(honest, lie), other)
                except StoreBreaksPromise as refused:
                    if not refused.probed.broken[0].broken:
                        count.wrong(f"{lie.name}, {what}: refused without how")
                except RecsysError as error:  # it could not even read what it would build on: nothing was committed
                    if error.code not in _CANNOT_READ:
                        count.wrong(f"{lie.name}, {what}: {error}")
                else:
                    count.wrong(f"{lie.name}, {what}: committed")
            seen = Releases(honest, "demo", actor="us")
            if seen.current().generation != 3 or not seen.verify().sound:
                count.wrong(f"{lie.name}: the log moved")
            host.follower._store = store
            for _ in range(5):
                host.follower.step()
            after = host.worker().answer()
            if after is None or after.items != before.items or after.generation != 3:
                count.wrong(f"{lie.name}: answered {after}")
            host.follower._store = honest
            for key in [*honest.objects.keys("probe/"), *honest.objects.keys("probes/")]:
                honest.objects.delete(key)
            count.survived()
        count.notes["kinds of publishing"] = len(PUBLISHING)


_CANNOT_READ = {
    "ACCESS_BROKEN",
    "CORRUPT",
    "DAMAGED_RECORD",
    "LOG_FORKED",
    "LOG_TRUNCATED",
    "MISSING",
    "NOT_FOUND",
    "NO_RELEASE",
    "STORE_DENIED",
    "STORE_UNAVAILABLE",
    "UNFIT_RELEASE",
    "UNKNOWN_GENERATION",
}
"""What reading through a lie says before anything would be written."""
