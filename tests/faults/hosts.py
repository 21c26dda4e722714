"""One serving host in this process: a real follower, and what a worker makes of what it leaves."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.integration.serving.shops import until

from recsys.ranking import RecommendRequest
from recsys.serving.answering import PseudonymCache, answer
from recsys.serving.follower import Follower
from recsys.serving.health import Health, look_at_host
from recsys.serving.host_state import HostState, Places, TenantState, read_host_state
from recsys.serving.hosted import Hosted
from recsys.serving.settings import Settings
from recsys.snapshot import copies

__all__ = ["Given", "Host", "Worker", "forget"]

TENANT = "demo"
ASK = RecommendRequest(surface="home", k=200)


class Given(msgspec.Struct, frozen=True):
    """One answer as its reader sees it: what is in it, and what it says it comes from."""

    items: tuple[tuple[str, float], ...]
    generation: int
    rung: str
    config: str | None
    rules: str | None
    manifest: str | None
    recorded: tuple[str | None, ...] = ()
    """Config, rules and manifest as the exposure beside it says them."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the ids of the items, in their order."""
        return tuple(item for item, _ in self.items)

    @property
    def content(self) -> tuple[object, ...]:
        """Return all that must be one release's, whatever the rung."""
        return self.items, self.generation, self.config, self.rules, self.manifest


class Worker:
    """What a worker does with a host directory: take over, and answer."""

    def __init__(self, root: Path, *, run: str = "r1", verify: bool = True) -> None:
        self.hosted = Hosted(Places(root), run=run)
        self.hosted.take_over(verify=verify)

    def answer(self, request: RecommendRequest = ASK, *, now: float | None = None) -> Given | None:
        """Answer as the service does; ``None`` where there is nothing to answer from, or nobody may ask."""
        if self.hosted.is_news():
            self.hosted.take_over()
        return self.answer_as_it_is(request, now=now)

    def answer_as_it_is(self, request: RecommendRequest = ASK, *, now: float | None = None) -> Given | None:
        """Answer without looking for news: in a worker another thread does that."""
        view = self.hosted.view(TENANT)
        if view is None or TENANT not in self.hosted.directory.tenants:
            return None
        pseudonyms = PseudonymCache(self.hosted.directory.tenant(TENANT).pseudonyms)
        told = answer(
            view,
            request,
            request_id="r",
            client_request_id=None,
            pseudonyms=pseudonyms,
            confirm_s=10.0,
            started=time.perf_counter(),
            now=time.time() if now is None else now,
        )
        assert not told.failed
        return _given(json.loads(told.body), json.loads(told.line))


class Host:
    """A follower over a store and a host directory, and one worker beside it."""

    def __init__(self, store: Path, root: Path, *, run: str = "r1", **changes: Any) -> None:
        values = {"ship_s": 3600.0, "heartbeat_s": 3600.0, "access_poll_s": 0.05, "retry_rejected_s": 3600.0}
        values |= {"ready_bytes": 0}  # what is done aside is not what these tests count
        self.settings = Settings(store=str(store), host_dir=str(root), port=0, admin_port=0, **(values | changes))
        self.root, self.run = root, run
        self.follower = Follower(self.settings, run=run)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        self.follower.close()

    def worker(self) -> Worker:
        """Start a worker on what the follower left."""
        return Worker(self.root, run=self.run)

    @property
    def state(self) -> HostState | None:
        """Return what the follower last said."""
        return read_host_state(Places(self.root).state)

    @property
    def tenant(self) -> TenantState:
        """Return what it said of the tenant."""
        state = self.state
        return state.tenants.get(TENANT, TenantState()) if state else TenantState()

    @property
    def health(self) -> Health:
        """Look at this host as ``/health/detailed`` does."""
        return look_at_host(self.settings)

    def follow_until(self, holds: Callable[[], Any], what: str) -> None:
        """Let the follower work until something holds."""

        def stepped() -> Any:
            self.follower.step()
            return holds()

        until(stepped, what, timeout_s=60.0)

    def follow_to(self, generation: int) -> None:
        """Follow until this generation is served."""
        self.follow_until(lambda: self.tenant.generation == generation, f"generation {generation} is served")

    def settle(self, head: int) -> None:
        """Follow until the follower has an opinion of this generation: served, rejected, or a problem."""
        self.follow_until(lambda: self._has_opinion(head), f"an opinion of generation {head}")

    def _has_opinion(self, head: int) -> bool:
        known = self.tenant
        rejected = known.rejected is not None and known.rejected.generation == head
        return known.generation == head or rejected or bool(known.problem)


def forget() -> None:
    """Forget which files this process has hashed, as a restart does."""
    copies._checked.clear()


def _given(body: dict[str, Any], line: dict[str, Any]) -> Given:
    meta, context, decision = body["meta"], line["context"], line["decision"]
    assert decision["generation"] == int(context["generation"]) == meta["generation"]
    assert [item["item_id"] for item in line["items"]] == [item["item_id"] for item in body["items"]]
    return Given(
        items=tuple((item["item_id"], item["score"]) for item in body["items"]),
        generation=meta["generation"],
        rung=meta["rung"],
        config=meta.get("config_version"),
        rules=meta.get("rules_version"),
        manifest=meta.get("manifest_version"),
        recorded=tuple(context.get(f"{name}_version") for name in ("config", "rules", "manifest")),
    )
