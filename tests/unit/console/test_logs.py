"""Logs are read for pages one at a time, and once for all who ask for the same."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.unit.console.doors import Door

from recsys.events import observed

_LOGS = ("evaluation/logs?days=7", "evaluation/logs?days=28", "health/home/answered", "health/pdp/answered")


class Counted(observed.Observed):
    """Counts how many are open, and how many were."""

    turn = threading.Lock()
    now = most = opened = 0

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        with self.turn:
            Counted.now += 1
            Counted.opened += 1
            Counted.most = max(Counted.most, Counted.now)

    def __exit__(self, *args: Any) -> None:
        with self.turn:
            Counted.now -= 1
        super().__exit__(*args)


def test_one_reading_goes_on_at_a_time_and_is_kept_for_whoever_asks_for_the_same(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in ("evaluation", "surface"):
        monkeypatch.setattr(f"recsys.console.{page}.Observed", Counted)
    Counted.now = Counted.most = Counted.opened = 0
    door.sign_in("viewer")
    with ThreadPoolExecutor(len(_LOGS)) as people:
        for _ in range(2):
            answers = list(people.map(lambda path: door.client.get(f"/console/t/demo/{path}"), _LOGS))
            assert [answer.status_code for answer in answers] == [200] * len(_LOGS)
    assert (Counted.most, Counted.opened) == (1, len(_LOGS))


def test_a_reading_takes_a_bounded_part_of_the_host() -> None:
    with observed.Observed(None, "demo", since_s=0.0) as read:
        rows = read._engine.execute(
            "select name, value from duckdb_settings() where name in ('threads', 'memory_limit', 'temp_directory')"
        ).fetchall()
        told = dict(rows)
        assert (told["threads"], told["memory_limit"]) == ("2", "953.6 MiB")
        assert told["temp_directory"].startswith(read._copies.name)
