"""Validate: is what was ingested fit to compute from?"""

from collections.abc import Callable, Sequence
from pathlib import Path

from recsys.catalog import open_catalog
from recsys.pipelines.checks import Thresholds, check_events
from recsys.pipelines.engine import MEMORY_LIMIT, open_engine
from recsys.pipelines.errors import ChecksFailed, Exceeded
from recsys.pipelines.limits import Limits, check_limit
from recsys.pipelines.partitions import open_partitions
from recsys.pipelines.rundir import Finding, Ingested, RunFolder, Validated
from recsys.progress import Progress, silent
from recsys.store.columns import Columns

__all__ = ["stop_on", "validate"]


def validate(
    folder: Path,
    *,
    limits: Limits | None = None,
    thresholds: Thresholds | None = None,
    force: bool = False,
    memory: str = MEMORY_LIMIT,
    progress: Progress = silent,
    tell: Callable[[Sequence[Finding]], None] = lambda _: None,
) -> Validated:
    """Check the canonical events of a run; ``force`` goes on whatever they look like, and says so in the result.

    ``tell`` is given all that the checks found, before any of it stops the run.

    Raises
    ------
    ChecksFailed
        They do not look as they have to; says each thing that is wrong.
    LimitExceeded
        More items than ``limits`` allow.
    """
    run = RunFolder(folder)
    made = run.read("ingest", Ingested, wanted_by="validate")
    run.forget("validate", "compute")
    with progress("validate"), open_engine(folder=folder, memory_limit=memory) as engine:
        open_partitions(engine, run, made.partitions)
        ids = [str(row[0]) for row in engine.rows("SELECT DISTINCT item_id FROM canonical_events")]
        check_limit("items", seen=len(ids), limits=limits or Limits())
        unknown = None
        if made.catalog is not None:
            catalog = open_catalog(Columns.map(folder / "catalog.bin"), tenant=made.tenant)
            unknown = len(set(ids).difference(catalog.items.to_list())), len(ids)
        findings = check_events(engine, made, unknown=unknown, limits=thresholds or Thresholds())
    tell(findings)
    if not force:
        stop_on(findings, what="events")
    validated = Validated(findings=tuple(findings), forced=force)
    run.write("validate", validated)
    return validated


def stop_on(findings: Sequence[Finding], *, what: str) -> None:
    """Raise :class:`ChecksFailed` when a check failed that is not just a warning."""
    failed = tuple(
        Exceeded(name=found.name, seen=found.seen, limit=found.limit, said=found.said)
        for found in findings
        if not found.ok and found.severity == "error"
    )
    if failed:
        raise ChecksFailed(what, failed)
