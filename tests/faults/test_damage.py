"""F11: bits flipped and files cut short, in the store before loading and on the host before a restart.

What decides: the answers of the same shop undamaged, and of its floor, taken before anything is broken. Whatever is
damaged, an answer is one of these, whole, with its own generation and versions; what is not served is reported.
"""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.disks import quick_disk
from tests.faults.hosts import TENANT, Given, Host, Worker, forget
from tests.integration.serving.shops import Shop

from recsys.serving.host_state import Places

TIMES = 1_000 if FULL else 60

Content = tuple[object, ...]


class Damage(msgspec.Struct, frozen=True):
    """One change of one file: a flipped bit, or an end that is too early."""

    path: Path
    at: int
    bit: int | None

    def __str__(self) -> str:
        what = "cut to" if self.bit is None else f"bit {self.bit} flipped of byte"
        return f"{self.path.name[:24]} {what} {self.at}"

    def inflict(self) -> None:
        """Change the file, whatever its mode; its times change as a disk's rot would not: that helps nobody here."""
        data = bytearray(self.path.read_bytes())
        if self.bit is None:
            del data[self.at :]
        else:
            data[self.at] ^= 1 << self.bit
        self.path.chmod(0o600)
        self.path.write_bytes(bytes(data))


def chosen(chance: random.Random, path: Path) -> Damage:
    """Choose where a file is damaged: three times of four a bit."""
    size = path.stat().st_size
    return Damage(path, chance.randrange(size), chance.randrange(8) if chance.random() < 0.75 else None)


class Scene:
    """A shop of six generations, and a host as it was when it served the second, and as it is at the sixth."""

    def __init__(self, root: Path) -> None:
        self.shop = Shop(root)
        self.store, self.host = root / "store", root / "host"
        self.served, self.upgraded = root / "served", root / "upgraded"
        self.shop.ship("a")
        before = self._files()
        with self.following() as host:
            host.follow_to(2)
            self.old = told(host.worker())
        shutil.copytree(self.host, self.served)
        self.shop.releases.put_rules(b'[{"id":"r","action":"block","item_ids":["b-003"]}]', reason="r")
        withdrawn = self.shop.releases.withdraw(["a-001", "b-001"], reason="recalled").release.withdrawn
        self.shop.releases.put_config(b'{"limits":{"max_k":12}}', reason="shorter")
        self.shop.ship("b")
        self.new_files = sorted(set(self._files()) - before)
        self.withdrawn = self.store / self.shop.store.blobs.key(TENANT, str(withdrawn))
        with self.following() as host:
            host.follow_to(6)
            self.new = told(host.worker())
            self.floors = [self._floor(newest=newest, bound=True) for newest in (True, False)]
            self.unbound_floors = [self._floor(newest=newest, bound=False) for newest in (True, False)]
        shutil.copytree(self.host, self.upgraded)

    @property
    def bound(self) -> Content:
        """Return the old answer without what the newest release withdraws: that binds though it is not served."""
        return (tuple(item for item in self.old.items if item[0] != "a-001"), *self.old.content[1:])

    def _files(self) -> set[Path]:
        return {path for part in ("blobs", "releases") for path in (self.store / part).rglob("*") if path.is_file()}

    def record(self, generation: int) -> Path:
        """Return where a record lies."""
        return self.store / "releases" / TENANT / f"{generation:010d}.json"

    def _floor(self, *, newest: bool, bound: bool) -> Content:
        """Return what the floor answers, or the one before it, when nothing else is there."""
        places = Places(self.host.with_name("floor-only"))
        shutil.copytree(self.host, places.root)
        shutil.rmtree(places.root / "snapshots")
        if not newest:
            places.floor(TENANT).unlink()
        if not bound:
            places.withdrawn(TENANT).unlink()
        given = told(Worker(places.root))
        assert given.rung == "floor"
        assert ("a-001" in given.ids) == (not newest and not bound)
        shutil.rmtree(places.root)
        return given.content

    @contextmanager
    def following(self, run: str = "r1") -> Iterator[Host]:
        """Start a follower as a new process would: it remembers nothing."""
        forget()
        with Host(self.store, self.host, run=run) as host:
            yield host

    def put_back(self, host: Path) -> None:
        """Bring the host directory back to one of its two good states."""
        shutil.rmtree(self.host)
        shutil.copytree(host, self.host)


def told(worker: Worker) -> Given:
    given = worker.answer()
    assert given is not None
    return given


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """Make the shop once: each case puts back what it broke."""
    with quick_disk() as disk:
        made = Scene(disk)
        assert made.old.ids == tuple(f"a-{n:03d}" for n in range(30))
        assert made.new.ids == tuple(f"b-{n:03d}" for n in (0, 2, *range(4, 14)))
        assert [given.generation for given in (made.old, made.new)] == [2, 6]
        yield made


