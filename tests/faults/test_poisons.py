"""F12: poisons that parse. Each is refused at publishing, and again at loading when it got into the log past that."""

import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
from tests.faults.conftest import Counting
from tests.faults.disks import quick_disk
from tests.faults.hosts import TENANT, Given, Host, Worker
from tests.unit.signals import artifacts
from tests.unit.snapshot.poisons import POISONS, POP
from tests.unit.snapshot.shops import HEADING, POPULARITY, Shop, heading

from recsys.encoding import canonical, digest
from recsys.errors import RecsysError
from recsys.releases import Releases, create_tenant
from recsys.releases.record import Candidate, Release, Surface
from recsys.signals import Heading
from recsys.store import open_store

Changes = dict[str, object]


class Stocked(Shop):
    """A tenant whose good generation 2 is live, and a log that takes what its publisher would refuse."""

    def __init__(self, root: Path) -> None:
        super().__init__(open_store(root / "store"))
        create_tenant(self.store, TENANT, actor="tests")
        self.releases = Releases(self.store, TENANT, actor="tests")
        self.releases.ship("home", self.manifest(), reason="good")

    def smuggle(self, changes: Changes) -> int:
        """Append a record past every check of the publisher; return its generation."""
        newest = self.store.releases.head(TENANT)
        data = self.store.releases.read(TENANT, newest)
        before = msgspec.json.decode(data, type=Release)
        record = msgspec.structs.replace(
            before, generation=newest + 1, attempt=str(uuid.uuid4()), previous=digest(data), **changes
        )
        self.store.releases.append(TENANT, newest + 1, record.encode())
        return newest + 1


def manifest_with(shop: Stocked, **fields: object) -> str:
    own = msgspec.json.decode(shop.store.blobs.read(TENANT, shop.manifest()))
    return shop.put(canonical({**own, **fields}))


def reference_with(shop: Stocked, **fields: object) -> str:
    own = msgspec.json.decode(shop.store.blobs.read(TENANT, shop.manifest()))
    own["signals"]["popularity"][0].update(fields)
    return shop.put(canonical(own))


def scoped(shop: Stocked, *, scope: str, segment: str | None = None, own: Heading = HEADING) -> str:
    """Return a manifest that puts an artifact into a scope, computed for another."""
    data = artifacts.popularity(POPULARITY, own)
    return shop.manifest(more={"popularity": (shop.ref(data, scope=scope, segment=segment),)})


