"""F25: what is withdrawn is never shown, who is erased is never used: after every kind of rollback, on every rung."""

import json
import random
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.hosts import forget
from tests.integration.serving.shops import Shop, served, until
from tests.unit.serving.hosts import Host

from recsys.access import Directory, Pseudonyms, load_directory
from recsys.encoding import canonical
from recsys.errors import Refused, UsageError
from recsys.events import Exposure, read_spool
from recsys.ranking import RecommendRequest, SimilarRequest
from recsys.releases import erase_users
from recsys.releases.erase import erased_in
from recsys.releases.history import History
from recsys.releases.withdraw import withdrawn_in
from recsys.serving.answering import PseudonymCache, answer
from recsys.serving.follower import Follower
from recsys.serving.host_state import Places, read_host_state
from recsys.serving.hosted import Hosted, View
from recsys.serving.pins import Pins

pytestmark = pytest.mark.long

NOW = 1_795_348_800.0
ROUNDS = 12 if FULL else 1
WITHDRAWN = ("a-000", "b-000", "c-000")
"""The most popular of each manifest: nothing else would keep it out."""
MOST = 20
"""Users erased in all, so that items are left to be shown."""
GONE = {"user_id": "ann", "anonymous_id": "browser-7", "session_id": "visit-9"}
HISTORY = [{"item_id": mark} for mark in WITHDRAWN]


def pinning(*ids: str, name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "action": "pin", "target_type": "item", "item_ids": list(ids), **more}


