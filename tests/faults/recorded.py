"""A shop that changes in every way there is while people ask in every way there is, and what they were answered."""

import http.client
import itertools
import json
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace
from tests.faults.crowds import post
from tests.integration.serving.shops import Served, Shop, until
from tests.unit.signals import artifacts

from recsys.access import load_directory
from recsys.catalog import OverlayRow
from recsys.encoding import canonical, rfc3339
from recsys.pipelines import run
from recsys.releases import erase_users
from recsys.releases.manifest import read_manifest

__all__ = ["ERASED", "STAGES", "Answered", "Changing", "people_ask"]

ITEMS = tuple(f"i{number:02d}" for number in range(60))
USERS = tuple(f"u{number}" for number in range(40))
ERASED = USERS[:4]
"""Users who ask all along, and are erased half way."""
TAGS = ("red", "blue", "wool", "glass", "tin")
_DRAWN = {"exploration": {"policy": "plackett_luce", "temperature": 4.0, "slots": 4}}
_TASTE = {
    "personalization": {"boost": 0.4, "min_events": 2},
    "diversity": {"mmr_lambda": 0.6, "max_per_brand": 4},
    "exclude_seen": {"events": ["purchase"], "days": 30},
    "flags": {"request_weights": True},
}
_CLIENTS = 4


class Answered(NamedTuple):
    """Items and scores as somebody was told them. ``by_erased``: who asked is among :data:`ERASED`."""

    items: list[tuple[str, float]]
    by_erased: bool


