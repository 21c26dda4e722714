"""How each surface's last pipeline run stands, as Prometheus reads it beside the figures of the host.

Runs happen elsewhere and leave their record in the store, so this asks the store, aside: a scrape waits a moment for
it at most, and shows what was read before when the store hangs.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from recsys.encoding import parse_rfc3339
from recsys.errors import RecsysError
from recsys.pipelines import LastRun, last_runs
from recsys.serving.office import Office

__all__ = ["PIPELINE_METRICS", "PipelineFigures"]

_log = logging.getLogger(__name__)

PIPELINE_METRICS: dict[str, str] = {
    "recsys_pipeline_run_seconds": "Seconds since a surface's last pipeline run began, by how it stands: "
    "`running`, `done` or `failed`.",
}
_READ_S = 30.0
"""A list and a read a surface: not for every scrape, and nothing that runs at night is missed."""
_PATIENCE_S = 1.0
"""Longest a scrape waits; Prometheus gives up after 10 s by default."""


class PipelineFigures(Collector):
    """One of each admin process."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._runs: dict[str, Mapping[str, LastRun]] = {}
        self._read_at = -_READ_S
        self._reader: threading.Thread | None = None
        self._turn = threading.Lock()

    def collect(self) -> Iterable[Metric]:
        """Yield the figures of every surface that a run was ever made for."""
        reader = self._reading()
        if reader is not None:
            reader.join(_PATIENCE_S)
        name, text = next(iter(PIPELINE_METRICS.items()))
        family = GaugeMetricFamily(name, text, labels=["tenant", "surface", "state"])
        for tenant, runs in sorted(self._runs.items()):
            for surface, run in sorted(runs.items()):
                age_s = time.time() - parse_rfc3339(run.started, what="last run")
                family.add_metric([tenant, surface, _state(run)], max(0.0, age_s))
        yield family

    def _reading(self) -> threading.Thread | None:
        with self._turn:
            under_way = self._reader is not None and self._reader.is_alive()
            if not under_way and time.monotonic() - self._read_at >= _READ_S:
                self._read_at = time.monotonic()
                self._reader = threading.Thread(target=self._read, name="pipeline figures", daemon=True)
                self._reader.start()
            return self._reader

    def _read(self) -> None:
        tenants = self._office.directory().tenants
        found: dict[str, Mapping[str, LastRun]] = {}
        for tenant in tenants:
            try:
                runs = last_runs(self._office.store(), tenant)
                found[tenant] = {surface: run for surface, run in runs.items() if run is not None}
            except (RecsysError, OSError) as error:
                _log.debug("the last runs of %s were not read: %s", tenant, error)
                found[tenant] = self._runs.get(tenant, {})
        self._runs = found


def _state(run: LastRun) -> str:
    if run.error is not None:
        return "failed"
    return "done" if run.finished is not None else "running"
