"""Ranking metrics: ours through a whole evaluation, request by request, and trec_eval's by way of ir-measures."""

import functools
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tests.unit.evaluation.conftest import Log, metric

from recsys.evaluation import evaluate

Figures = Sequence[float]


CUTS = (1, 4, 20)
RANKING = {"precision": "P", "recall": "R", "map": "AP", "ndcg": "nDCG", "mrr": "RR", "hitrate": "Success"}
GRADES = {"view": 1, "click": 2, "conversion": 5}


@functools.cache
def _lists() -> tuple[dict[str, list[str]], dict[str, dict[str, int]]]:
    """Lists of 1 to 12 items, and the grades of what people did with those items and with others; at times nothing."""
    dice = np.random.default_rng(41)
    items = [f"i{number:02d}" for number in range(16)]
    lists, judged = {}, {}
    for number in range(16):
        request = f"r{number:02d}"
        shuffled = [items[place] for place in dice.permutation(16)]
        lists[request] = shuffled[: int(dice.integers(1, 13))]
        relevant = 0 if number % 5 == 0 else int(dice.integers(1, 7))
        some = dice.choice(items, relevant, replace=False)
        judged[request] = {str(item): list(GRADES.values())[dice.integers(3)] for item in some}
    return lists, judged


@functools.cache
def _ranked() -> dict[tuple[str, str, str], float]:
    """Values by request (or ``""`` for all), metric and denominator."""
    lists, judged = _lists()
    events = {grade: event for event, grade in GRADES.items()}
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder))
        for request, shown in lists.items():
            log.show(request, shown, context={"query": request})
            for item, grade in judged[request].items():
                log.act(request, item, events[grade])
        offline = {
            "metrics": [metric(f"{name}@{k}") for name in RANKING for k in CUTS],
            "slice_keys": ["query"],
            "relevance": GRADES,
        }
        config = {"offline": offline, "attribution": {"require_shown": False}}
        report = evaluate(dataset=log.dataset(), config=config, allow_no_baseline=True)
    parts = {"": report.offline.metrics} | {part.value: part.metrics for part in report.offline.slices}
    return {(part, m.metric, m.over): m.value for part, metrics in parts.items() for m in metrics}


def ours_ranked(name: str) -> Figures:
    lists, judged = _lists()
    found = _ranked()
    each = [found[request, f"{name}@{k}", "served"] for k in CUTS for request in lists if judged[request]]
    means = [found["", f"{name}@{k}", over] for k in CUTS for over in ("relevant", "served")]
    return each + means


def oracle_ranked(name: str) -> Figures:
    import ir_measures
    from ir_measures import Qrel, ScoredDoc

    lists, judged = _lists()
    qrels = [Qrel(request, item, grade) for request, grades in judged.items() for item, grade in grades.items()]
    run = [ScoredDoc(request, item, -place) for request, shown in lists.items() for place, item in enumerate(shown)]
    with_relevant = [request for request in lists if judged[request]]
    each, means = [], []
    for k in CUTS:
        measure = ir_measures.parse_measure(f"{RANKING[name]}@{k}")
        found = {one.query_id: one.value for one in ir_measures.iter_calc([measure], qrels, run)}
        each += [found[request] for request in with_relevant]
        total = math.fsum(found[request] for request in with_relevant)
        means += [total / len(with_relevant), total / len(lists)]
    return each + means