class Changing(Shop):
    """A tenant with all five signals and profiles on ``home`` and ``pdp``, from its own pipelines."""

    def __init__(self, root: Path, *, seed: int) -> None:
        super().__init__(root)
        self._dice = random.Random(f"{seed} shop")
        (root / "catalog.jsonl").write_text("".join(json.dumps(row) + "\n" for row in self._catalog()))
        home = self._built()
        self.releases.ship("home", home, reason="home")
        self._home = read_manifest(self.store.blobs.read("demo", home))
        self.releases.ship("pdp", self._of_home(["cooc", "content_sim"], surface="pdp"), reason="pdp")

    def _catalog(self) -> Iterator[dict[str, Any]]:
        for number, item in enumerate(ITEMS):
            yield {
                "item_id": item,
                "title": f"Thing {number}",
                "tags": self._dice.sample(TAGS, 2),
                "brand": f"brand-{number % 5}",
                "category": f"category-{number % 3}",
                "price": float(number),
                "available": number % 17 != 5,
                **({"countries": ["gb"]} if number % 11 == 0 else {}),
            }

    def _built(self) -> str:
        """Run the pipelines over what people did, and ship nothing."""
        today = datetime.now(UTC).date()
        kinds = ("view", "click", "purchase")
        rows = []
        for number in range(1_200):
            weight = int(60 * self._dice.random() ** 2)
            rows.append(
                {
                    "ts": f"{today - timedelta(days=self._dice.randint(1, 9))}T10:{number % 60:02d}:00Z",
                    "item_id": ITEMS[weight],
                    "event_type": self._dice.choice(kinds),
                    "user_id": self._dice.choice(USERS),
                }
            )
        events = self.root / "events.jsonl"
        events.write_text("".join(json.dumps(row) + "\n" for row in rows))
        window = {"start": today - timedelta(days=10), "end": today - timedelta(days=1)}
        catalog = self.root / "catalog.jsonl"
        made = run(self, surface="home", events=events, catalog=catalog, **window, ship=False)
        return made.manifest

    def _of_home(self, signals: Iterable[str], **more: Any) -> str:
        """Put a manifest with some of the signals that ``home`` has."""
        kept = {name: self._home.signals[name] for name in signals}
        return self.store.blobs.put("demo", canonical(replace(self._home, signals=kept, **more)))

    def configured(self, **settings: Any) -> None:
        """Put a config of taste and diversity, and something besides."""
        self.releases.put_config(canonical({**_TASTE, **settings}))

    def ruled(self) -> None:
        """Put every kind of rule, some of them of one surface or segment, some over, some to come."""
        now = datetime.now(UTC)
        soon, past = now + timedelta(hours=1), now - timedelta(hours=1)
        rules = [
            {"id": "pin", "action": "pin", "item_ids": ["i40", "i41"], "surface": "home", "max_pins": 1},
            {"id": "new", "action": "pin", "item_ids": ["i50"], "segment": "new_users"},
            {"id": "lift", "action": "boost", "target_type": "tag", "target_key": "wool", "boost_value": 0.5},
            {"id": "sink", "action": "boost", "target_type": "brand", "target_key": "brand-1", "boost_value": -0.5},
            {"id": "out", "action": "block", "target_type": "item", "item_ids": ["i00", "i03"]},
            {"id": "over", "action": "block", "item_ids": ["i01"], "valid_until": rfc3339(past.timestamp())},
            {"id": "later", "action": "block", "item_ids": ["i02"], "valid_from": rfc3339(soon.timestamp())},
        ]
        self.releases.put_rules(canonical(rules))

    def segmented(self) -> None:
        """Ship popularity of a segment of its own beside what is served."""
        heading = replace(artifacts.HEADING, scope="segment", surface="home", segment="new_users")
        data = artifacts.popularity({item: float(number + 1) for number, item in enumerate(ITEMS[:30])}, heading)
        ref = replace(self._ref(data), scope="segment", segment="new_users")
        popularity = (*self._home.signals["popularity"], ref)
        segment = self.store.blobs.put(
            "demo", canonical(replace(self._home, signals={**self._home.signals, "popularity": popularity}))
        )
        self.releases.ship("home", segment, reason="segment")

    def tried(self) -> None:
        """Begin a candidate with artifacts, config and rules of its own."""
        self.configured()
        rules = json.loads(self.store.blobs.read("demo", self.releases.current().rules))
        rules.append({"id": "tried", "action": "block", "item_ids": ["i04"], "surface": "home"})
        config = {**_TASTE, "surfaces": {"home": {"diversity": {"mmr_lambda": 0.9}, **_DRAWN}}}
        manifest = self._of_home(["popularity", "cooc", "content_sim"])
        self.releases.candidates.start(
            "home", share=0.5, manifest=manifest, config=canonical(config), rules=canonical(rules)
        )

    def updated(self) -> None:
        """Lay an update over the catalogue."""
        rows = (
            OverlayRow(item_id="i10", available=False),
            OverlayRow(item_id="i11", price=0.5),
            OverlayRow(item_id="i12", tags=("tin", "red")),
        )
        self.releases.update_items(rows)

    def erased(self) -> None:
        """Erase users who have asked before, and ask again."""
        pseudonyms = load_directory(self.store).tenant("demo").pseudonyms
        erase_users(self.releases, [pseudonyms.of(one) for one in ERASED], reason="asked for it")

    def damaged(self) -> None:
        """Commit a release that no host can serve, and on top of it one that withdraws what is shown."""
        before = set((self.root / "store" / "blobs").rglob("*"))
        self.releases.ship("home", self.manifest("bad"), reason="bad")
        new = [path for path in (self.root / "store" / "blobs").rglob("*") if path.is_file() and path not in before]
        largest = max(new, key=lambda path: path.stat().st_size)
        largest.chmod(0o644)
        largest.write_bytes(b"damaged")
        self.releases.withdraw(["i06", "i07"], reason="recalled")


Stage = tuple[str, Callable[[Changing], object]]

