"""Off-policy estimates of the log that Open Bandit Pipeline was asked about (``freeze_open_bandit.py``)."""

import functools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tests.unit.evaluation.conftest import Log, at

from recsys.evaluation import evaluate
from recsys.evaluation.statistics.rewards import FOLDS, Features, model_terms
from recsys.evaluation.statistics.weighting import Placed, estimate, slate_terms

FROZEN = Path(__file__).parents[2] / "unit" / "evaluation" / "frozen" / "open_bandit.json"

Figures = Sequence[float]


@functools.cache
def frozen() -> dict[str, Any]:
    return json.loads(FROZEN.read_text())


def oracle(*names: str) -> Figures:
    return [frozen()["values"][name] for name in names]


def _column(name: str) -> np.ndarray:
    return np.array(frozen()["log"][name])


def _weights(kind: str) -> np.ndarray:
    """Of each item; the log has the chances of whole lists down to each place for ``rips``, and divides them here."""
    chances = _column(kind)
    weights = chances[:, 1] / chances[:, 0]
    if kind == "rips":
        before = np.where(_column("place") > 0, np.roll(weights, 1), 1.0)
        weights = weights / before
    return weights


def _placed(kind: str, *, place: int | None = None) -> Placed:
    """The log with the weights of a kind; of one ``place`` alone, the chance down to there is that item's."""
    weights = _weights(kind) if place is None else np.divide(*_column(kind)[:, ::-1].T)
    rows = np.arange(len(weights)) if place is None else np.flatnonzero(_column("place") == place)
    request = _column("request")[rows]
    return Placed(request, weights[rows], _column("reward")[rows].astype(float), np.unique(request))


def iips() -> Figures:
    placed = _placed("iips")
    return [estimate(slate_terms(placed, kind="iips"), placed.unit, normalised=False).value]


def by_place() -> Figures:
    """Self-normalised place by place, and added up: one place alone is a list that ``iips`` normalises."""
    found = []
    for kind in ("iips", "rips"):
        places = [_placed(kind, place=place) for place in range(frozen()["sizes"]["places"])]
        found.append(sum(estimate(slate_terms(p, kind="iips"), p.unit, normalised=True).value for p in places))
    return found


def models() -> Figures:
    sizes = frozen()["sizes"]
    assert sizes["folds"] == FOLDS
    placed = _placed("iips")
    best, item, place, request = (_column(name) for name in ("best", "item", "place", "request"))
    chances = _column("iips")[:, 0]
    placed = placed._replace(weight=(item == best) / chances)
    sizes_of = (sizes["items"], sizes["places"], 2)
    shown = Features(np.column_stack([item, place, _column("context")]), sizes_of)
    asked = Features(np.column_stack([best, place, _column("context")]), sizes_of)
    return [
        estimate(model_terms(placed, shown, asked, request, doubly_robust=robust), placed.unit, normalised=False).value
        for robust in (False, True)
    ]


def from_log() -> Figures:
    """``sips``, ``rips`` and ``snsips`` of a whole evaluation."""
    chances = _column("rips")
    down = np.where(_column("place")[:, None] > 0, np.roll(chances, 1, axis=0), 1.0)
    alone = chances / down
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder))
        request = _column("request")
        for number in range(frozen()["sizes"]["requests"]):
            rows = np.flatnonzero(request == number)
            items = [
                {
                    "item_id": str(_column("item")[row]), "rank": rank,
                    "logging_propensity": float(alone[row, 0]), "target_propensity": float(alone[row, 1]),
                }
                for rank, row in enumerate(rows, start=1)
            ]  # fmt: skip
            log.rows["exposures"].append({"request_id": f"r{number:03d}", "ts": at(0), "items": items})
            for row in rows[_column("reward")[rows] > 0]:
                log.act(f"r{number:03d}", str(_column("item")[row]))
        asked = {"estimators": ["sips", "rips", "snsips"], "min_ess": 1}
        report = evaluate(dataset=log.dataset(), config={"mode": "ope", "ope": asked})
    return [each.value for each in report.ope.estimates]
