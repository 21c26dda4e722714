"""A synthetic log of what was shown and done, of any size, for benchmarks of evaluation: Parquet, and it as JSONL.

DuckDB alone makes it, each row from its own number, so the same shape gives the same rows anywhere. What the metrics
come to is known without evaluating anything: :func:`truth`.
"""

import shutil
from collections import Counter
from math import log2
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Literal

import msgspec

from recsys.encoding import canonical, decode
from recsys.errors import Failed, UsageError
from recsys.lab.bench.history import SQL
from recsys.progress import Progress, silent

if TYPE_CHECKING:
    import duckdb

__all__ = ["CONFIG", "SLICE_KEYS", "Log", "LogShape", "Mode", "Truth", "make_log", "truth"]

Mode = Literal["offline", "experiment", "ope"]

SLICE_KEYS = ("surface", "segment", "country")
CONFIG = {
    "offline": {"metrics": [{"name": "ndcg", "k": 10}, {"name": "ctr"}], "slice_keys": list(SLICE_KEYS)},
}
"""What the benchmark asks: the two metrics, over every value of the keys."""

_STRETCH = 1_000_000
"""Exposures or outcomes of one file: ten million need no more memory than these."""
_CATALOGUE = 100_000
_DAY_S = 86_400
_DAYS = 14
_START_S = 1_793_491_200  # 2026-11-01, so that no clock enters
_BYTES = {"parquet": 90, "jsonl": 700}
"""Of an exposure with ten items and its outcomes, generously: what must be free on the disk."""
_MORE: dict[Mode, tuple[str, str]] = {
    "offline": ("", ""),
    # Half of the units are in each arm.
    "experiment": (
        "",
        ", 'experiment_id': 'bench', 'unit_id': 'user-' || person::VARCHAR, 'unit_type': 'user_id', "
        "'experiment_variant': CASE WHEN hash(person + ${salt} + 2) % 2 = 0 THEN 'control' ELSE 'candidate' END",
    ),
    # The target policy moves what the logging policy did by a fifth, up or down.
    "ope": (
        ", 'propensity': 0.5, 'target_propensity': CASE WHEN (luck >> place) % 2 = 0 THEN 0.4 ELSE 0.6 END",
        "",
    ),
}
"""What a mode needs besides, in SQL: in each item, and in the context."""


