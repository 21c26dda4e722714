"""What the engine raises reaches the caller as ours, whenever in a query it happens."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from recsys.pipelines.engine import Engine, EngineFailed, open_engine

FETCHES: list[Callable[[Engine], object]] = [lambda e: e.rows("SELECT 1"), lambda e: e.arrays("SELECT 1")]


def failing(error: Exception) -> Engine:
    """An engine whose queries begin well and fail while their result is fetched."""

    def fail() -> Any:
        raise error

    result = SimpleNamespace(fetchall=fail, fetchnumpy=fail)
    return Engine(SimpleNamespace(execute=lambda _sql, _values: result))  # type: ignore[arg-type]


@pytest.mark.parametrize("fetch", FETCHES)
@pytest.mark.parametrize("error", [RuntimeError("Query interrupted"), duckdb.InterruptException("INTERRUPT")])
def test_ctrl_c_while_a_result_is_fetched_is_ctrl_c(fetch: Callable[[Engine], object], error: Exception) -> None:
    with pytest.raises(KeyboardInterrupt):
        fetch(failing(error))


@pytest.mark.parametrize("fetch", FETCHES)
def test_a_failure_while_a_result_is_fetched_is_the_engines(fetch: Callable[[Engine], object]) -> None:
    with pytest.raises(EngineFailed, match="no room"):
        fetch(failing(duckdb.OutOfMemoryException("no room")))


def test_what_stops_one_of_several_jobs_is_told_while_the_others_are_at_work(tmp_path):
    def job(connected, number):
        if number == 0:
            time.sleep(0.2)  # the others have begun
            raise KeyboardInterrupt
        connected.run("SELECT count(*) FROM range(3000000000) AS t(n) WHERE hash(n) = 1")

    with open_engine(folder=tmp_path, threads=4) as engine, pytest.raises(KeyboardInterrupt):
        engine.each(job, range(8))