MANIFESTS: dict[str, Callable[[Stocked], str]] = {
    "a manifest of another tenant": lambda shop: manifest_with(shop, tenant="other"),
    "a manifest of another surface": lambda shop: manifest_with(shop, surface="pdp"),
    "a manifest of a newer format": lambda shop: manifest_with(shop, format=2),
    "a manifest without signals": lambda shop: manifest_with(shop, signals={}),
    "a manifest of an unknown signal": lambda shop: manifest_with(
        shop, signals={"magic": [msgspec.to_builtins(shop.ref(POP))]}
    ),
    "a manifest whose window is no days": lambda shop: manifest_with(
        shop, window={"start": "2026-11-01", "end": "soon"}
    ),
    "a manifest whose window ends before it begins": lambda shop: manifest_with(
        shop, window={"start": "2026-11-23", "end": "2026-11-22"}
    ),
    "a manifest that is a list": lambda shop: shop.put(b"[]"),
    "a manifest that is nothing": lambda shop: shop.put(b""),
    "a manifest that is not UTF-8": lambda shop: shop.put(b'{"tenant":"\xff"}'),
    "a manifest nested too deep": lambda shop: shop.put(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "an artifact smaller than its manifest says": lambda shop: reference_with(shop, size_bytes=1 << 50),
    "an artifact larger than its manifest says": lambda shop: reference_with(shop, size_bytes=12),
    "an artifact of no size": lambda shop: reference_with(shop, size_bytes=0),
    "an artifact of negative size": lambda shop: reference_with(shop, size_bytes=-1),
    "an artifact that is not there": lambda shop: reference_with(shop, artifact="sha256:" + "1" * 64),
    "an artifact named by a path": lambda shop: reference_with(shop, artifact="../../etc/passwd"),
    "a tenant's artifact as a surface's": lambda shop: scoped(shop, scope="surface"),
    "another surface's artifact": lambda shop: scoped(
        shop, scope="surface", own=heading(scope="surface", surface="pdp")
    ),
    "another segment's artifact": lambda shop: scoped(
        shop,
        scope="segment",
        segment="new_users",
        own=heading(scope="segment", surface="home", segment="old_users"),
    ),
    "a segment's artifact without its segment": lambda shop: scoped(shop, scope="segment"),
    "two artifacts for one scope": lambda shop: shop.manifest(
        more={"popularity": (shop.ref(artifacts.popularity({"i01": 5.0})),)}
    ),
}

DOCUMENTS: dict[str, tuple[str, bytes]] = {
    "config with a weight beyond all bounds": ("config", b'{"weights":{"popularity":1e308,"cooc":1e308}}'),
    "config with a weight that is no number": ("config", b'{"weights":{"popularity":NaN}}'),
    "config with a negative weight": ("config", b'{"weights":{"popularity":-1}}'),
    "config with an unknown key": ("config", b'{"wieghts":{}}'),
    "config that shows no item": ("config", b'{"limits":{"max_k":0}}'),
    "config that is not UTF-8": ("config", b'{"weights":{"\xff":1}}'),
    "config that is a list": ("config", b"[]"),
    "rules with a boost beyond all bounds": (
        "rules",
        b'[{"id":"b","action":"boost","item_ids":["i01"],"boost_value":1e308}]',
    ),
    "rules with an empty id": ("rules", b'[{"id":"","action":"block","item_ids":["i01"]}]'),
    "rules twice": (
        "rules",
        b'[{"id":"b","action":"block","item_ids":["i01"]},{"id":"b","action":"block","item_ids":["i02"]}]',
    ),
    "rules that do nothing known": ("rules", b'[{"id":"b","action":"hide","item_ids":["i01"]}]'),
    "withdrawn that is no list": ("withdrawn", b"{}"),
    "withdrawn of numbers": ("withdrawn", b"[1,2]"),
    "withdrawn that is not UTF-8": ("withdrawn", b'["\xff"]'),
    "erased that is no list": ("erased", b"{}"),
    "erased of numbers": ("erased", b"[1,2]"),
    "erased that is not UTF-8": ("erased", b'["\xff"]'),
}


def test_every_poison_is_refused_at_publishing_and_at_loading_and_the_good_one_stays(
    counting: Counting,
) -> None:
    """One log takes poison after poison; the host serves its good generation 2 throughout, and a good one after."""
    with (
        counting("F12", "poisons that parse: refused at publishing and again at loading", seed=0) as count,
        quick_disk() as disk,
        Host(disk / "store", disk / "host") as host,
    ):
        shop = Stocked(disk)
        good = msgspec.json.decode(shop.store.releases.read(TENANT, 2), type=Release)
        host.follow_to(2)
        worker = host.worker()
        before = worker.answer()
        assert before is not None
        assert before.ids == tuple(f"i{n:02d}" for n in (*range(17, 7, -1), *range(6, 0, -1), 0, 18, 19))
        for name, (publish, changes) in _cases(shop, good).items():
            for problem in (_published(shop, publish), _loaded(host, worker, shop.smuggle(changes), before)):
                if problem:
                    count.wrong(f"{name}: {problem}")
            count.survived()
        assert count.count >= 30
        health = host.health
        newest = shop.store.releases.head(TENANT)
        assert f"generation {newest} is not served" in health.tenants[TENANT].reasons[0]
        mended = {
            "config": good.config,
            "rules": good.rules,
            "withdrawn": None,
            "erased": None,
            "surfaces": good.surfaces,
        }
        host.follow_to(shop.smuggle(mended))
        after = worker.answer()
        assert after is not None
        assert (after.items, after.rung) == (before.items, "live")


def _cases(shop: Stocked, good: Release) -> dict[str, tuple[Callable[[], object] | None, Changes]]:
    """Return every poison: how someone would publish it (where there is a way), and what a record with it says."""
    usual: Changes = {
        "surfaces": good.surfaces,
        "config": good.config,
        "rules": good.rules,
        "withdrawn": None,
        "erased": None,
    }
    cases: dict[str, tuple[Callable[[], object] | None, Changes]] = {}
    manifests = {name: shop.manifest(**what) for name, what in POISONS.items()}
    manifests |= {name: make(shop) for name, make in MANIFESTS.items()}
    for name, manifest in manifests.items():
        publish = lambda manifest=manifest: shop.releases.ship("home", manifest)  # noqa: E731
        cases[name] = publish, usual | {"surfaces": {"home": Surface(manifest=manifest)}}
    put = {"config": shop.releases.put_config, "rules": shop.releases.put_rules}
    for name, (kind, data) in DOCUMENTS.items():
        how = (lambda put=put[kind], data=data: put(data)) if kind in put else None
        cases[name] = how, usual | {kind: shop.put(data)}
    return cases | _candidates(shop, good, usual)


def _candidates(shop: Stocked, good: Release, usual: Changes) -> dict[str, tuple[Callable[[], object] | None, Changes]]:
    """Return poisons that come as a candidate beside a surface that is sound."""
    artifact = next(iter(POISONS.values()))
    other = lambda share: Candidate(share=share, since=2, manifest=shop.manifest(end="2026-11-23"))  # noqa: E731
    carried = {
        "a candidate of a poisoned artifact": Candidate(share=0.1, since=2, manifest=shop.manifest(**artifact)),
        "a candidate of another surface": Candidate(share=0.1, since=2, manifest=manifest_with(shop, surface="pdp")),
        "a candidate of bytes that are no config": Candidate(share=0.1, since=2, config=shop.put(b"[]")),
        "a candidate of rules that do nothing known": Candidate(
            share=0.1, since=2, rules=shop.put(b'[{"id":"b","action":"hide","item_ids":["i01"]}]')
        ),
        "a candidate for more than all": other(1.5),
        "a candidate for less than none": other(-0.5),
    }
    cases: dict[str, tuple[Callable[[], object] | None, Changes]] = {}
    for name, candidate in carried.items():
        beside = Surface(manifest=good.surfaces["home"].manifest, candidate=candidate)
        cases[name] = partial(_start, shop, candidate), usual | {"surfaces": {"home": beside}}
    return cases


def _start(shop: Stocked, candidate: Candidate) -> None:
    documents = {
        name: None if named is None else shop.store.blobs.read(TENANT, named)
        for name, named in (("config", candidate.config), ("rules", candidate.rules))
    }
    shop.releases.candidates.start("home", share=candidate.share, manifest=candidate.manifest, **documents)


def _published(shop: Stocked, publish: Callable[[], object] | None) -> str:
    """Try to publish; return how that was not refused as it must be."""
    if publish is None:
        return ""
    before = shop.store.releases.head(TENANT)
    try:
        publish()
    except RecsysError as error:
        moved = shop.store.releases.head(TENANT) != before
        return "publishing moved the head" if moved or not error.message else ""
    return "publishing took it"


def _loaded(host: Host, worker: Worker, generation: int, good: Given) -> str:
    """Let the follower meet the record; return how it was not refused as it must be."""
    host.settle(generation)
    known, told = host.tenant, worker.answer()
    if known.generation != 2:
        return f"generation {known.generation} is served"
    if known.rejected is None or known.rejected.generation != generation or not known.rejected.reason:
        return f"it is not reported: {known}"
    if told is None or told.content != good.content or told.rung != "last_good":
        return f"answered {told}"
    return ""
