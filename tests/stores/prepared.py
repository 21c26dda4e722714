"""Make ``prepared-1.tar.gz``: what a host of 0.1.0 had prepared, and what it answered from it.

``PYTHONPATH=src:. python -m tests.stores.prepared FILE``, in a checkout of that version. ``host/`` holds the copies,
shelves and the snapshot; ``store/`` the release and its blobs; ``answers.json`` requests with their answers.
"""

import random
import sys
import tarfile
import tempfile
from pathlib import Path

import msgspec
from tests.unit.signals import artifacts
from tests.unit.snapshot.shops import NOW, Shop, heading

from recsys.catalog import Item, pack_catalog
from recsys.encoding import canonical
from recsys.ranking import Answer, RecommendRequest, SimilarRequest
from recsys.ranking.request import Anchors, Candidates, Constraints, Context, HistoryEvent, User
from recsys.snapshot import open_snapshot, prepare, recommend, similar
from recsys.store import open_store

TAGS = ("red", "blue", "wool", "linen", "sale", "rare")
CONFIG = {
    "flags": {"request_weights": True},
    "surfaces": {
        "pdp": {
            "weights": {"pop": 0.2, "cooc": 0.9},
            "personalization": {"boost": 0.5},
            "diversity": {"mmr_lambda": 0.6, "max_per_brand": 4},
        },
    },
}
RULES = [
    {"id": "block-i007", "action": "block", "item_ids": ["i007"]},
    {"id": "boost-wool", "action": "boost", "target_type": "tag", "target_key": "wool", "boost_value": 0.3},
    {"id": "pin", "action": "pin", "item_ids": ["i100", "i101"], "surface": "home", "max_pins": 1},
    {"id": "late", "action": "block", "target_type": "tag", "target_key": "sale", "valid_from": "2026-01-01T00:00:00Z"},
]


class Recommend(RecommendRequest, frozen=True, tag="recommend"):
    """Told apart from the other kind in a file."""


class Similar(SimilarRequest, frozen=True, tag="similar"):
    """Told apart from the other kind in a file."""


class Told(msgspec.Struct, frozen=True):
    """A request and what was answered, as it is in the file."""

    request: Recommend | Similar
    now: float
    answer: Answer


def ids(chance: random.Random, most: int) -> tuple[str, ...]:
    return tuple(f"i{chance.randrange(130):03d}" for _ in range(chance.randrange(most + 1)))


def questions(chance: random.Random) -> list[tuple[Recommend | Similar, float]]:
    days = ("2025-11-01T00:00:00Z", "2025-11-20T00:00:00Z", None)
    found: list[tuple[Recommend | Similar, float]] = []
    for number in range(120):
        surface = chance.choice(("home", "pdp"))
        k = chance.choice((1, 5, 20, 60))
        now = NOW + chance.choice((0.0, 1e7))
        if number % 4 == 0:
            found.append((Similar(item_id=f"i{chance.randrange(125):03d}", surface=surface, k=k), now))
            continue
        tags = tuple(chance.sample(TAGS, chance.choice((0, 0, 1))))
        request = Recommend(
            surface=surface,
            segment=chance.choice((None, None, "new_users")),
            k=k,
            user=User(history=tuple(HistoryEvent(item_id=name, ts=chance.choice(days)) for name in ids(chance, 8))),
            context=Context(country=chance.choice((None, "GB", "FR"))),
            anchors=Anchors(item_ids=ids(chance, 4)),
            candidates=Candidates(exclude_ids=ids(chance, 2)),
            constraints=Constraints(required_tags=tags, max_price=chance.choice((None, None, 50.0))),
            weights=chance.choice(({}, {}, {"pop": 1.0, "cooc": 0.3})),
            algorithm=chance.choice((None, None, None, "popularity", "cooc")),
        )
        found.append((request, now))
    return found


def shop(chance: random.Random, root: Path) -> tuple[Shop, dict[str, str]]:
    made = Shop(open_store(root))
    items = [
        Item(
            item_id=f"i{number:03d}",
            tags=tuple(sorted(chance.sample(TAGS[:5], chance.randrange(3)))) + (("rare",) if number % 40 == 0 else ()),
            brand=chance.choice((None, "acme", "bolt", "cord")),
            category=chance.choice(("hats", "socks")),
            price=float(chance.randrange(1, 100)),
            available=number % 31 != 5,
            countries=("GB",) if number % 9 == 0 else (),
        )
        for number in range(120)
    ]
    names = [item.item_id for item in items]
    pairs = {}
    for _ in range(700):
        a, b = sorted(chance.sample(names, 2))
        pairs[a, b] = chance.randrange(1, 1000) / 1000
    new = heading(scope="segment", surface="home", segment="new_users")
    popular = {name: float(chance.randrange(1, 40)) for name in names[10:]}
    catalog = pack_catalog(items, tenant="demo")
    cooc = artifacts.cooc(pairs)
    more = {
        "popularity": (
            made.ref(artifacts.popularity({"i003": 9.0, "i050": 4.0}, new), scope="segment", segment="new_users"),
        )
    }
    manifests = {
        surface: made.manifest(
            surface=surface,
            catalog=catalog,
            popularity=artifacts.popularity(popular),
            cooc=cooc,
            more=more if surface == "home" else None,
        )
        for surface in ("home", "pdp")
    }
    return made, manifests


def main(file: Path) -> None:
    chance = random.Random(11)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        made, manifests = shop(chance, root / "store")
        release = made.release(config=CONFIG, rules=RULES, withdrawn=["i060"], manifests=manifests)
        made.store.releases.append("demo", 1, release.encode())
        snapshot = open_snapshot(prepare(release, blobs=made.store.blobs, root=root / "host"))
        told = []
        for request, now in questions(chance):
            plain = {name: getattr(request, name) for name in request.__struct_fields__}
            if isinstance(request, Similar):
                answer = similar(snapshot, SimilarRequest(**plain), now=now)
            else:
                answer = recommend(snapshot, RecommendRequest(**plain), now=now)
            told.append(Told(request, now, answer))
        (root / "answers.json").write_bytes(canonical(told))
        with tarfile.open(file, "w:gz") as archive:
            for part in ("answers.json", "host", "store"):
                archive.add(root / part, arcname=part)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
