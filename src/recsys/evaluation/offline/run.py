"""Offline evaluation, from logs in the engine to a report."""

from collections.abc import Mapping

from recsys.encoding import digest
from recsys.evaluation.config import Config
from recsys.evaluation.errors import NotComparable
from recsys.evaluation.joining.integrity import check_assignments
from recsys.evaluation.joining.joins import joins_by_slice
from recsys.evaluation.joining.together import Together, describe
from recsys.evaluation.measuring.measures import measure_means, score_requests
from recsys.evaluation.offline.catalogue import measure_catalogue
from recsys.evaluation.offline.pairing import check_comparable, judge_gates, units_of
from recsys.evaluation.offline.results import OfflineResult, Slice
from recsys.evaluation.offline.rules import Facts, decide
from recsys.evaluation.parts import Joins, Measured
from recsys.evaluation.report import Report
from recsys.evaluation.reporting import report_on

__all__ = ["run_offline"]


def run_offline(together: Together, *, baseline: Report | None) -> Report:
    """Judge the lists: logged ones, or re-ranked ones when the dataset has ranklists."""
    engine, config = together.engine, together.config
    checks = together.integrity
    if "assignments" in together.opened:
        checks += (check_assignments(engine),)
    score_requests(engine, config, reranked=together.judged.reranked)
    means = measure_means(engine, config)
    overall = _in_config_order(config, means.get(None, ()), measure_catalogue(engine, config))
    slices = _slices(joins_by_slice(engine, config), means)
    units = units_of(engine, config)
    data = describe(together)
    if baseline is not None:
        if baseline.offline is None:
            raise NotComparable((f"it is a report of mode {baseline.mode}",))
        check_comparable(data, baseline.data)
    gates = judge_gates(config, overall, units, baseline.offline if baseline else None)
    return report_on(
        together,
        data=data,
        integrity=checks,
        decision=decide(Facts(data=data, integrity=checks, gates=gates, has_baseline=baseline is not None), config),
        offline=OfflineResult(metrics=overall, slices=slices, gates=gates, pairing=units.pairing()),
        baseline=digest(baseline.to_json()) if baseline else None,
    )


def _in_config_order(
    config: Config, means: tuple[Measured, ...], catalogue: tuple[Measured, ...]
) -> tuple[Measured, ...]:
    order = {metric.label: number for number, metric in enumerate(config.metrics())}
    return tuple(sorted(means + catalogue, key=lambda measured: order[measured.metric]))


def _slices(
    joins: Mapping[tuple[str, str], Joins], means: Mapping[tuple[str, str] | None, tuple[Measured, ...]]
) -> tuple[Slice, ...]:
    return tuple(
        Slice(key=key, value=value, joins=found, metrics=means.get((key, value), ()))
        for (key, value), found in joins.items()
    )
