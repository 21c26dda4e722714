"""What the service did and users did with it, read from the exposure and outcome logs.

The logs are the store's, and this host's spool where it can be seen: what a service wrote in the last seconds is not in
the store yet. Reading them needs no service.
"""

import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from recsys.encoding import decode
from recsys.events.layout import Stream, event_files, utc_day
from recsys.events.schemas import Decision
from recsys.store import Store

__all__ = [
    "ArmDay",
    "Clicks",
    "Day",
    "Experiment",
    "GenerationStats",
    "JoinDay",
    "Joins",
    "Observed",
    "Sample",
    "Speed",
]

_LARGEST_LINE_BYTES = 32 << 20
MEMORY_LIMIT, THREADS = "1GB", 2
"""What one reading may take of a host that answers people meanwhile; it spills to the disk what memory does not hold.
"""
_LOOKS = 10
"""How often a spool whose files move is looked at again; each file moves twice in its life."""
_EXPOSURE_COLUMNS = (
    "{request_id:'VARCHAR', ts:'TIMESTAMP', user_id:'VARCHAR', context:'MAP(VARCHAR, VARCHAR)', "
    "items:'STRUCT(item_id VARCHAR)[]', latency_ms:'DOUBLE', decision:'JSON'}"
)
_OUTCOME_COLUMNS = "{request_id:'VARCHAR', item_id:'VARCHAR', event_type:'VARCHAR', ts:'TIMESTAMP', event_id:'VARCHAR'}"


class GenerationStats(msgspec.Struct, frozen=True, kw_only=True):
    """What one generation answered on one surface, to users. Times are seconds since 1970."""

    surface: str
    generation: int
    answers: int
    empties: int
    fallbacks: int
    floors: int
    clicked: int
    p99_ms: float | None
    first_s: float
    last_s: float

    @property
    def empty_rate(self) -> float:
        """Share of answers without an item."""
        return self.empties / self.answers

    @property
    def fallback_rate(self) -> float:
        """Share of answers from another rung than ``live``."""
        return self.fallbacks / self.answers

    @property
    def ctr(self) -> float:
        """Share of answers with at least one click or conversion on them; denominator: served."""
        return self.clicked / self.answers


class Clicks(msgspec.Struct, frozen=True, kw_only=True):
    """How often people clicked. ``variance`` is that of ``rate``, by person: a person's answers are not independent."""

    people: int
    answers: int
    clicked: int
    variance: float

    @property
    def rate(self) -> float:
        """Share of answers with at least one click or conversion on them; denominator: served."""
        return self.clicked / self.answers if self.answers else 0.0


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How long one host took to answer from one generation, by its own clock, in milliseconds; ``first_s`` is when it
    began to, in seconds since 1970.
    """

    generation: int
    host: str
    answers: int
    median_ms: float
    p99_ms: float
    first_s: float


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered on one UTC day, and how much of it was clicked on."""

    day: str
    answers: int
    clicked: int


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered within one hour (UTC) that began at ``began_s``, seconds since 1970."""

    began_s: float
    answers: int
    empties: int
    fallbacks: int
    p99_ms: float | None


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment or a candidate as answers tell of it: its variants by name, and by what units are told apart."""

    experiment_id: str
    variants: tuple[str, ...]
    unit: str
    answers: int


class Joins(msgspec.Struct, frozen=True, kw_only=True):
    """``outcomes_matched`` is the share of outcomes whose exposure exists; ``None`` without outcomes."""

    exposures: int
    outcomes: int
    outcomes_matched: float | None


class JoinDay(msgspec.Struct, frozen=True, kw_only=True):
    """How well the outcomes of one UTC day find their exposures, and how many exposures of the day have an outcome."""

    day: str
    exposures: int
    exposures_acted_on: int
    outcomes: int
    matched: int

    @property
    def outcomes_matched(self) -> float | None:
        """Share of outcomes whose exposure exists; ``None`` without outcomes."""
        return self.matched / self.outcomes if self.outcomes else None

    @property
    def exposures_with_outcome(self) -> float | None:
        """Share of exposures that anything was done with; ``None`` without exposures."""
        return self.exposures_acted_on / self.exposures if self.exposures else None