def test_what_is_damaged_in_the_store_is_not_served_and_the_old_one_stays(scene: Scene, counting: Counting) -> None:
    named = [*scene.new_files, scene.record(2), scene.record(6).with_name("current.json")]
    assert len(named) == 13  # rules, withdrawn, config, catalogue, two signals and their manifest; records; the pointer
    with counting("F11", "bits flipped and files cut in the store before loading") as count:
        chance = random.Random(count.seed)
        new = 0
        for number in range(TIMES):
            damage = chosen(chance, named[number % len(named)])
            kept = damage.path.read_bytes()
            damage.inflict()
            scene.put_back(scene.served)
            with scene.following() as host:
                host.settle(6)
                problem, served = _met(scene, host, damage.path)
            if problem:
                count.wrong(f"{damage}: {problem}")
            damage.path.write_bytes(kept)
            new += served
            count.survived()
        count.notes |= {"refused": TIMES - new, "harmless": new}
        assert new <= TIMES / 4  # the pointer is only a hint, and so is a name in a record that nobody reads


def _met(scene: Scene, host: Host, damaged: Path) -> tuple[str, bool]:
    """Say what is wrong about a host that met damage in the store, and whether it serves the new generation."""
    given, known = told(host.worker()), host.tenant
    is_record = damaged.parent.name == TENANT
    if given.content == scene.new.content:
        return "" if is_record else "a damaged blob was taken", True
    unknown = is_record or damaged == scene.withdrawn
    if given.content != (scene.old.content if unknown else scene.bound):
        return f"answered {given}", False
    if not (known.rejected or known.problem):
        return "not reported in host.json", False
    health = host.health.tenants[TENANT]
    if health.state != "degraded" or not health.reasons:
        return f"not reported by health: {health}", False
    return "" if given.rung == "last_good" else f"says it is {given.rung}", False


@pytest.mark.parametrize("store", ["away", "there"])
def test_what_is_damaged_on_the_host_is_not_served_after_a_restart(
    scene: Scene, counting: Counting, store: str
) -> None:
    scene.put_back(scene.upgraded)
    named = sorted(path.relative_to(scene.host) for path in scene.host.rglob("*") if path.is_file())
    kinds = {path.parts[0] for path in named}
    assert kinds >= {"copies", "shelves", "snapshots", "floors", "withdrawn", "host.json", "host.json.before"}
    right = {scene.new.content, scene.bound, *scene.floors}
    unbound_too = {scene.old.content, *scene.unbound_floors}
    with counting("F11", f"bits flipped and files cut on the host before a restart, store {store}") as count:
        chance = random.Random(count.seed)
        rungs = dict.fromkeys(("live", "disk", "floor", "no keys"), 0)
        for number in range(TIMES // 2):
            scene.put_back(scene.upgraded)
            first = named[number % len(named)]
            others = chance.sample([path for path in named if path != first], chance.randrange(3))
            damages = [chosen(chance, scene.host / path) for path in (first, *others)]
            for damage in damages:
                damage.inflict()
            unbound = any(damage.path.parent.name == "withdrawn" for damage in damages)
            with _store(scene, there=store == "there"):
                problem, rung = _restart(scene, number, right | unbound_too if unbound else right)
            if rung == "no keys" and sum("access" in damage.path.name for damage in damages) < 2:
                problem = "nobody may ask, although a copy of the keys is whole"
            if problem:
                count.wrong(f"{' and '.join(map(str, damages))}: {problem}")
            rungs[rung] += 1
            count.survived(len(damages))
        count.notes |= rungs
        assert rungs["live" if store == "there" else "disk"] > 0


@contextmanager
def _store(scene: Scene, *, there: bool) -> Iterator[None]:
    away = scene.store.with_name("away")
    if there:
        yield
        return
    scene.store.rename(away)
    try:
        yield
    finally:
        away.rename(scene.store)


def _restart(scene: Scene, number: int, right: set[Content]) -> tuple[str, str]:
    """Start follower and worker anew, one first and then the other; return what is wrong, and the rung it stands on."""
    forget()
    first = Worker(scene.host, run="r2") if number % 2 else None
    if first is not None and _wrong(first.answer(), right):
        return f"at boot, answered {first.answer()}", "floor"
    with scene.following(run="r2") as host:
        host.follow_until(lambda: host.state is not None and host.state.run == "r2", "the follower speaks")
        if scene.store.exists():
            host.settle(6)
        worker = first or host.worker()
        given = worker.answer()
        if given is None:
            return "", "no keys"
        if given.content not in right:
            return f"answered {given}", given.rung
        if scene.store.exists() and given != scene.new:
            return f"not mended with the store there: {given}", given.rung
        if host.health.state == "healthy" and given.rung != "live":
            return f"on rung {given.rung}, and health says all is well", given.rung
        return "", given.rung


def _wrong(given: Given | None, right: set[Content]) -> bool:
    return given is not None and given.content not in right
