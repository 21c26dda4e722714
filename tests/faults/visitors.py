"""Visitors of a shop who ask and click while its service dies under them, and what they were promised."""

import http.client
import random
import threading
from collections.abc import Callable
from pathlib import Path

from tests.faults.crowds import post

from recsys.events import Exposure, Outcome, event_files, read_events, read_spool

__all__ = ["Promised", "Visitors"]

_TS = "2026-11-22T12:00:00Z"
_PAUSE_S = 0.02
"""Between two tries of a visitor who finds nobody there."""


class Promised:
    """What was answered: ids of events that were acknowledged, and of answers whose exposure must be there."""

    def __init__(self) -> None:
        self.events: set[str] = set()
        self.answers: set[str] = set()
        self.again = 0
        """Events that were acknowledged more than once: sent again by someone who had not heard, or just so."""
        self.refused = 0
        self.odd: list[str] = []
        """Answers that nobody may get: neither 200, nor 503 with its Retry-After, nor a broken connection."""

    def broken(self, files: Path) -> list[str]:
        """Hold the promises against the event files below a folder: each event exactly once, each answer recorded."""
        found = [str(one.event_id) for one in read_spool(files, Outcome, tenant="demo")]
        shown = [one.request_id for one in read_spool(files, Exposure, tenant="demo")]
        wrong = [f"event {one} was acknowledged and is not there" for one in sorted(self.events - set(found))]
        wrong += [f"answer {one} is not recorded" for one in sorted(self.answers - set(shown))]
        if len(found) != len(set(found)):
            wrong.append("a reader is given an event twice")
        return wrong + self.odd

    @staticmethod
    def written(files: Path) -> int:
        """Return how many outcomes are in the files, those that were sent again counted again."""
        return sum(1 for _ in read_events(event_files(files, tenant="demo", stream="outcomes"), Outcome, once=False))


class Visitors:
    """``writers`` threads that ask and click until the block ends.

    Clicks that were not acknowledged are sent again, as are some
    that were. ``room()`` gives a number that is even while there is room on the disk: an answer that began or ended
    without is served, and may be unrecorded.
    """

    def __init__(
        self, url: str, key: str, *, seed: int, writers: int = 16, room: Callable[[], int] = lambda: 0
    ) -> None:
        self.promised = Promised()
        self._host, self._key, self._room = url.removeprefix("http://"), key, room
        self._done = threading.Event()
        self._turn = threading.Lock()
        self._threads = [threading.Thread(target=self._visit, args=(seed, n)) for n in range(writers)]

    def __enter__(self) -> Promised:
        for thread in self._threads:
            thread.start()
        return self.promised

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _visit(self, seed: int, writer: int) -> None:
        dice = random.Random(f"{seed} {writer}")
        waiting: list[str] = []
        known: list[str] = []
        turn = 0
        connection = http.client.HTTPConnection(self._host, timeout=30)
        while not self._done.is_set():
            if not waiting:
                waiting = [f"e{writer}-{turn}-{n}" for n in range(dice.randint(1, 3))]
                turn += 1
            sent = waiting + ([dice.choice(known)] if known and dice.random() < 0.1 else [])
            if self._clicked(connection, sent):
                known += waiting
                waiting = []
            self._asked(connection)
            if connection.sock is None:
                self._done.wait(_PAUSE_S)
        connection.close()

    def _clicked(self, connection: http.client.HTTPConnection, ids: list[str]) -> bool:
        click = {"request_id": "r", "item_id": "a-000", "event_type": "click", "ts": _TS}
        told = post(connection, "/v1/events", [{**click, "event_id": one} for one in ids], self._key)
        with self._turn:
            self._note(told.status, told.headers, str(told))
            if told.status == 200:
                self.promised.again += len(self.promised.events & set(ids))
                self.promised.events.update(ids)
        return told.status == 200

    def _asked(self, connection: http.client.HTTPConnection) -> None:
        before = self._room()
        told = post(connection, "/v1/recommend", {"surface": "home", "k": 3}, self._key)
        with self._turn:
            self._note(told.status, told.headers, str(told))
            if told.status == 200 and before == self._room() and before % 2 == 0:
                self.promised.answers.add(told.request_id)

    def _note(self, status: int, headers: dict[str, str], said: str) -> None:
        if status == 503 and "retry-after" in headers:
            self.promised.refused += 1
        elif status not in (0, 200):
            self.promised.odd.append(f"an answer that nobody may get: {said}")
