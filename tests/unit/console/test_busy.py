"""While somebody's question is answered: a few wait, and everything that is quick goes on."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from tests.unit.console.doors import Door

from recsys.operations import turn
from recsys.operations.turn import Line, in_turn
from recsys.serving.host_state import Places

_QUICK = ("/healthz", "/console/t/demo/rollback?lever=config", "/console/t/demo/holds", "/console/sign-in")
_ASKED = 40
"""More than a process has threads, however many cores there are."""


def test_slow_questions_that_wait_take_nothing_from_health_and_levers(door: Door) -> None:
    door.sign_in("operator")
    lists = "/console/t/demo/compare/lists?a=1&b=2"
    refused = threading.Semaphore(0)

    def ask(path: str) -> int:
        status = door.client.get(path).status_code
        if status == 503:
            refused.release()
        return int(status)

    with ThreadPoolExecutor(_ASKED + len(_QUICK)) as people:
        with in_turn(Places(door.settings.host_path), "doctor"):
            slow = [people.submit(ask, lists) for _ in range(_ASKED)]
            all_came = all(refused.acquire(timeout=10) for _ in range(_ASKED - 5))
            quick = wait([people.submit(ask, path) for path in _QUICK], timeout=10)
        statuses = sorted(one.result() for one in slow)
    assert all_came
    assert sorted(one.result() for one in quick.done) == [200] * len(_QUICK)
    assert statuses == [200] * 5 + [503] * (_ASKED - 5)


def test_who_is_not_answered_in_time_is_told_when_to_come_back(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "_preparing", Line(patience_s=0.01))
    door.sign_in("viewer")
    headers = {"HX-Request": "true"}
    with in_turn(Places(door.settings.host_path), "why"):
        part = door.client.get("/console/t/demo/compare/lists?a=1&b=2", headers=headers)
    assert (part.status_code, part.headers["retry-after"]) == (503, "10")
    assert "somebody else&#39;s question is being answered" in part.text
    assert "try again in a moment" in part.text
    assert "<html" not in part.text
