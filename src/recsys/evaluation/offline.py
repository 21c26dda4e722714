"""Offline evaluation, from inputs to report."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import recsys
from recsys.encoding import digest, rfc3339
from recsys.evaluation.catalogue import measure_catalogue
from recsys.evaluation.config import Config
from recsys.evaluation.dataset import Dataset
from recsys.evaluation.decision import Facts, decide
from recsys.evaluation.engine import Engine, open_engine
from recsys.evaluation.errors import BadData
from recsys.evaluation.fingerprint import fingerprint, judged_on, split
from recsys.evaluation.integrity import check_integrity
from recsys.evaluation.joins import joins_by_day, joins_by_slice, joins_over_all, outcome_drops
from recsys.evaluation.judged import Judged, bring_together
from recsys.evaluation.measures import check_answerable, measure_means, score_requests
from recsys.evaluation.pairing import check_comparable, judge_gates, units_of
from recsys.evaluation.report import Report
from recsys.evaluation.results import Data, Joins, Measured, OfflineResult, RoleData, Slice
from recsys.evaluation.sources import Opened, open_sources
from recsys.progress import Progress

__all__ = ["run_offline"]


def run_offline(
    *, dataset: Dataset, folder: Path, config: Config, baseline: Report | None, progress: Progress
) -> Report:
    """Judge the lists of a dataset: logged ones, or re-ranked ones when it has ranklists."""
    with open_engine() as engine:
        with progress("read and check"):
            opened = open_sources(engine, dataset, folder)
        with progress("join"):
            judged = bring_together(engine, opened, config)
            check_answerable(engine, config, reranked=judged.reranked)
            joins, days = joins_over_all(engine), joins_by_day(engine)
            drops = outcome_drops(engine, judged, joins)
            checks = check_integrity(
                engine,
                config,
                judged=judged,
                joins=joins,
                days=days,
                drops=drops,
                with_assignments="assignments" in opened,
            )
        with progress("measure"):
            score_requests(engine, config, judged)
            means = measure_means(engine, config)
            overall = _in_config_order(config, means.get(None, ()), measure_catalogue(engine, config))
            slices = _slices(joins_by_slice(engine, config), means)
            units = units_of(engine, config)
            data = _data(engine, opened, config, judged)
    if not data.requests:
        raise BadData("exposures: no request is by a user", next_step="is all of it traffic of bots or our own?")
    if baseline is not None:
        check_comparable(data, baseline.data)
    gates = judge_gates(config, overall, units, baseline.offline if baseline else None)
    facts = Facts(data=data, integrity=checks, gates=gates, has_baseline=baseline is not None)
    return Report(
        mode="offline",
        decision=decide(facts, config),
        data=data,
        joins=joins,
        days=days,
        drops=drops,
        integrity=checks,
        offline=OfflineResult(metrics=overall, slices=slices, gates=gates, pairing=units.pairing()),
        config=config,
        baseline=digest(baseline.to_json()) if baseline else None,
        versions=_versions(),
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


def _data(engine: Engine, opened: dict[str, Opened], config: Config, judged: Judged) -> Data:
    start, end, not_users = engine.row("SELECT first_us, last_us, not_by_users FROM shown WHERE which = 0")
    requests, without, content = engine.row(
        "SELECT count(*), count_if(NOT has_unit), coalesce(sum(hash(request_id)::HUGEINT), 0) FROM evaluated"
    )
    (units,) = engine.row("SELECT count(*) FROM unit_served WHERE which = 0")
    (relevant,) = engine.row("SELECT coalesce(count_if(relevant), 0) FROM scored")
    return Data(
        roles=tuple(RoleData(role=role, files=each.files, rows=each.rows) for role, each in opened.items()),
        window_start=rfc3339(start / 1e6),
        window_end=rfc3339(end / 1e6),
        fingerprint=fingerprint(opened),
        judged_on=judged_on(opened, config),
        split=split(requests, content),
        candidates=_candidates(engine, judged),
        lists="reranked" if judged.reranked else "logged",
        ranker=judged.ranker,
        requests=requests,
        units=units,
        requests_without_unit=without,
        requests_not_by_users=not_users,
        requests_with_relevant=relevant,
        duplicate_request_ids=judged.duplicate_request_ids,
        duplicate_outcomes=judged.duplicate_outcomes,
    )


def _candidates(engine: Engine, judged: Judged) -> Literal["shown", "open"]:
    if not judged.reranked:
        return "shown"
    names = "list_transform({}.items, lambda x: x.item_id)"
    (beyond,) = engine.row(
        f"SELECT count(*) FROM evaluated AS r JOIN exposures AS e USING (request_id) "  # noqa: S608
        f"WHERE NOT list_has_all({names.format('e')}, {names.format('r')})"
    )
    return "open" if beyond else "shown"


def _versions() -> dict[str, str]:
    import duckdb
    import numpy as np
    import scipy

    return {
        "recsys": recsys.__version__,
        "duckdb": duckdb.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "scipy": scipy.__version__,
    }
