"""Simulated people who use the real service over HTTP: they ask, look, click, and the clicks are sent back."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import msgspec

from recsys.encoding import rfc3339
from recsys.errors import Failed
from recsys.lab.simulate import Reaction, Shopper, Visit
from recsys.progress import Advance

__all__ = ["Traffic", "Visitors"]


_COUNTRY = "GB"


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a number of visits. ``failed`` were not answered; ``clicked`` had at least one click."""

    visits: int
    empty: int
    failed: int
    clicked: int
    generations: tuple[int, ...]
    rungs: tuple[str, ...]

    @property
    def ctr(self) -> float:
        """Share of answers with a click; denominator: served."""
        return self.clicked / self.visits if self.visits else 0.0


class Visitors:
    """The people of a simulated shop at the door of a service."""

    def __init__(self, shopper: Shopper, *, base_url: str, api_key: str, k: int = 20) -> None:
        self._shopper = shopper
        self._k = k
        self._client = httpx2.Client(base_url=base_url, headers={"X-API-Key": api_key}, timeout=5.0)

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def ask(self, visit: Visit, *, traffic: str = "user") -> Mapping[str, Any]:
        """Ask for a list for one visit; raises :class:`Failed` when the service does not answer 200."""
        answer = self._post("/v1/recommend", self._request(visit) | {"traffic": traffic})
        if answer.status_code != 200:
            raise Failed(f"the service answered {answer.status_code}: {answer.text[:200]}")
        found: Mapping[str, Any] = answer.json()
        return found

    def until(self, good: Callable[[Mapping[str, Any]], bool], *, calm: int = 20, patience_s: float = 30.0) -> float:
        """Ask until ``calm`` answers in a row are good; returns when the first of them came, on the monotonic clock.

        Every worker must have moved, so one good answer proves nothing. Raises :class:`Failed` when patience runs out.
        """
        visit = self._shopper.next_visit()
        deadline = time.monotonic() + patience_s
        in_a_row, since = 0, 0.0
        while in_a_row < calm:
            answer = self.ask(visit, traffic="internal")  # a probe is no user
            now = time.monotonic()
            if now > deadline:
                raise Failed(f"the service did not follow within {patience_s:.0f} s")
            if not good(answer):
                in_a_row = 0
                continue
            since = since if in_a_row else now
            in_a_row += 1
        return since

    def come(self, visits: int, *, advance: Advance = lambda _visits: None) -> Traffic:
        """Let people come one after another; each looks at the answer as the shop's truth says, and clicks."""
        empty = failed = clicked = 0
        generations: set[int] = set()
        rungs: set[str] = set()
        waiting: list[dict[str, Any]] = []
        for _ in range(visits):
            advance(1)
            visit = self._shopper.next_visit()
            try:
                answer = self.ask(visit)
            except Failed:
                failed += 1
                continue
            generations.add(answer["meta"]["generation"])
            rungs.add(answer["meta"]["rung"])
            shown = [item["item_id"] for item in answer["items"]]
            reactions = self._shopper.react(visit, shown)
            empty += not shown
            clicked += bool(reactions)
            waiting += [self._outcome(visit, answer["meta"], reaction) for reaction in reactions]
            if len(waiting) >= 200:
                self.send(waiting)
                waiting = []
        self.send(waiting)
        return Traffic(
            visits=visits,
            empty=empty,
            failed=failed,
            clicked=clicked,
            generations=tuple(sorted(generations)),
            rungs=tuple(sorted(rungs)),
        )

    def _request(self, visit: Visit) -> dict[str, Any]:
        now = time.time()
        history = [
            {"item_id": past.item_id, "event_type": past.event_type, "ts": rfc3339(now - past.seconds_ago)}
            for past in visit.history
        ]
        user: dict[str, Any] = {
            "anonymous_id": visit.anonymous_id,
            "session_id": visit.session_id,
            "history": history,
        }
        if visit.user_id is not None:
            user["user_id"] = visit.user_id
        request: dict[str, Any] = {
            "surface": visit.surface,
            "k": self._k,
            "user": user,
            "context": {"device": visit.device, "country": _COUNTRY},
        }
        if visit.anchor is not None:
            request["anchors"] = {"item_ids": [visit.anchor]}
        return request

    def _outcome(self, visit: Visit, meta: Mapping[str, Any], reaction: Reaction) -> dict[str, Any]:
        outcome = {
            "request_id": meta["request_id"],
            "item_id": reaction.item_id,
            "event_type": reaction.event_type,
            "ts": rfc3339(time.time()),
            "event_id": str(uuid.uuid4()),
            "anonymous_id": visit.anonymous_id,
            "session_id": visit.session_id,
            "surface": visit.surface,
            "rank": reaction.rank,
        }
        optional = {"user_id": visit.user_id, "value": reaction.value, "quantity": reaction.quantity}
        return outcome | {name: value for name, value in optional.items() if value is not None}

    def send(self, outcomes: list[dict[str, Any]]) -> None:
        """Send outcomes, as the events of contract §5; raises :class:`Failed` when they are not taken."""
        if not outcomes:
            return
        answer = self._post("/v1/events", outcomes)
        if answer.status_code >= 300:
            raise Failed(f"the service did not take the outcomes: {answer.status_code} {answer.text[:200]}")

    def _post(self, path: str, document: object) -> httpx2.Response:
        try:
            return self._client.post(path, json=document)
        except httpx2.HTTPError as error:
            raise Failed(f"the service did not answer {path}: {error}") from error
