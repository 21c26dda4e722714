"""A whole run: ingest, validate, compute, publish; and a record of it, also when it fails."""

import datetime
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from recsys.documents import read_config
from recsys.encoding import rfc3339
from recsys.errors import RecsysError, Refused, UsageError
from recsys.pipelines.compute import choose_signals, compute
from recsys.pipelines.engine import MEMORY_LIMIT
from recsys.pipelines.engines import LOCAL, EngineName
from recsys.pipelines.errors import ChecksFailed, GateFailed, LimitExceeded
from recsys.pipelines.ingest import Events, Ids, day, ingest
from recsys.pipelines.kept import Incremental, alone
from recsys.pipelines.limits import Limits
from recsys.pipelines.mapping import EventMapping
from recsys.pipelines.publish import check_allowed, publish
from recsys.pipelines.report import LastRun, RunReport, measured, record_run
from recsys.pipelines.rundir import Finding, RunFolder
from recsys.pipelines.sources import EventSource, Unconfirmed
from recsys.pipelines.target import Target, actor_of
from recsys.pipelines.validate import validate
from recsys.progress import Progress, silent
from recsys.releases import Releases
from recsys.store import check_name

__all__ = ["run", "tenant_params"]

_UNNAMED = "recsys-run-"
"""How the folders begin that a run makes for itself."""
_JUST_MADE_S = 60.0


def run(
    target: Target,
    *,
    surface: str,
    events: Events,
    start: str | datetime.date | None = None,
    end: str | datetime.date,
    incremental: Incremental | None = None,
    segment: str | None = None,
    catalog: str | Path | Iterable[str | Path] | None = None,
    mapping: str | Path | Mapping[str, Any] | EventMapping | None = None,
    signals: Iterable[str] | None = None,
    ids: Ids = "raw",
    max_bad_rate: float = 0.0,
    ship: bool = True,
    limits: Limits | None = None,
    reason: str = "",
    actor: str | None = None,
    allow_less: bool = False,
    force: bool = False,
    dry_run: bool = False,
    work: Path | None = None,
    engine: EngineName = "duckdb",
    master: str = LOCAL,
    threads: int | None = None,
    memory: str = MEMORY_LIMIT,
    progress: Progress = silent,
    clock: Callable[[], float] = time.time,
) -> RunReport:
    """Turn events of UTC days ``start`` to ``end``, both included, into artifacts, and ship them on ``surface``.

    Parameters
    ----------
    events
        Files and globs (JSONL, CSV, Parquet; ``.gz``), here or ``s3://…``; a data frame; or a source, such as
        :func:`~recsys.pipelines.sources.open_source` makes of a document.
    incremental
        Instead of ``start``: go on from the days that the run before kept in ``work`` (by default a folder of this
        surface beside the store), and read only what is new.
    catalog
        Files of the catalogue; or let ``mapping`` derive one from the events.
    mapping
        A mapping file for events that are not in our schemas.
    signals
        Names; by default all, those that read the catalogue where there is one. Their parameters come from the tenant's
        config.
    allow_less
        Ship although the surface serves a catalogue, signal or segment that this run has not; takes a ``reason``.
    force
        Go on and ship whatever the checks of events and artifacts say; takes a ``reason``.
    dry_run
        Ship nothing; leave the record of the last run, the days that ``work`` keeps and what the source holds of our
        position as they are. Blobs are written, which nothing names.
    work
        Keep what the steps make in this folder; without one it is made and removed.
    engine
        What runs the signals' definitions: ``spark`` on a cluster, for one. What goes before is DuckDB's.
    master
        Spark's master URL. Its machines must see ``work`` under the same path.
    threads, memory
        How many threads DuckDB may use, and what it (or Spark on this machine) may hold before it spills to disk.
    clock
        Seconds since 1970, for labels only.

    Raises
    ------
    BadInput, LimitExceeded, ChecksFailed, LessThanLive, Held, …
        Nothing was shipped then, and the record of the run says so.
    """
    check_name(surface, what="surface")
    first = _first_day(start, end, incremental)
    check_allowed(allow_less=allow_less, force=force, reason=reason)
    chosen = None if signals is None else choose_signals(signals)
    params = tenant_params(target, surface=surface, actor=actor)
    progress_of = _Recorder(
        target, surface=surface, start=str(first), end=str(end), engine=engine, kept=not dry_run, clock=clock
    )
    if dry_run and isinstance(events, EventSource):
        events = Unconfirmed(events)
    with _folder(target, surface, work, keeps=incremental is not None, trial=dry_run) as folder, progress_of:
        progress_of.stage("ingest")
        made = ingest(
            target,
            surface=surface,
            events=events,
            start=first,
            end=end,
            incremental=incremental,
            folder=folder,
            segment=segment,
            catalog=catalog,
            mapping=mapping,
            ids=ids,
            max_bad_rate=max_bad_rate,
            limits=limits,
            threads=threads,
            memory=memory,
            progress=progress,
        )
        progress_of.stage("validate", counts=made.counts)
        validate(folder, limits=limits, force=force, memory=memory, progress=progress, tell=progress_of.measured)
        progress_of.stage("compute")
        compute(
            folder,
            signals=chosen,
            params=params,
            limits=limits,
            engine=engine,
            master=master,
            threads=threads,
            memory=memory,
            progress=progress,
        )
        progress_of.stage("publish")
        report = publish(
            target,
            folder,
            ship=ship,
            reason=reason,
            actor=actor,
            allow_less=allow_less,
            force=force,
            dry_run=dry_run,
            progress=progress,
            tell=progress_of.measured,
        )
        progress_of.done(report)
    return report