class Tempted(Shop):
    """A shop whose past would show what is withdrawn by every way there is: as most popular, as a neighbour, pinned by
    a rule, as an item of the floor, in the arm of a candidate.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.withdrawn = {*WITHDRAWN}
        self.gone = {*GONE.values()}
        self.ship("a")
        self.releases.put_config(canonical({"floor_items": list(WITHDRAWN)}))
        self.releases.put_rules(canonical([pinning(*WITHDRAWN, name="first")]))
        self.ship("b")
        self.releases.put_config(canonical({"floor_items": ["b-001", *WITHDRAWN], "surfaces": {"home": {}}}))
        self.releases.put_rules(canonical([pinning("b-000", name="second", surface="home")]))
        self.begin_candidate()

    def begin_candidate(self) -> None:
        rules = json.loads(self.store.blobs.read("demo", self.releases.current().rules))
        rules = [*rules, pinning(*WITHDRAWN, name=f"tried-{self.releases.current().generation}", surface="home")]
        self.releases.candidates.start("home", share=0.5, manifest=self.manifest("c"), rules=canonical(rules))

    def bind(self) -> None:
        self.releases.withdraw(WITHDRAWN, reason="recalled")
        erase_users(self.releases, self.pseudonyms_of(*self.gone), reason="asked for it")

    def bind_more(self) -> None:
        """Withdraw what is the most popular by now, and erase somebody else: what is kept of before did not know."""
        number = len(self.gone)
        if number < MOST:
            more = [f"{mark}-{number - 2:03d}" for mark in "abc"]
            self.releases.withdraw(more, reason="recalled too")
            erase_users(self.releases, self.pseudonyms_of(f"ann-{number}"), reason="asked for it too")
            self.withdrawn.update(more)
            self.gone.add(f"ann-{number}")

    def pseudonyms_of(self, *raw_ids: str) -> list[str]:
        return load_directory(self.store).tenant("demo").pseudonyms.of_many(raw_ids)

    def binds(self) -> bool:
        """Tell whether the newest release says both, whatever made it."""
        history = History(self.store.releases, self.store.blobs, "demo")
        newest = history.head().release
        ids = {*self.pseudonyms_of(*self.gone)}
        return withdrawn_in(newest, history) == self.withdrawn and erased_in(newest, history) == ids


KINDS: dict[str, Callable[[Tempted], object]] = {
    "rules": lambda shop: shop.releases.rollback("rules"),
    "rules further": lambda shop: shop.releases.rollback("rules", further=True),
    "rules to 4": lambda shop: shop.releases.rollback("rules", to=4),
    "rules of home": lambda shop: shop.releases.rollback("rules", surface="home", further=True),
    "config": lambda shop: shop.releases.rollback("config"),
    "config further": lambda shop: shop.releases.rollback("config", further=True),
    "config to 3": lambda shop: shop.releases.rollback("config", to=3),
    "config of home": lambda shop: shop.releases.rollback("config", surface="home", to=1),
    "artifacts": lambda shop: shop.releases.rollback("artifacts", surface="home"),
    "artifacts further": lambda shop: shop.releases.rollback("artifacts", surface="home", further=True),
    "artifacts to 2": lambda shop: shop.releases.rollback("artifacts", surface="home", to=2, no_hold=True),
    "artifacts to 5": lambda shop: shop.releases.rollback("artifacts", surface="home", to=5, no_hold=True),
    "all": lambda shop: shop.releases.rollback("all", no_hold=True),
    "all further": lambda shop: shop.releases.rollback("all", further=True, no_hold=True),
    "all to 1": lambda shop: shop.releases.rollback("all", to=1, no_hold=True),
    "all to 4": lambda shop: shop.releases.rollback("all", to=4, no_hold=True),
    "all to 8": lambda shop: shop.releases.rollback("all", to=8, no_hold=True),
    "undo": lambda shop: shop.releases.undo(),
    "undo of that undo": lambda shop: shop.releases.undo(shop.releases.current().generation),
    "undo of the withdrawal": lambda shop: shop.releases.undo(9),
    "undo of the erasure": lambda shop: shop.releases.undo(10),
    "promote": lambda shop: shop.releases.candidates.promote("home"),
    "abort": lambda shop: shop.releases.candidates.abort("home"),
    "candidate": lambda shop: shop.begin_candidate(),
}
REFUSED_ALWAYS = {"undo of the withdrawal", "undo of the erasure"}


def questions(gone: Iterable[str]) -> Iterator[RecommendRequest | SimilarRequest]:
    """Ask by every way that could bring them back, as the erased user under each id, and as others in both arms."""
    for number, raw_id in enumerate(sorted(gone)):
        user = {[*GONE][number % len(GONE)]: raw_id, "history": HISTORY}
        yield msgspec.convert({"surface": "home", "k": 50, "user": user}, RecommendRequest)
    for number in range(4):  # both arms
        yield msgspec.convert({"surface": "home", "k": 50, "user": {"anonymous_id": f"v{number}"}}, RecommendRequest)
    included = {"candidates": {"include_ids": list(WITHDRAWN)}, "anchors": {"item_ids": ["a-001", "b-001", "c-001"]}}
    yield msgspec.convert({"surface": "home", "k": 50, **included}, RecommendRequest)
    yield msgspec.convert({"surface": "nowhere", "k": 50, "user": {**GONE, "history": HISTORY}}, RecommendRequest)
    for mark in "abc":
        yield SimilarRequest(item_id=f"{mark}-001", surface="home", k=50)


class Look:
    """One view on one rung, asked everything. ``wrong`` says what must never be seen."""

    def __init__(self, shop: Tempted, pseudonyms: PseudonymCache) -> None:
        self._shop = shop
        self._pseudonyms = pseudonyms
        self._gone = [pseudonyms.of(raw_id).encode() for raw_id in shop.gone]

    def answer(self, view: View, request: Any, *, confirm_s: float) -> tuple[dict[str, Any], bytes]:
        told = answer(
            view,
            request,
            request_id="r",
            client_request_id=None,
            pseudonyms=self._pseudonyms,
            confirm_s=confirm_s,
            started=time.perf_counter(),
            now=NOW,
        )
        return json.loads(told.body), told.line

    def seen(self, view: View, *, rung: str, confirm_s: float = 1000.0) -> tuple[int, set[str], bool, list[str]]:
        """Return how many answers were looked at, the withdrawn among them, whether the erased user was used, and what
        was not as it should be on this rung.
        """
        shown: set[str] = set()
        used = False
        odd: list[str] = []
        count = 0
        for request in questions(self._shop.gone):
            body, line = self.answer(view, request, confirm_s=confirm_s)
            count += 1
            shown |= {item["item_id"] for item in body["items"]} & self._shop.withdrawn
            used = used or any(name in line for name in self._gone)
            user = getattr(request, "user", None)
            if user is not None and {user.user_id, user.anonymous_id, user.session_id} & self._shop.gone:
                as_nobody = msgspec.structs.replace(request, user=type(user)())
                nobody, _ = self.answer(view, as_nobody, confirm_s=confirm_s)
                used = used or nobody["items"] != body["items"] or b'"history"' in line
            if body["meta"]["rung"] != rung:
                odd.append(f"answered on {body['meta']['rung']}")
        return count, shown, used, odd


class Rungs:
    """Every rung that a host could answer on at one moment, each on a copy of its directory where that must be."""

    def __init__(self, host: Host, scratch: Path) -> None:
        self._host, self._scratch = host, scratch

    def __iter__(self) -> Iterator[tuple[str, View, dict[str, Any]]]:
        view = self._host.view
        live = view.rung(confirm_s=1000.0)
        yield live, view, {"rung": live}
        yield "not confirmed", view, {"rung": "last_good" if live == "live" else live, "confirm_s": -1.0}
        copy = self._copied()
        yield "disk", _opened(copy), {"rung": "disk"}
        yield from self._pinned(copy)
        for path in (copy / "shelves" / "demo").glob("*"):
            path.write_bytes(b"damaged")
        for path in (copy / "copies" / "demo").glob("*"):
            path.write_bytes(b"damaged")
        yield "floor", _opened(copy), {"rung": "floor"}
        for path in copy.glob("host.json*"):
            path.unlink()
        yield "floor, no host.json", _opened(copy), {"rung": "floor"}
        shutil.rmtree(copy)

    def _copied(self) -> Path:
        copy = self._scratch / "copy"
        shutil.copytree(self._host.places.root, copy)
        forget()
        return copy

    def _pinned(self, copy: Path) -> Iterator[tuple[str, View, dict[str, Any]]]:
        """Pin each generation that is kept, with the store away."""
        settings = self._host.shop.settings(store=str(self._scratch / "away"), host_dir=str(copy))
        follower = Follower(settings, run="pinned")
        for kept in self._host.tenant().kept:
            state = read_host_state(copy / "host.json").tenants["demo"]
            Pins(copy / "pins").pin("demo", state, kept.generation, actor="ops", reason="F25")
            follower.step()
            view = _opened(copy, run="pinned")
            assert view.generation == kept.generation
            yield "pinned", view, {"rung": "disk"}
        follower.close()


def _opened(root: Path, *, run: str = "another") -> View:
    hosted = Hosted(Places(root), run=run)
    hosted.take_over(verify=True)
    view = hosted.view("demo")
    assert view is not None
    return view


@pytest.fixture
def shop(tmp_path: Path) -> Tempted:
    return Tempted(tmp_path / "shop")


def look_at(host: Host, shop: Tempted, scratch: Path) -> Iterator[tuple[str, int, set[str], bool, list[str]]]:
    look = Look(shop, host.pseudonyms)
    for rung, view, how in Rungs(host, scratch):
        yield rung, *look.seen(view, **how)


def test_without_a_binding_every_rung_shows_them_and_uses_her(shop: Tempted, tmp_path: Path) -> None:
    """The other side of F25: what it looks for would be seen."""
    host = Host(shop)
    host.follow(8)
    rungs = set()
    for rung, _, shown, used, odd in look_at(host, shop, tmp_path):
        rungs.add(rung)
        assert (bool(shown), used, odd) == (True, True, []), rung
    assert rungs == {"live", "not confirmed", "disk", "pinned", "floor", "floor, no host.json"}


def ship_damaged(shop: Tempted) -> int:
    """Commit a release whose artifact is damaged before any host reads it."""
    before = {path for path in (shop.root / "store" / "blobs").rglob("*") if path.is_file()}
    generation = shop.ship(f"bad{len(before)}")
    new = [path for path in (shop.root / "store" / "blobs").rglob("*") if path.is_file() and path not in before]
    largest = max(new, key=lambda path: path.stat().st_size)
    largest.chmod(0o644)
    largest.write_bytes(b"damaged")
    return generation


def test_whatever_is_rolled_back_nothing_withdrawn_is_shown_and_nobody_erased_is_used(
    shop: Tempted, tmp_path: Path, counting: Counting
) -> None:
    host = Host(shop, retry_rejected_s=3600.0)
    host.follow(8)
    shop.bind()
    host.follow(10)
    what = "withdrawn or erased, then every kind of rollback, on every rung: never shown, never used"
    with counting("F25", what) as count:
        rng = random.Random(count.seed)
        done: dict[str, int] = dict.fromkeys(KINDS, 0)
        rungs: set[str] = set()
        for _ in range(ROUNDS):
            for kind in rng.sample(sorted(KINDS), len(KINDS)):
                done[kind] += _changed(shop, kind)
                if rng.random() < 0.3:
                    shop.bind_more()
                host.follow(shop.releases.current().generation)
                _check(host, shop, tmp_path, count, rungs, after=f"seed {count.seed}: {kind}")
        count.notes = {"rollbacks": sum(done.values()), "kinds": sum(map(bool, done.values())), "rungs": len(rungs)}
        count.notes |= {"items": len(shop.withdrawn), "users": len(shop.gone)}
    assert not any(done[kind] for kind in REFUSED_ALWAYS)
    assert {kind for kind, times in done.items() if not times} <= REFUSED_ALWAYS


def _changed(shop: Tempted, kind: str) -> int:
    """Do it; where there is nothing to do, content is moved on first. Return how many releases it took."""
    done = _done(shop, kind)
    if not done and kind not in REFUSED_ALWAYS:
        _prepare(shop)
        done = _done(shop, kind)
    assert shop.binds()
    return int(done)


def _done(shop: Tempted, kind: str) -> bool:
    before = shop.releases.current().generation
    try:
        KINDS[kind](shop)
    except (Refused, UsageError):
        return False
    return shop.releases.current().generation > before


def _prepare(shop: Tempted) -> None:
    """Move everything on, so that there is something to go back from."""
    number = shop.releases.current().generation
    for surface in ("home", None):
        shop.releases.resume(surface=surface, levers=["artifacts"])
    if shop.releases.candidates.running("home"):
        shop.releases.candidates.abort("home")
    for step in (0, 1):
        home = {"freshness_slo_h": 10 + 2 * number + step}
        shop.releases.ship("home", shop.manifest("abc"[(number + step) % 3]))
        shop.releases.put_config(canonical({"floor_items": [*WITHDRAWN], "surfaces": {"home": home}}))
        shop.releases.put_rules(canonical([pinning(*WITHDRAWN, name=f"moved-{number}-{step}", surface="home")]))
    shop.begin_candidate()


def _check(host: Host, shop: Tempted, scratch: Path, count: Any, rungs: set[str], *, after: str) -> None:
    for rung, answers, shown, used, odd in look_at(host, shop, scratch):
        rungs.add(rung)
        count.survived(answers)
        where = f"{after}, generation {shop.releases.current().generation}, {rung}"
        if shown:
            count.wrong(f"{where}: {sorted(shown)} shown")
        if used:
            count.wrong(f"{where}: the erased user was used")
        if odd:
            count.wrong(f"{where}: {odd[0]}")


def test_they_bind_although_no_release_that_says_so_can_be_served(
    shop: Tempted, tmp_path: Path, counting: Counting
) -> None:
    host = Host(shop, retry_rejected_s=3600.0)
    host.follow(8)
    host.reject(ship_damaged(shop))
    with counting("F25", "withdrawn or erased by releases that no host can serve: they bind on what it can") as count:
        for raw_id in GONE.values():
            erase_users(shop.releases, [host.pseudonyms.of(raw_id)])
        shop.releases.withdraw(WITHDRAWN)
        newest = shop.releases.current().generation
        host.reject(newest)
        rungs: set[str] = set()
        _check(host, shop, tmp_path, count, rungs, after=f"generation {newest} rejected")
        shop.releases.rollback("rules", to=4)
        host.reject(newest + 1)
        _check(host, shop, tmp_path, count, rungs, after="rules rolled back on top of it")
        shop.releases.rollback("artifacts", surface="home", to=2)
        host.follow(newest + 2)
        _check(host, shop, tmp_path, count, rungs, after="artifacts rolled back to what can be served")
        count.notes = {"rungs": len(rungs)}
    assert {"last_good", "live"} <= rungs


def test_over_http_in_real_processes(tmp_path: Path, counting: Counting) -> None:
    shop = Tempted(tmp_path)
    asked = {"surface": "home", "k": 30, "user": {**GONE, "history": HISTORY}}
    with served(shop) as service, counting("F25", "the same over HTTP, in real workers, live and from disk") as count:
        assert {item["item_id"] for item in service.answers_from(8).json["items"]} & {*WITHDRAWN}
        shop.bind()
        service.answers_from(10)
        for kind in ("rules to 4", "artifacts", "all to 4", "undo"):
            KINDS[kind](shop)
            generation = shop.releases.current().generation
            service.answers_from(generation)
            _look_over_http(service, asked, count, where=f"{kind}, generation {generation}")
        shop.take_store_away()
        until(lambda: service.recommend().rung == "last_good", "the last good rung")
        _look_over_http(service, asked, count, where="last_good")
    with served(shop) as service:
        service.answers_from(generation, "disk")
        _look_over_http(service, asked, count, where="disk")
    gone = {_pseudonyms_on(shop.root / "host").of(raw_id) for raw_id in GONE.values()}
    lines = list(read_spool(shop.root / "host" / "spool", Exposure, tenant="demo"))
    after = [line for line in lines if int(line.context["generation"]) >= 10]
    assert len(after) > 50
    assert not any(name in msgspec.json.encode(line).decode() for line in after for name in gone)


def _look_over_http(service: Any, asked: dict[str, Any], count: Any, *, where: str) -> None:
    for _ in range(8):  # every worker
        answer = service.post("/v1/recommend", asked)
        count.survived()
        shown = {item["item_id"] for item in answer.json["items"]} & {*WITHDRAWN}
        if answer.status != 200 or shown:
            count.wrong(f"{where}: {answer.status} {sorted(shown)}")


def _pseudonyms_on(root: Path) -> Pseudonyms:
    return Directory.decode((root / "access.json").read_bytes()).tenant("demo").pseudonyms
