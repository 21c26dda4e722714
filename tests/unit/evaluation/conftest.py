"""A small log to write by hand, and the shortest way from it to a report."""

import copy
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recsys.evaluation import Report, evaluate

START = datetime(2026, 11, 22, 8, tzinfo=UTC)


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


class Log:
    """Rows of each role, kept in order; ``run`` writes them as JSONL and evaluates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, list[dict[str, Any]]] = {"exposures": [], "outcomes": [], "ranklists": []}

    def show(
        self, request: str, items: Iterable[str], *, user: str | None = "", minute: float = 0, **more: Any
    ) -> None:
        row = {"request_id": request, "ts": at(minute), "items": ranked(items), "user_id": user or f"user of {request}"}
        if user is None:
            del row["user_id"]
        self.rows["exposures"].append(row | more)

    def act(self, request: str, item: str, kind: str = "click", *, minute: float = 1, **more: Any) -> None:
        row = {"request_id": request, "item_id": item, "event_type": kind, "ts": at(minute)}
        self.rows["outcomes"].append(row | more)

    def rank(self, request: str, items: Iterable[str], *, ranker: str = "candidate") -> None:
        self.rows["ranklists"].append({"request_id": request, "ranker": ranker, "items": ranked(items)})

    def fill(self, other: "Log") -> None:
        """Take the rows of another log; what is done to them here leaves the other as it is."""
        self.rows = copy.deepcopy(other.rows)

    def dataset(self) -> dict[str, Any]:
        found = {}
        for role, rows in self.rows.items():
            if rows or role != "ranklists":
                path = self.folder / f"{role}.jsonl"
                path.write_text("".join(json.dumps(row) + "\n" for row in rows))
                found[role] = {"type": "jsonl", "path": str(path)}
        return found

    def run(self, *metrics: str, baseline: Report | None = None, **config: Any) -> Report:
        offline = {"metrics": [metric(name) for name in metrics or ("ndcg@10",)]} | config.pop("offline", {})
        return evaluate(
            dataset=self.dataset(),
            config={"offline": offline, **config},
            baseline=baseline,
            allow_no_baseline=baseline is None,
        )


def ranked(items: Iterable[str]) -> list[dict[str, Any]]:
    return [{"item_id": item, "rank": rank} for rank, item in enumerate(items, start=1)]


def metric(label: str) -> dict[str, Any]:
    """``ndcg@10`` and ``ctr:viewed`` as the config spells them."""
    name, _, k = label.partition("@")
    if k:
        return {"name": name, "k": int(k)}
    name, _, denominator = label.partition(":")
    return {"name": name, "denominator": denominator} if denominator else {"name": name}


class Read:
    @staticmethod
    def value(report: Report, label: str, over: str = "served") -> float | None:
        (found,) = [m for m in report.offline.metrics if (m.metric, m.over) == (label, over)]
        return found.value

    @staticmethod
    def check(report: Report, name: str) -> Any:
        (found,) = [check for check in report.integrity if check.name == name]
        return found

    @staticmethod
    def dropped(report: Report) -> dict[str, int]:
        return {drop.reason: drop.outcomes for drop in report.drops if drop.outcomes}


@pytest.fixture(scope="session")
def new_log(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Log]:
    """Makes empty logs, for what a module's tests share; a test by itself takes ``log``."""
    return lambda: Log(tmp_path_factory.mktemp("log"))


@pytest.fixture
def log(new_log: Callable[[], Log]) -> Log:
    return new_log()


@pytest.fixture(scope="session")
def read() -> type[Read]:
    return Read


@pytest.fixture
def tiny(log: Log) -> Log:
    """The example whose figures are written down: r1[i1,i2,i3], r2[i2,i1], relevance r1:{i2}."""
    log.show("r1", ["i1", "i2", "i3"], context={"surface": "home"})
    log.show("r2", ["i2", "i1"], context={"surface": "pdp"})
    log.act("r1", "i2")
    return log
