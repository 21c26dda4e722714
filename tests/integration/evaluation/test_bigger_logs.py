"""Thousands of requests against plain Python that shares no line with the product."""

import json
from math import log2

import duckdb
import numpy as np
import pytest

from recsys.evaluation import evaluate

REQUESTS, USERS, ITEMS, SHOWN = 20_000, 1_500, 400, 10
METRICS = ("hitrate", "precision", "recall", "map", "ndcg", "mrr")


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    random = np.random.default_rng(5)
    lists = np.argsort(random.random((REQUESTS, ITEMS)), axis=1)[:, :SHOWN]
    users = random.zipf(1.3, size=REQUESTS) % USERS
    clicks = random.random((REQUESTS, SHOWN)) < 0.25 / np.arange(1, SHOWN + 1)
    with (folder / "exposures.jsonl").open("w") as file:
        for number in range(REQUESTS):
            row = {
                "request_id": f"r{number}",
                "user_id": f"u{users[number]}",
                "ts": f"2026-11-{1 + number % 20:02}T08:00:00Z",
                "items": [{"item_id": f"i{item}", "rank": rank} for rank, item in enumerate(lists[number], start=1)],
                "context": {"surface": ("home", "pdp", "cart")[number % 3]},
            }
            file.write(json.dumps(row) + "\n")
    with (folder / "outcomes.jsonl").open("w") as file:
        for number, place in zip(*np.nonzero(clicks), strict=True):
            row = {
                "request_id": f"r{number}",
                "item_id": f"i{lists[number, place]}",
                "event_type": "click",
                "ts": f"2026-11-{1 + number % 20:02}T08:00:30Z",
                "event_id": f"e{number}-{place}",
            }
            file.write(json.dumps(row) + "\n")
    return folder, clicks


def dataset(folder, kind):
    return {role: {"type": kind, "path": str(folder / f"{role}.{kind}")} for role in ("exposures", "outcomes")}


CONFIG = {"offline": {"metrics": [{"name": m, "k": 5} for m in METRICS] + [{"name": "ctr"}], "slice_keys": ["surface"]}}


def by_hand(clicks, k=5):
    sums = dict.fromkeys(METRICS, 0.0)
    for row in clicks:
        ranks = [place + 1 for place in range(SHOWN) if row[place]]
        if not ranks:
            continue
        top = [rank for rank in ranks if rank <= k]
        sums["hitrate"] += bool(top)
        sums["precision"] += len(top) / k
        sums["recall"] += len(top) / len(ranks)
        sums["map"] += sum((i + 1) / rank for i, rank in enumerate(top)) / len(ranks)
        ideal = sum(1 / log2(j + 2) for j in range(min(len(ranks), k)))
        sums["ndcg"] += sum(1 / log2(rank + 1) for rank in top) / ideal
        sums["mrr"] += 1 / top[0] if top else 0
    return sums


def test_every_metric_agrees_with_plain_python(logs):
    folder, clicks = logs
    report = evaluate(dataset=dataset(folder, "jsonl"), config=CONFIG, allow_no_baseline=True)
    relevant = int(clicks.any(axis=1).sum())
    expected = by_hand(clicks)
    for measured in report.offline.metrics:
        name, _, _ = measured.metric.partition("@")
        if name in expected:
            over = {"served": REQUESTS, "relevant": relevant}[measured.over]
            assert measured.requests == over
            assert measured.value == pytest.approx(expected[name] / over, abs=1e-9), measured.metric
    (ctr,) = [m for m in report.offline.metrics if m.metric == "ctr:served"]
    assert ctr.value == relevant / REQUESTS
    for found in report.offline.slices:
        which = ("home", "pdp", "cart").index(found.value)
        part = by_hand(clicks[which::3])
        served = next(m for m in found.metrics if m.metric == "ndcg@5" and m.over == "served")
        assert served.value == pytest.approx(part["ndcg"] / served.requests, abs=1e-9)


def test_parquet_says_what_jsonl_says(logs):
    folder, _ = logs
    for role in ("exposures", "outcomes"):
        # Times as text stay text: the reader must do with either.
        read = f"read_json('{folder / role}.jsonl', timestampformat = '-', dateformat = '-')"
        duckdb.execute(f"COPY (SELECT * FROM {read}) TO '{folder / role}.parquet'")
    first = evaluate(dataset=dataset(folder, "jsonl"), config=CONFIG, allow_no_baseline=True)
    second = evaluate(dataset=dataset(folder, "parquet"), config=CONFIG, allow_no_baseline=True)
    assert second.offline == first.offline
    assert second.joins == first.joins
    assert second.days == first.days


def test_threads_and_repetition_change_no_byte(logs):
    folder, _ = logs
    once = evaluate(dataset=dataset(folder, "jsonl"), config=CONFIG, allow_no_baseline=True).to_json()
    again = evaluate(dataset=dataset(folder, "jsonl"), config=CONFIG, allow_no_baseline=True).to_json()
    assert once == again
