"""Validate: is what was ingested fit to compute from?"""

from pathlib import Path

from recsys.catalog import open_catalog
from recsys.pipelines.engine import open_engine
from recsys.pipelines.errors import BadInput
from recsys.pipelines.limits import Limits, check_limit
from recsys.pipelines.partitions import open_partitions
from recsys.pipelines.rundir import Finding, Ingested, RunFolder, Validated
from recsys.progress import Progress, silent
from recsys.store.columns import Columns

__all__ = ["MAX_UNKNOWN_SHARE", "validate"]

MAX_UNKNOWN_SHARE = 0.5
"""Items go out of the catalogue while their events are young; when most have, it is another shop's catalogue."""


def validate(folder: Path, *, limits: Limits | None = None, progress: Progress = silent) -> Validated:
    """Check the canonical events of a run.

    Raises
    ------
    BadInput
        Most items of the events are not in the catalogue.
    LimitExceeded
        More items than ``limits`` allow.
    """
    run = RunFolder(folder)
    made = run.read("ingest", Ingested, wanted_by="validate")
    run.forget("validate", "compute")
    findings = []
    with progress("validate"), open_engine(folder=folder) as engine:
        open_partitions(engine, run, made.partitions)
        ids = [str(row[0]) for row in engine.rows("SELECT DISTINCT item_id FROM canonical_events")]
        check_limit("items", seen=len(ids), limits=limits or Limits())
        findings.append(Finding(name="items", seen=len(ids), limit=(limits or Limits()).items, ok=True))
        if made.catalog is not None:
            known = open_catalog(Columns.map(folder / "catalog.bin"), tenant=made.tenant).items
            unknown = sum(known.find(item) is None for item in ids)
            share = unknown / len(ids)
            findings.append(
                Finding(name="unknown_item_share", seen=share, limit=MAX_UNKNOWN_SHARE, ok=share <= MAX_UNKNOWN_SHARE)
            )
            if share > MAX_UNKNOWN_SHARE:
                raise BadInput(
                    f"{unknown} of {len(ids)} items of the events are not in the catalogue",
                    next_step="is it this shop's catalogue, and are its ids written the same way?",
                )
    validated = Validated(findings=tuple(findings))
    run.write("validate", validated)
    return validated
