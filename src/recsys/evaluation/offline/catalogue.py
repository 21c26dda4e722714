"""Metrics of all lists together: how much of the catalogue they reach, how unusual, how evenly spread.

They have no value per request, so no interval here and no gate.
"""

import math

import numpy as np
import numpy.typing as npt

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine, sql_text
from recsys.evaluation.measuring.metrics import Metric
from recsys.evaluation.parts import Measured

__all__ = ["HEAD_SHARE", "measure_catalogue"]

HEAD_SHARE = 0.2
"""The head is the fifth of all items most acted on (ties by item id); the rest is the long tail."""

NO_INTERVAL = "a property of all lists together, not a mean over requests"


def measure_catalogue(engine: Engine, config: Config) -> tuple[Measured, ...]:
    """Return the catalogue metrics in the config's order; each cut reads the lists once."""
    wanted = [metric for metric in config.metrics() if metric.family == "catalogue"]
    if not wanted:
        return ()
    requests, units = engine.row("SELECT sum(served)::BIGINT, count(*) FROM unit_totals")
    (acting,) = engine.row("SELECT count(DISTINCT unit) FROM acted WHERE grade > 0")
    found = {}
    for k in sorted({metric.k or 0 for metric in wanted}):
        columns = engine.run(sql_text("places"), k=k).fetchnumpy()
        places = np.asarray(columns["places"], dtype=np.int64)
        popularity = np.asarray(columns["units"], dtype=np.int64)
        for metric in (metric for metric in wanted if metric.k == k):
            value, details = _VALUES[metric.name](places, popularity, acting)
            found[metric] = (value, details)
    return tuple(_measured(metric, *found[metric], requests or 0, units) for metric in wanted)


Counts = npt.NDArray[np.int64]
Value = tuple[float | None, dict[str, float]]


def _coverage(places: Counts, _popularity: Counts, _acting: int) -> Value:
    listed, known = int((places > 0).sum()), len(places)
    return (listed / known if known else None), {"items_listed": listed, "items_known": known}


def _novelty(places: Counts, popularity: Counts, acting: int) -> Value:
    total = int(places.sum())
    surprise = np.log2((acting + 1) / (popularity + 1))
    value = math.fsum(places * surprise) / total if total else None
    return value, {"places": total, "units_acting": acting}


def _diversity(places: Counts, _popularity: Counts, _acting: int) -> Value:
    total = int(places.sum())
    if not total:
        return None, {"places": 0}
    share = places[places > 0] / total
    # Adding 0 turns the −0 of a single item into 0.
    entropy = -math.fsum(share * np.log2(share)) + 0.0
    return entropy, {"places": total, "effective_items": 2.0**entropy}


def _longtail(places: Counts, popularity: Counts, _acting: int) -> Value:
    total, head = int(places.sum()), math.ceil(HEAD_SHARE * len(places))
    order = np.argsort(-popularity, kind="stable")
    value = int(places[order[head:]].sum()) / total if total else None
    return value, {"places": total, "head_items": head}


_VALUES = {"coverage": _coverage, "novelty": _novelty, "diversity": _diversity, "longtail": _longtail}


def _measured(metric: Metric, value: float | None, details: dict[str, float], requests: int, units: int) -> Measured:
    return Measured(
        metric=metric.label,
        over="lists",
        value=value,
        requests=requests,
        units=units,
        why_no_interval=NO_INTERVAL,
        details={name: float(count) for name, count in details.items()},
    )
