"""The counters of all workers and the state of the host, as Prometheus reads them."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from recsys.events.layout import event_files
from recsys.serving.counters import LATENCY_BUCKETS_S, Series, read_counters
from recsys.serving.guards_seen import GuardSeen, GuardsSeen
from recsys.serving.health import Health, look_at_host
from recsys.serving.host_state import Places, read_host_state
from recsys.serving.processes import read_processes
from recsys.serving.release_figures import RELEASE_METRICS, release_figures
from recsys.serving.settings import Settings

__all__ = ["METRICS", "exposition"]

METRICS: dict[str, str] = {
    "recsys_answers": "Answers served, by tenant, surface, route and rung of the ladder.",
    "recsys_answers_empty": "Answers without an item.",
    "recsys_answers_failed_ranking": "Answers from the floor because ranking failed.",
    "recsys_answers_unrecorded": "Answers served without their exposure being written in time.",
    "recsys_answer_seconds": "Time from reading a request to its answer, recording included.",
    "recsys_events_recorded_late": "Lines that were written after all, too late for their answer to know.",
    "recsys_events_accepted": "Events acknowledged as durable.",
    "recsys_refusals": "Requests refused, by status and code; those of our mistakes too.",
    "recsys_failures": "Requests that failed by our mistake.",
    "recsys_generation": "The generation this host serves.",
    "recsys_head": "The newest generation known to exist.",
    "recsys_unconfirmed_seconds": "Seconds since the head was last seen to be what is served.",
    "recsys_guard_silent_seconds": "Seconds since a candidate's guard missed three looks, else 0; none without one.",
    "recsys_healthy": "1 when healthy, 0.5 when degraded, 0 when failing, by check.",
    "recsys_events_waiting_bytes": "Size of the finished event files that wait for the store.",
    "recsys_process_replacements": "How often a process was replaced since the service started, by process.",
    **RELEASE_METRICS,
}
"""Every metric and what it counts; the reference page is tested against it."""


def exposition(settings: Settings, *more: Collector, guards: GuardsSeen | None = None) -> bytes:
    """Return all metrics of this host in the text format; ``more``: those of rooms that stand above this one;
    ``guards``: what is guarded in its store.
    """
    registry = CollectorRegistry(auto_describe=False)
    for collector in (_Host(settings, guards), *more):
        registry.register(collector)
    return generate_latest(registry)


class _Host(Collector):
    def __init__(self, settings: Settings, guards: GuardsSeen | None) -> None:
        self._settings, self._guards = settings, guards

    def collect(self) -> Iterable[Metric]:
        places = Places(self._settings.host_path)
        yield from _counted(read_counters(places.counters.glob("*.cells")))
        health = look_at_host(self._settings)
        yield from _stated(health)
        yield from _kept(places)
        yield from release_figures(places.root, read_host_state(places.state))
        if self._guards is not None:
            yield _guarded(self._guards.of(health.tenants))


def _counted(series: Iterable[Series]) -> Iterator[Metric]:
    by_name: defaultdict[str, list[Series]] = defaultdict(list)
    for one in series:
        if one.name in METRICS:
            by_name[one.name].append(one)
    for name, several in by_name.items():
        names = sorted({label for one in several for label in one.labels})
        family: CounterMetricFamily | HistogramMetricFamily
        if len(several[0].values) > 1:
            family = HistogramMetricFamily(name, METRICS[name], labels=names)
            for one in several:
                family.add_metric(_labels(one, names), *_histogram(one))
        else:
            family = CounterMetricFamily(name, METRICS[name], labels=names)
            for one in several:
                family.add_metric(_labels(one, names), one.values[0])
        yield family


def _stated(health: Health) -> Iterator[Metric]:
    generation = GaugeMetricFamily("recsys_generation", METRICS["recsys_generation"], labels=["tenant"])
    head = GaugeMetricFamily("recsys_head", METRICS["recsys_head"], labels=["tenant"])
    unconfirmed = GaugeMetricFamily(
        "recsys_unconfirmed_seconds", METRICS["recsys_unconfirmed_seconds"], labels=["tenant"]
    )
    for tenant, known in health.tenants.items():
        generation.add_metric([tenant], known.generation)
        head.add_metric([tenant], known.head)
        if known.unconfirmed_s is not None:
            unconfirmed.add_metric([tenant], known.unconfirmed_s)
    healthy = GaugeMetricFamily("recsys_healthy", METRICS["recsys_healthy"], labels=["check"])
    for check in health.checks:
        healthy.add_metric([check.name], {"healthy": 1.0, "degraded": 0.5, "failing": 0.0}[check.state])
    yield from (generation, head, unconfirmed, healthy)


def _kept(places: Places) -> Iterator[Metric]:
    waiting = 0.0
    for file in event_files(places.spool / "ready"):
        try:
            waiting += file.path.stat().st_size
        except FileNotFoundError:
            pass  # it was shipped meanwhile
    yield GaugeMetricFamily("recsys_events_waiting_bytes", METRICS["recsys_events_waiting_bytes"], value=waiting)
    replaced = GaugeMetricFamily(
        "recsys_process_replacements", METRICS["recsys_process_replacements"], labels=["process"]
    )
    processes = read_processes(places.processes)
    for name, child in sorted(processes.children.items() if processes else ()):
        replaced.add_metric([name], child.restarts)
    yield replaced


def _guarded(guards: Iterable[GuardSeen]) -> Metric:
    silent = GaugeMetricFamily(
        "recsys_guard_silent_seconds", METRICS["recsys_guard_silent_seconds"], labels=["tenant", "surface"]
    )
    for seen in guards:
        silent.add_metric([seen.tenant, seen.surface], max(0.0, time.monotonic() - seen.silent_at))
    return silent


def _labels(one: Series, names: list[str]) -> list[str]:
    return [one.labels.get(name, "") for name in names]


def _histogram(one: Series) -> tuple[list[tuple[str, float]], float]:
    total = 0.0
    buckets = []
    for bound, count in zip([*LATENCY_BUCKETS_S, float("inf")], one.values, strict=False):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), total))
    return buckets, one.values[-1]