STAGES: tuple[Stage, ...] = (
    ("plain", lambda shop: None),
    ("config", lambda shop: shop.configured()),
    ("rules", lambda shop: shop.ruled()),
    ("segment", lambda shop: shop.segmented()),
    ("overlay", lambda shop: shop.updated()),
    ("exploration", lambda shop: shop.configured(**_DRAWN)),
    (
        "ab",
        lambda shop: shop.configured(
            experiments=_experiment("ab", plain={"share": 0.5}, drawn={"share": 0.5, **_DRAWN})
        ),
    ),
    (
        "interleaved",
        lambda shop: shop.configured(experiments=_experiment("interleave", a={}, b={"algorithm": "popularity"})),
    ),
    ("candidate", lambda shop: shop.tried()),
    ("promoted", lambda shop: shop.releases.candidates.promote("home")),
    ("erased", lambda shop: shop.erased()),
    ("withdrawn", lambda shop: shop.releases.withdraw(["i05"], reason="recalled")),
    ("rolled back", lambda shop: shop.releases.rollback("config", reason="as before")),
)
"""Each a change and what is served after it."""


def _experiment(kind: str, **variants: Any) -> dict[str, Any]:
    return {"e1": {"type": kind, "variants": variants}}


class People:
    """Whoever asks: a seeded stream of requests of every shape."""

    def __init__(self, service: Served, *, seed: str) -> None:
        self._service, self._dice = service, random.Random(seed)
        self._connection = http.client.HTTPConnection(service.process.base_url.removeprefix("http://"), timeout=30)
        self._clicks = itertools.count()
        self._seed = seed
        self.told: dict[str, Answered] = {}
        self.odd: list[str] = []

    def ask(self, times: int) -> None:
        """Ask until so many answers came."""
        wanted = len(self.told) + times
        while len(self.told) < wanted and len(self.odd) < 10:
            way = self._dice.random()
            if way < 0.15:
                self._take("/v1/similar", self._similar())
            elif way < 0.2:
                body = {"requests": [self._request() for _ in range(3)], "dedupe": self._dice.random() < 0.5}
                self._take("/v1/recommend/batch", body)
            else:
                request = self._request()
                if self._dice.random() < 0.05:
                    self._click(request["user"])
                self._take("/v1/recommend", request)
        self._connection.close()

    def _take(self, path: str, body: dict[str, Any]) -> None:
        shop = self._service.shop
        requests = body.get("requests", [body])
        key = shop.operator if any("now" in one.get("context", {}) for one in requests) else shop.client
        told = post(self._connection, path, body, key)
        if told.status != 200:
            self.odd.append(f"{path} {body} was answered {told}")
            return
        said = json.loads(told.body)
        for asked, answer in zip(requests, said.get("answers", [said]), strict=True):
            if answer["meta"]["rung"] == "floor":
                self.odd.append(f"the floor answered {body}")
            items = [(one["item_id"], one["score"]) for one in answer["items"]]
            by_erased = asked.get("user", {}).get("user_id") in ERASED
            self.told[answer["meta"]["request_id"]] = Answered(items, by_erased)

    def _click(self, user: dict[str, Any]) -> None:
        who = {name: user[name] for name in ("user_id", "anonymous_id", "session_id") if name in user}
        now = rfc3339(datetime.now(UTC).timestamp())
        event = {
            "item_id": self._item(),
            "event_type": "click",
            "ts": now,
            "event_id": f"{self._seed} {next(self._clicks)}",
        }
        told = post(self._connection, "/v1/events", [{**event, **who}], self._service.shop.client)
        if told.status != 200:
            self.odd.append(f"a click was answered {told}")

    def _item(self) -> str:
        return self._dice.choice(ITEMS)

    def _some(self, most: int) -> list[str]:
        return self._dice.sample(ITEMS, self._dice.randint(1, most))

    def _perhaps(self, share: float, **fields: Any) -> dict[str, Any]:
        return fields if self._dice.random() < share else {}

    def _similar(self) -> dict[str, Any]:
        return {
            "surface": self._dice.choice(("home", "pdp", "attic")),
            "item_id": self._item(),
            "k": self._dice.randint(1, 15),
            **self._perhaps(0.2, segment="new_users"),
            **self._perhaps(0.2, candidates={"exclude_ids": self._some(5)}),
            **self._perhaps(0.2, constraints={"required_tags": [self._dice.choice(TAGS)]}),
        }

    def _request(self) -> dict[str, Any]:
        dice = self._dice
        constraints = {
            **self._perhaps(0.4, required_tags=[dice.choice(TAGS)]),
            **self._perhaps(0.3, forbidden_tags=[dice.choice(TAGS)]),
            **self._perhaps(0.3, max_per_tag=dice.randint(1, 4)),
            **self._perhaps(0.3, max_price=float(dice.randint(5, 60))),
        }
        context = {
            **self._perhaps(0.5, country=dice.choice(("gb", "de"))),
            **self._perhaps(0.3, device="phone"),
            **self._perhaps(0.2, now=rfc3339(datetime.now(UTC).timestamp() + dice.randint(-7_200, 7_200))),
        }
        options = {
            **self._perhaps(0.3, include_reasons=True),
            **self._perhaps(0.3, explain=dice.choice(("summary", "full"))),
            **self._perhaps(0.2, include_trace=True),
            **self._perhaps(0.3, seed=dice.randint(0, 9)),
        }
        candidates = {
            **self._perhaps(0.5, exclude_ids=self._some(8)),
            **self._perhaps(0.3, include_ids=self._some(30)),
        }
        return {
            "surface": dice.choice(("home", "home", "home", "pdp", "attic")),
            "k": dice.choice((1, 5, 10, 20, 500)),
            "user": self._user(),
            **self._perhaps(0.3, segment=dice.choice(("new_users", "nobody"))),
            **self._perhaps(0.2, anchors={"item_ids": self._some(4)}),
            **self._perhaps(0.2, candidates=candidates),
            **self._perhaps(0.2, constraints=constraints),
            **self._perhaps(0.3, context=context),
            **self._perhaps(0.3, options=options),
            **self._perhaps(0.1, weights={"pop": dice.random(), "cooc": dice.random(), "emb": dice.random()}),
            **self._perhaps(0.1, algorithm=dice.choice(("popularity", "cooc", "implicit", "session_seq"))),
            **self._perhaps(0.05, traffic="internal"),
        }

    def _user(self) -> dict[str, Any]:
        dice = self._dice
        kinds = ("view", "click", "purchase")
        history = [
            {"item_id": self._item(), "event_type": dice.choice(kinds), **self._perhaps(0.5, ts="2026-11-01T10:00:00Z")}
            for _ in range(dice.randint(1, 8))
        ]
        return {
            **self._perhaps(0.6, user_id=dice.choice(USERS)),
            **self._perhaps(0.6, anonymous_id=f"browser-{dice.randint(0, 60)}"),
            **self._perhaps(0.3, session_id=f"visit-{dice.randint(0, 60)}"),
            **self._perhaps(0.4, history=history),
        }


def people_ask(service: Served, times: int, *, seed: str) -> tuple[dict[str, Answered], list[str]]:
    """Let several people ask at once until so many answers came; return what they were told, and what is odd."""
    people = [People(service, seed=f"{seed} {number}") for number in range(_CLIENTS)]
    threads = [threading.Thread(target=one.ask, args=(-(-times // _CLIENTS),)) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = {request_id: items for one in people for request_id, items in one.told.items()}
    return told, [problem for one in people for problem in one.odd]


def withdrawn_binds(service: Served, gone: str) -> None:
    """Wait until every worker leaves out an item that only a release withdraws which no host can serve."""

    def bound() -> bool:
        answers = [service.recommend(k=200) for _ in range(8)]
        return all(one.rung == "last_good" and gone not in one.body.decode() for one in answers)

    until(bound, "the withdrawal to bind on what is served")
