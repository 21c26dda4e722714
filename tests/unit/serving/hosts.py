"""A serving host in one process: its follower, stepped by hand, and what workers take over from it."""

from collections.abc import Callable
from typing import Any

import msgspec
from tests.integration.serving.shops import Shop, until

from recsys.access import load_directory
from recsys.encoding import decode
from recsys.events import Exposure
from recsys.ranking import RecommendRequest
from recsys.serving.answering import PseudonymCache, answer
from recsys.serving.follower import Follower
from recsys.serving.host_state import HostState, Places, TenantState, read_host_state
from recsys.serving.hosted import Hosted, View
from recsys.serving.pins import PinAct, Pins

NOW = 1_795_348_800.0
CONFIRM_S = 1000.0
"""A test may stand still for long, and the rung must not change for it."""


class Host:
    """One host of a shop; ``restart`` begins another run on the same directory."""

    def __init__(self, shop: Shop, **settings: Any) -> None:
        self.shop = shop
        self._settings = shop.settings(**{"confirm_s": CONFIRM_S, "heartbeat_s": 0.01, **settings})
        self._runs = 0
        self.places = Places(shop.root / "host")
        self.pins = Pins(self.places.pins)
        self.pseudonyms = PseudonymCache(load_directory(shop.store).tenant("demo").pseudonyms)
        self.restart()

    def restart(self) -> None:
        """Begin a new run: a new follower, and workers that verify what they open."""
        self._runs += 1
        run = f"r{self._runs}"
        self.follower = Follower(self._settings, run=run)
        self.workers = Hosted(self.places, run=run)
        self.workers.take_over(verify=True)

    def state(self) -> HostState | None:
        return read_host_state(self.places.state)

    def tenant(self) -> TenantState:
        found = self.state()
        return found.tenants["demo"] if found and "demo" in found.tenants else TenantState()

    def step_until(self, holds: Callable[[], Any], what: str = "the follower") -> None:
        """Let the follower step until something holds, and the workers take over what it wrote."""

        def stepped() -> Any:
            self.follower.step()
            return holds()

        until(stepped, what)
        self.workers.take_over()

    def follow(self, generation: int) -> None:
        """Follow until this host has verified a generation."""
        self.step_until(lambda: self.tenant().generation == generation, f"generation {generation}")

    def reject(self, generation: int) -> None:
        """Follow until this host has refused a generation."""

        def refused() -> bool:
            rejected = self.tenant().rejected
            return rejected is not None and rejected.generation == generation

        self.step_until(refused, f"generation {generation} to be refused")

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self.follower.step()
        self.workers.take_over()

    def pin(self, generation: int, reason: str = "the newest is bad") -> PinAct:
        act = self.pins.pin("demo", self.tenant(), generation, actor="ops", reason=reason)
        self.step()
        return act

    def unpin(self) -> PinAct:
        act = self.pins.unpin("demo", self.tenant(), actor="ops", reason="it is over")
        self.step()
        return act

    @property
    def view(self) -> View:
        found = self.workers.view("demo")
        assert found is not None
        return found

    def ask(self, **body: Any) -> "Asked":
        """Answer a request as a worker does, with what it would record."""
        view = self.view
        request = msgspec.convert({"surface": "home", "k": 30, **body}, RecommendRequest)
        answered = answer(
            view,
            request,
            request_id="r",
            client_request_id=None,
            pseudonyms=self.pseudonyms,
            confirm_s=CONFIRM_S,
            started=0.0,
            now=NOW,
        )
        return Asked(answered.body, answered.line)


class Asked:
    """An answer and the line it left."""

    def __init__(self, body: bytes, line: bytes) -> None:
        self.response = msgspec.json.decode(body)
        self.line = line
        self.exposure = decode(line, Exposure, what="line")

    @property
    def items(self) -> list[str]:
        return [item["item_id"] for item in self.response["items"]]

    @property
    def rung(self) -> str:
        return self.response["meta"]["rung"]

    @property
    def generation(self) -> int:
        return self.response["meta"]["generation"]

    @property
    def warnings(self) -> dict[str, str]:
        return {warning["code"]: warning["detail"] for warning in self.response["warnings"]}
