"""Pipelines: events in, artifacts out. Ingest, validate, compute, publish; together or one by one.

The engine is loaded when a step runs, not when this is imported.
"""

from recsys.pipelines.compute import compute
from recsys.pipelines.errors import BadInput, ChecksFailed, LessThanLive, LimitExceeded, StepMissing
from recsys.pipelines.ingest import ingest
from recsys.pipelines.kept import Incremental
from recsys.pipelines.limits import Limits
from recsys.pipelines.mapping import EventMapping, read_mapping
from recsys.pipelines.publish import publish
from recsys.pipelines.report import LastRun, RunReport, SignalReport, last_run, last_runs, past_run, past_runs
from recsys.pipelines.run import run, tenant_params
from recsys.pipelines.rundir import Finding
from recsys.pipelines.sources import EventSource, open_source
from recsys.pipelines.target import Target
from recsys.pipelines.validate import validate

__all__ = [
    "BadInput",
    "ChecksFailed",
    "EventMapping",
    "EventSource",
    "Finding",
    "Incremental",
    "LastRun",
    "LessThanLive",
    "LimitExceeded",
    "Limits",
    "RunReport",
    "SignalReport",
    "StepMissing",
    "Target",
    "compute",
    "ingest",
    "last_run",
    "last_runs",
    "open_source",
    "past_run",
    "past_runs",
    "publish",
    "read_mapping",
    "run",
    "tenant_params",
    "validate",
]