def _first_day(
    start: str | datetime.date | None, end: str | datetime.date, incremental: Incremental | None
) -> str | datetime.date:
    if start is not None and incremental is None:
        return start
    if start is not None or incremental is None:
        raise UsageError(
            "a run has a start or is incremental, one of the two", next_step="give --start or --incremental"
        )
    return day(end, what="end") - datetime.timedelta(days=incremental.days - 1)


def tenant_params(target: Target, *, surface: str, actor: str | None = None) -> Mapping[str, Mapping[str, Any]]:
    """Return the parameters of signals that the tenant's config sets for a surface."""
    head = Releases(target.store, target.tenant, actor=actor_of(target, actor)).current()
    return read_config(target.store.blobs.read(target.tenant, head.config)).at(surface).signals


@contextmanager
def _folder(target: Target, surface: str, work: Path | None, *, keeps: bool, trial: bool) -> Iterator[Path]:
    """Lend the folder of the run: the one that was named; or one that is removed afterwards; or, where it ``keeps``
    days for the next run, the one of this surface. Nobody else works in one that stays. A ``trial`` over kept days has
    a copy of them.
    """
    place = Path(target.store.name)
    root = place.parent / "work" if place.is_dir() else None  # beside the store: events stay on its disk
    if keeps and work is None:
        if root is None:
            raise UsageError(f"{target.store.name} is no folder to keep days beside", next_step="name one with --work")
        work = root / target.tenant / surface
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        with alone(work):
            for left in work.glob(f"{_UNNAMED}*"):
                shutil.rmtree(left, ignore_errors=True)
            if not (keeps and trial):
                yield work
                return
            with tempfile.TemporaryDirectory(prefix=_UNNAMED, dir=work, ignore_cleanup_errors=True) as copy:
                RunFolder(work).copy_kept(Path(copy))
                yield Path(copy)
        return
    if root is not None:
        root.mkdir(exist_ok=True)
    root = root or Path(tempfile.gettempdir())
    _sweep(root)
    folder = Path(tempfile.mkdtemp(prefix=_UNNAMED, dir=root))
    try:
        with alone(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed runs left: raw ids are in it. A folder that was only just made may not be held yet."""
    for folder in root.glob(f"{_UNNAMED}*"):
        try:
            if folder.stat().st_mtime < time.time() - _JUST_MADE_S:
                with alone(folder):
                    shutil.rmtree(folder, ignore_errors=True)
        except (Refused, OSError):
            continue  # a run works in it, or it is somebody else's


class _Recorder:
    """Keeps the record of the run as it goes; an interruption is recorded as well, and a dry run is not."""

    def __init__(
        self,
        target: Target,
        *,
        surface: str,
        start: str,
        end: str,
        engine: EngineName,
        kept: bool,
        clock: Callable[[], float],
    ) -> None:
        self._store = target.store
        self._kept = kept
        self._clock = clock
        self._begun_s = time.monotonic()
        self._record = LastRun(
            tenant=target.tenant,
            surface=surface,
            stage="begin",
            started=rfc3339(clock()),
            start=start,
            end=end,
            engine=engine,
            run_id=uuid.uuid4().hex[:8],
        )

    def measured(self, findings: Sequence[Finding]) -> None:
        """Keep what checks saw; it is written with what comes next."""
        seen = (*self._record.measured, *measured(findings))
        self._record = msgspec.structs.replace(self._record, measured=seen)

    def stage(self, name: str, **more: Any) -> None:
        self._write(stage=name, took_s=self._took(), **more)

    def _took(self) -> Mapping[str, float]:
        """Return what the stages took, the one that ends now among them."""
        begun, self._begun_s = self._begun_s, time.monotonic()
        if self._record.stage == "begin":
            return {}
        return {**self._record.took_s, self._record.stage: round(self._begun_s - begun, 3)}

    def done(self, report: RunReport) -> None:
        self._write(
            stage="done",
            took_s=self._took(),
            made={name: signal.rows for name, signal in report.signals.items()},
            checks=tuple(found.said for found in report.checks),
            finished=rfc3339(self._clock()),
            counts=report.counts,
            manifest=report.manifest,
            generation=report.generation,
            shipped=report.shipped,
        )

    def __enter__(self) -> "_Recorder":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        code = error.code if isinstance(error, RecsysError) else type(error).__name__
        said = str(error) or type(error).__name__
        if isinstance(error, KeyboardInterrupt):
            code, said = "INTERRUPTED", "interrupted"
        stopped_by = error.stopped_by if isinstance(error, ChecksFailed | GateFailed | LimitExceeded) else ()
        finished = rfc3339(self._clock())
        self._write(finished=finished, took_s=self._took(), error=said, error_code=code, stopped_by=stopped_by)

    def _write(self, **more: Any) -> None:
        """Write it if the store lets us: the record is advisory, and must not hide what really failed."""
        self._record = msgspec.structs.replace(self._record, **more)
        if not self._kept:
            return
        try:
            record_run(self._store, self._record)
        except RecsysError:
            pass
