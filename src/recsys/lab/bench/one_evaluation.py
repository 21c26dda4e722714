"""One evaluation of a log, or the bare query for the same numbers, in a process of its own that says what it found."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from string import Template
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from recsys.evaluation.engine import MEMORY_LIMIT, literal
from recsys.lab.bench.history import SQL
from recsys.lab.bench.log import CONFIG, SLICE_KEYS, Log
from recsys.lab.bench.watched import Watched, watched
from recsys.progress import Advance

__all__ = ["Figure", "Figures", "Job", "run_job"]


class Figure(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What was found of all requests (``key`` and ``value`` are empty) or of a slice."""

    key: str
    value: str
    requests: int
    ndcg: float
    ctr: float

    @property
    def where(self) -> tuple[str, str]:
        return self.key, self.value


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """``figures`` by key and value, all requests first; ``took_s`` by stage."""

    figures: tuple[Figure, ...] = ()
    took_s: dict[str, float] = {}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Who works (``evaluation`` or ``query``), on which kind of files (``parquet`` or ``jsonl``)."""

    who: str
    kind: str
    log: Log


def run_job(job: Job) -> tuple[Watched, Figures]:
    """Run it in a process of its own."""
    text = msgspec.json.encode(job, enc_hook=str).decode()
    done = watched([sys.executable, "-m", "recsys.lab.bench.one_evaluation", text])
    return done, msgspec.json.decode(done.output, type=Figures)


def _evaluation(job: Job) -> Figures:
    from recsys.evaluation import evaluate

    took_s: dict[str, float] = {}

    @contextmanager
    def timed(stage: str, *, total: int | None = None) -> Iterator[Advance]:  # noqa: ARG001 - the port's signature
        began = time.monotonic()
        yield lambda _units: None
        took_s[stage] = round(time.monotonic() - began, 3)

    config = _CONFIGS[job.log.shape.mode]
    report = evaluate(dataset=job.log.dataset(job.kind), config=config, allow_no_baseline=True, progress=timed)
    began = time.monotonic()
    report.to_json()
    took_s["write"] = round(time.monotonic() - began, 3)
    if report.offline is None:
        return Figures(took_s=took_s)
    found = [_figure("", "", report.offline.metrics)]
    found += sorted(_figure(each.key, each.value, each.metrics) for each in report.offline.slices)
    return Figures(figures=tuple(found), took_s=took_s)


def _figure(key: str, value: str, metrics: tuple[Any, ...]) -> Figure:
    ndcg, ctr = (
        next(one for one in metrics if (one.metric, one.over) == (name, "served")) for name in ("ndcg@10", "ctr:served")
    )
    return Figure(key=key, value=value, requests=ndcg.requests, ndcg=ndcg.value, ctr=ctr.value)


_CONFIGS: dict[str, dict[str, Any]] = {
    "offline": CONFIG,
    "experiment": {
        "mode": "experiment",
        "experiment": {
            "experiment_id": "bench",
            "unit": "user_id",
            "primary_metrics": ["ctr"],
            "guardrails": [{"metric": "latency_p99", "margin": 5.0}],
            "slice_keys": list(SLICE_KEYS),
        },
    },
    "ope": {"mode": "ope", "ope": {"unit": "user_id"}},
}


def _query(job: Job) -> Figures:
    import duckdb

    holes = {role: _table(job.log.files(role, job.kind), role, job.kind) for role in ("exposures", "outcomes")}
    select = Template((SQL / "bare_evaluation.sql").read_text(encoding="utf-8")).substitute(holes)
    with TemporaryDirectory(prefix="recsys-bench-") as spill:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": spill,
            "preserve_insertion_order": "false",
        }
        with duckdb.connect(config=settings) as db:
            rows = db.execute(select).fetchall()
    return Figures(
        figures=tuple(
            Figure(key=key, value=value, requests=requests, ndcg=ndcg, ctr=ctr)
            for key, value, requests, ndcg, ctr in rows
        )
    )


_TYPES = {
    "exposures": "{request_id: 'VARCHAR', ts: 'VARCHAR', items: 'STRUCT(item_id VARCHAR, rank BIGINT)[]', "
    "context: 'MAP(VARCHAR, VARCHAR)'}",
    "outcomes": "{request_id: 'VARCHAR', item_id: 'VARCHAR', event_type: 'VARCHAR', ts: 'VARCHAR'}",
}
"""Only what the query asks for; guessing types would read the files twice."""


def _table(files: str, role: str, kind: str) -> str:
    if kind == "parquet":
        return f"read_parquet({literal(files)})"
    return f"read_json({literal(files)}, format = 'newline_delimited', columns = {_TYPES[role]})"


def _main() -> None:
    job = msgspec.json.decode(sys.argv[1], type=Job, dec_hook=lambda kind, value: kind(value))
    found = (_evaluation if job.who == "evaluation" else _query)(job)
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    _main()