class LogShape(msgspec.Struct, frozen=True, kw_only=True):
    """What a log is made by. ``items``: of each list. ``slices``: values of all slice keys together."""

    exposures: int
    outcomes: int
    items: int = 10
    slices: int = 48
    mode: Mode = "offline"
    seed: int = 1

    @property
    def values(self) -> tuple[int, int, int]:
        """How many values each slice key has: of 48 an eighth are surfaces, a quarter segments, the rest countries."""
        surfaces, segments = max(1, self.slices // 8), max(1, self.slices // 4)
        return surfaces, segments, self.slices - surfaces - segments

    @property
    def acted(self) -> int:
        """How many requests are acted on: five for every six outcomes."""
        return self.outcomes // 6 * 5

    def check(self) -> None:
        """Raise :class:`UsageError` for a shape that no log has."""
        if self.slices < len(SLICE_KEYS):
            raise UsageError(f"--slices {self.slices} is too few", next_step=f"at least {len(SLICE_KEYS)}, one a key")
        if self.outcomes < 600 or self.outcomes % 6:
            next_step = "at least 600, and a multiple of 6: they come in rows of six"
            raise UsageError(f"--outcomes {self.outcomes} cannot be made", next_step=next_step)
        if self.acted > self.exposures:
            next_step = f"at most {self.exposures * 6 // 5}: five requests are acted on for every six outcomes"
            raise UsageError(f"--outcomes {self.outcomes} are too many", next_step=next_step)
        if not 3 <= self.items <= 1000:
            raise UsageError(f"--items {self.items} is no length of a list", next_step="3 to 1000")


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """Where it lies: ``folder`` has ``exposures-*`` and ``outcomes-*`` with the ending of each kind."""

    folder: Path
    shape: LogShape

    def files(self, role: str, kind: str) -> str:
        """Return the glob of a role's files."""
        return str(self.folder / f"{role}-*.{kind}")

    def size_bytes(self, kind: str) -> int:
        return sum(path.stat().st_size for path in self.folder.glob(f"*.{kind}"))

    def dataset(self, kind: str) -> dict[str, dict[str, str]]:
        """Return the dataset of an evaluation of it."""
        return {role: {"type": kind, "path": self.files(role, kind)} for role in ("exposures", "outcomes")}


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What the metrics over all requests are."""

    ndcg: float
    ctr: float


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds: written last, so that half a log is not taken for one."""

    shape: LogShape
    kinds: tuple[str, ...]


def make_log(
    shape: LogShape, folder: Path, *, kinds: tuple[str, ...] = ("parquet",), progress: Progress = silent
) -> Log:
    """Write the files below ``folder``, or take those that are there. Parquet is always written; JSONL is made of it.

    Raises
    ------
    UsageError
        For a shape that no log has.
    Failed
        When the folder holds another log, or the disk has too little room.
    """
    shape.check()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = ("parquet", *(kind for kind in kinds if kind != "parquet"))
    note = folder / "shape.json"
    there: tuple[str, ...] = ()
    if note.exists():
        found = decode(note.read_bytes(), _Made, what=str(note))
        if found.shape != shape:
            raise Failed(f"{folder} holds a log of another shape", next_step="name another folder, or remove it")
        there = found.kinds
    missing = [kind for kind in wanted if kind not in there]
    _check_room(shape, folder, missing)
    for kind in missing:
        _write(shape, folder, kind, progress)
        there = (*there, kind)
        note.write_bytes(canonical(_Made(shape=shape, kinds=there)))
    return Log(folder=folder, shape=shape)


def _check_room(shape: LogShape, folder: Path, kinds: list[str]) -> None:
    needed = sum(_BYTES[kind] * shape.exposures * shape.items // 10 for kind in kinds)
    free = shutil.disk_usage(folder).free
    if needed > 0.9 * free:
        raise Failed(
            f"the log needs about {needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free",
            next_step="name a folder on a larger disk, or ask for fewer --exposures",
        )


def _write(shape: LogShape, folder: Path, kind: str, progress: Progress) -> None:
    import duckdb

    counts = {"exposures": shape.exposures, "outcomes": shape.outcomes}
    with duckdb.connect() as db, progress(f"writing {kind}", total=sum(counts.values())) as advance:
        db.execute("SET TimeZone = 'UTC'")
        db.execute(_filled("log_words", _holes(shape)))
        for role, count in counts.items():
            for first in range(0, count, _STRETCH):
                last = min(first + _STRETCH, count)
                to = folder / f"{role}-{first // _STRETCH:05d}"
                if kind == "jsonl":
                    _rewrite(db, to)
                else:
                    # A table is read by all threads, a range by one.
                    db.execute(
                        "CREATE OR REPLACE TEMP TABLE stretch AS SELECT n FROM range(?::BIGINT, ?::BIGINT) AS r (n)",
                        [first, last],
                    )
                    select = _filled(f"log_{role}", _holes(shape))
                    db.execute(f"COPY ({select}) TO {_quoted(to, 'parquet')} (FORMAT parquet, COMPRESSION zstd)")
                advance(last - first)


def _rewrite(db: "duckdb.DuckDBPyConnection", path: Path) -> None:
    moment = "strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
    select = f"SELECT * REPLACE ({moment} AS ts) FROM {_quoted(path, 'parquet')}"  # noqa: S608 - our own path
    db.execute(f"COPY ({select}) TO {_quoted(path, 'jsonl')} (FORMAT json)")


def _quoted(path: Path, kind: str) -> str:
    return "'" + str(path.with_name(f"{path.name}.{kind}")).replace("'", "''") + "'"


def _holes(shape: LogShape) -> dict[str, object]:
    surfaces, segments, countries = shape.values
    of_item, of_context = _MORE[shape.mode]
    salt = shape.seed << 40  # above all numbers of rows and users
    return {
        "salt": salt,
        "catalogue": _CATALOGUE,
        "start_us": _START_S * 10**6,
        "step_us": _DAYS * _DAY_S * 10**6 // shape.exposures,
        "users": max(1, shape.exposures // 10),
        "items": shape.items,
        "surfaces": surfaces,
        "segments": segments,
        "countries": countries,
        "of_item": of_item,
        "of_context": of_context.replace("${salt}", str(salt)),
        "exposures": shape.exposures,
        "acted": shape.acted,
    }


def _filled(query: str, holes: dict[str, object]) -> str:
    return Template((SQL / f"{query}.sql").read_text(encoding="utf-8")).substitute(holes)


def truth(shape: LogShape, *, k: int = 10) -> Truth:
    """Work out the metrics from how ``log_outcomes.sql`` places what users do, six outcomes at a time.

    A click at place p of a request that has no other is worth 1/log2(p + 1); a click and a conversion, on two places,
    what both are worth over 1 + 1/log2(3); nothing past ``k``.
    """
    gains: Counter[float] = Counter()
    clicked = 0
    for visit in range(shape.outcomes // 6):
        lost = {0, 1, 2} if visit % 100 == 99 else set()
        places = [1 + (visit + step) % shape.items for step in range(6)]
        for step in set(range(4)) - lost:
            gains[_gain(places[step], k)] += 1
            clicked += 1
        gains[(_gain(places[4], k) + _gain(places[5], k)) / (1 + 1 / log2(3))] += 1
        clicked += 1
    return Truth(
        ndcg=sum(gain * count for gain, count in sorted(gains.items())) / shape.exposures,
        ctr=clicked / shape.exposures,
    )


def _gain(place: int, k: int) -> float:
    return 1 / log2(place + 1) if place <= k else 0.0