class ArmDay(msgspec.Struct, frozen=True, kw_only=True):
    """How many units came to one arm on one UTC day; ``crossed`` of them were seen in other arms as well."""

    day: str
    arm: str
    units: int
    crossed: int


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One answer as it was given, with what is needed to compute it again."""

    request_id: str
    item_ids: tuple[str, ...]
    decision: Decision


class Observed:
    """One tenant's logs since a moment. A context manager: it holds an engine and copies of remote files.

    The engine takes :data:`THREADS` cores and :data:`MEMORY_LIMIT`, and spills what that does not hold.

    Parameters
    ----------
    store
        Where the logs are; without one, this host's spool is all there is.
    since_s
        Only answers from this moment on, seconds since 1970.
    spool
        This host's spool directory, where there is one: what is not shipped yet.
    decisions
        Whether decision records are kept: without them no answer can be sampled, and weeks of logs fit.
    """

    def __init__(
        self, store: Store | None, tenant: str, *, since_s: float, spool: Path | None = None, decisions: bool = True
    ) -> None:
        self._store, self.tenant, self._spool, self._day = store, tenant, spool, utc_day(since_s)
        self._copies = tempfile.TemporaryDirectory(prefix="recsys-observed-")
        self._found: dict[Stream, tuple[Path, ...]] = {}
        import duckdb  # an eighth of what the command line takes to start, for status and doctor alone

        spill = str(Path(self._copies.name) / "spill")
        limits: dict[str, str | bool | int | float | list[str]] = {"memory_limit": MEMORY_LIMIT, "threads": THREADS}
        self._engine = duckdb.connect(":memory:", config={**limits, "temp_directory": spill})
        decision = "decision" if decisions else "cast(null as json)"
        exposures = self._source("exposures", _EXPOSURE_COLUMNS)
        outcomes = self._source("outcomes", _OUTCOME_COLUMNS)
        self._engine.execute(_sql("shown").format(exposures=exposures, since_s=float(since_s), decision=decision))
        self._engine.execute(_sql("acted").format(outcomes=outcomes, since_s=float(since_s)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._engine.close()
        self._copies.cleanup()

    @property
    def store(self) -> Store:
        """Return the store these logs are of."""
        assert self._store is not None, "only a spool is read here"
        return self._store

    def generations(self, surface: str | None = None) -> tuple[GenerationStats, ...]:
        """Return what each generation answered, oldest first."""
        cursor = self._engine.execute(_sql("generations"))
        names = [column[0] for column in cursor.description]
        rows = (GenerationStats(**dict(zip(names, row, strict=True))) for row in cursor.fetchall())
        return tuple(row for row in rows if surface is None or row.surface == surface)

    def clicks(self, surface: str, generations: Sequence[int]) -> Clicks:
        """Return how often people clicked on what these generations showed them.

        The variance of the ratio is by the delta method over people (Deng, Knoblich & Lu 2018, "Applying the delta
        method in metric analytics", section 3).
        """
        row = self._engine.execute(_sql("clicks"), {"surface": surface, "generations": list(generations)}).fetchall()[0]
        people, answers, clicked, clicked_squared, clicked_answers, answers_squared = (int(value) for value in row)
        variance = 0.0
        if people > 1:
            rate = clicked / answers
            spread = clicked_squared - 2 * rate * clicked_answers + rate * rate * answers_squared
            variance = people / (people - 1) * spread / (answers * answers)
        return Clicks(people=people, answers=answers, clicked=clicked, variance=variance)

    def coverage(self, surface: str, generations: Sequence[int], *, answers: int) -> int:
        """Return how many different items so many answers of these generations showed, the same answers every time."""
        asked = {"surface": surface, "generations": list(generations), "size": answers}
        return int(self._engine.execute(_sql("coverage"), asked).fetchall()[0][0])

    def days(self, surface: str, generations: Sequence[int]) -> tuple[Day, ...]:
        """Return what these generations answered day by day, oldest first."""
        asked = {"surface": surface, "generations": list(generations)}
        rows = self._engine.execute(_sql("days"), asked).fetchall()
        return tuple(Day(day=str(day), answers=answers, clicked=clicked) for day, answers, clicked in rows)

    def hours(self, surface: str) -> tuple[Hour, ...]:
        """Return what was answered hour by hour, oldest first; an hour without answers is left out."""
        cursor = self._engine.execute(_sql("hours"), {"surface": surface})
        names = [column[0] for column in cursor.description]
        return tuple(Hour(**dict(zip(names, row, strict=True))) for row in cursor.fetchall())

    def speeds(self, surface: str) -> tuple[Speed, ...]:
        """Return how long each host took by generation, oldest first."""
        cursor = self._engine.execute(_sql("speeds"), {"surface": surface})
        names = [column[0] for column in cursor.description]
        return tuple(Speed(**dict(zip(names, row, strict=True))) for row in cursor.fetchall())

    def experiments(self, surface: str) -> tuple[Experiment, ...]:
        """Return the experiments and candidates that answers of a surface took part in, the one with most first."""
        rows = self._engine.execute(_sql("experiments"), {"surface": surface}).fetchall()
        return tuple(
            Experiment(experiment_id=name, variants=tuple(variants), unit=unit, answers=answers)
            for name, variants, unit, answers in rows
        )

    def files(self, stream: Stream) -> tuple[Path, ...]:
        """Return copies of a stream's files of the days looked at, which are there until this is closed."""
        if stream not in self._found:
            self._found[stream] = tuple(self._files(stream))
        return self._found[stream]

    def joins(self) -> Joins:
        """Return how well outcomes find their exposures."""
        exposures, outcomes, matched = self._engine.execute(_sql("joins")).fetchall()[0]
        return Joins(exposures=exposures, outcomes=outcomes, outcomes_matched=matched / outcomes if outcomes else None)

    def join_days(self) -> tuple[JoinDay, ...]:
        """Return how well outcomes find their exposures day by day, oldest first.

        What was done on the first day with an answer from before it finds nothing: read a day more than is shown.
        """
        cursor = self._engine.execute(_sql("join_days"))
        names = [column[0] for column in cursor.description]
        rows = (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
        return tuple(JoinDay(**{**row, "day": str(row["day"])}) for row in rows)

    def arms(self, surface: str, experiment: str, *, since_generation: int) -> tuple[ArmDay, ...]:
        """Return how many units each arm of an experiment or a candidate got, by the day on which they came.

        A unit counts once, for the arm of its first answer by this generation or a later one.
        """
        asked = {"surface": surface, "experiment": experiment, "since_generation": since_generation}
        rows = self._engine.execute(_sql("arms"), asked).fetchall()
        return tuple(ArmDay(day=str(day), arm=arm, units=units, crossed=crossed) for day, arm, units, crossed in rows)

    def sample(self, *, surface: str, generation: int, empty: bool | None = None, limit: int = 20) -> list[Sample]:
        """Return some recommendations of a generation, the same every time, and no answers of ``/v1/similar``.

        ``empty`` keeps those with or without items.
        """
        rows = self._engine.execute(
            _sql("sample"), {"surface": surface, "generation": generation, "empty": empty, "size": limit}
        ).fetchall()
        return [
            Sample(
                request_id=request_id,
                item_ids=tuple(items),
                decision=decode(decision, Decision, what="decision record"),
            )
            for request_id, items, decision in rows
        ]

    def recent(self, *, surface: str | None = None, limit: int = 20) -> list[tuple[str, Decision]]:
        """Return the newest requests of ``/v1/recommend`` by their ids, every surface in turn, whoever answered."""
        rows = self._engine.execute(_sql("recent"), {"surface": surface, "size": limit}).fetchall()
        return [(request_id, decode(decision, Decision, what="decision record")) for request_id, decision in rows]

    def acted_on(self, request_ids: Sequence[str]) -> dict[str, frozenset[str]]:
        """Return the items that users clicked or took of these answers, by request id."""
        rows = self._engine.execute(_sql("acted_on"), {"request_ids": list(request_ids)}).fetchall()
        return {request_id: frozenset(items) for request_id, items in rows}

    def _source(self, stream: Stream, columns: str) -> str:
        found = [str(path) for path in self.files(stream)]
        if not found:
            typed = [*re.findall(r"(\w+):'([^']+)'", columns), ("filename", "VARCHAR")]
            nothing = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in typed)
            return f"(select {nothing} where false)"
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in found)
        return (
            f"read_json([{listed}], format='newline_delimited', columns={columns}, "
            f"maximum_object_size={_LARGEST_LINE_BYTES}, ignore_errors=true, filename=true)"
        )

    def _files(self, stream: Stream) -> Iterator[Path]:
        prefix = f"events/{self.tenant}/{stream}/"
        shipped = set()
        for key in self._store.objects.keys(prefix) if self._store is not None else ():
            if key[len(prefix) :] >= f"dt={self._day}/":
                copy = self._copy(key.removeprefix("events/"))
                self.store.objects.fetch(key, copy)
                shipped.add(key.removeprefix("events/"))
                yield copy
        if self._spool is not None:
            yield from self._spooled(self._spool, stream, without=shipped)

    def _copy(self, place: str) -> Path:
        """Return where a file's copy goes: in a folder of its day, under its own name, which tells the host."""
        copy = Path(self._copies.name, place)
        copy.parent.mkdir(parents=True, exist_ok=True)
        return copy

    def _spooled(self, spool: Path, stream: Stream, *, without: Collection[str]) -> list[Path]:
        """Take this host's files as they are now, but for those that the store has. A running service moves them on
        under our feet: then look again.
        """
        for _ in range(_LOOKS):
            held: list[Path] = []
            try:
                for file in event_files(spool, tenant=self.tenant, stream=stream):
                    if file.day >= self._day and file.place not in without:
                        copy = self._copy(file.place)
                        shutil.copyfile(file.path, copy)
                        if file.growing:
                            _cut_torn_line(copy)
                        held.append(copy)
            except FileNotFoundError:
                continue
            return held
        return held


def _cut_torn_line(path: Path) -> None:
    """Leave the last line out while its writer is in the middle of it."""
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        path.write_bytes(data[: data.rfind(b"\n") + 1])


def _sql(name: str) -> str:
    return files("recsys.events").joinpath("sql", f"{name}.sql").read_text()
