"""The split in time: who is asked about, what is known of them, and what they then took."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from recsys.errors import UsageError
from recsys.pipelines.engine import literal
from recsys.ranking.request import MAX_HISTORY

__all__ = ["Case", "Period", "Split", "Training", "read_cases", "read_training"]


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Days of one measurement, both included; everything computed for it sees only days before ``start``."""

    start: date
    end: date

    @property
    def trained_to(self) -> date:
        """Return the last day that what is measured here may know."""
        return self.start - timedelta(days=1)


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Training begins at ``start``; weights are fitted on ``validation``, figures are of ``test``, which follows it."""

    start: date
    validation: Period
    test: Period

    @classmethod
    def at(cls, *, start: date, train_end: date, validation_days: int, test_days: int) -> "Split":
        """Split after ``train_end``, the last day that the figures' artifacts may see.

        Raises ``UsageError`` when no day is left to train on before the validation window.
        """
        first = train_end - timedelta(days=validation_days - 1)
        if start >= first:
            raise UsageError(
                f"weights are fitted on {first} to {train_end}, and training starts on {start}, not before that",
                next_step="give an earlier --start, a later --train-end or fewer --validation-days",
            )
        return cls(
            start=start,
            validation=Period(start=first, end=train_end),
            test=Period(start=train_end + timedelta(days=1), end=train_end + timedelta(days=test_days)),
        )


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One customer: what they had before the period, newest first, and the first basket they took in it.

    ``history`` is the newest of it, as much as a request may bring; ``had`` is all of it.
    """

    who: int
    history: tuple[str, ...]
    had: frozenset[str]
    basket: frozenset[str]

    def new_only(self) -> "Case":
        """Return the case with only those items to find that the customer had not had before."""
        return replace(self, basket=self.basket - self.had)


def read_cases(folder: Path, period: Period, *, most: int, wanted: Sequence[str] = ()) -> list[Case]:
    """Read the cases of a period from the canonical events of an ingest in ``folder``.

    ``most``: at most this many, the same ones every time; their order is that of a hash, not of time. ``wanted``: the
    types of events whose items count as taken; none means all.
    """
    engine = _engine(folder)
    after = period.end + timedelta(days=1)
    condition = f"e.event_type IN ({', '.join(map(literal, wanted))})" if wanted else "true"
    statement = _statement("cases").format(start=period.start, end=after, most=MAX_HISTORY, wanted=condition)
    rows = engine.execute(statement).fetchall()
    cases = [
        Case(who=who, history=tuple(history), had=frozenset(had), basket=frozenset(basket))
        for who, history, had, basket in rows
    ]
    return cases[:most]


@dataclass(frozen=True)
class Training:
    """What references learn from: the events before a period, exactly those the pipelines see.

    Arrays of one entry an event, by customer and time: ``customer`` and ``basket`` count from 0, ``item`` is an index
    into ``items`` (ids, sorted), ``moment`` seconds since 1970, ``day`` days since 1970. ``number`` is each customer's
    number by their ``who``; ``last_day`` the last day of training.
    """

    items: list[str]
    customer: npt.NDArray[np.int64]
    basket: npt.NDArray[np.int64]
    item: npt.NDArray[np.int64]
    moment: npt.NDArray[np.float64]
    day: npt.NDArray[np.int64]
    number: dict[int, int]
    last_day: int

    @cached_property
    def index(self) -> dict[str, int]:
        """Return each item's place in ``items``."""
        return {item: place for place, item in enumerate(self.items)}


def read_training(folder: Path, period: Period, *, start: date) -> Training:
    """Read the events of days ``start`` to the day before the period."""
    rows = _engine(folder).execute(_statement("training").format(start=start, end=period.start)).fetchnumpy()
    items, item = np.unique(rows["item_id"].astype(str), return_inverse=True)
    return Training(
        items=[str(name) for name in items],
        customer=rows["customer"].astype(np.int64),
        basket=rows["basket"].astype(np.int64),
        item=item.astype(np.int64),
        moment=rows["moment"].astype(np.float64),
        day=rows["day"].astype(np.int64),
        number=dict(zip(rows["who"].tolist(), rows["customer"].tolist(), strict=True)),
        last_day=(period.trained_to - date(1970, 1, 1)).days,
    )


def _statement(name: str) -> str:
    return files("recsys.lab.bench.quality").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def _engine(folder: Path) -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect()
    events, people = literal(str(folder / "events/*/*.parquet")), literal(str(folder / "people.parquet"))
    engine.execute(
        f"CREATE VIEW canonical_events AS SELECT * FROM read_parquet({events}, hive_partitioning = false);"  # noqa: S608
        f"CREATE VIEW people AS SELECT * FROM read_parquet({people})"
    )
    return engine
