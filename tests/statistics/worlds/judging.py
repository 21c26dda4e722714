"""Whole evaluations of experiments in which nothing differs, from JSONL to the decision."""

import tempfile
from pathlib import Path

import numpy as np
from tests.unit.evaluation.conftest import Log

from recsys.evaluation import evaluate

Dice = np.random.Generator
UNITS = 160


def shipped(dice: Dice, trials: int) -> float:
    """Experiments that ship at the one look that was planned."""
    found = 0
    for _ in range(trials):
        with tempfile.TemporaryDirectory() as folder:
            log = Log(Path(folder))
            for unit, taste in enumerate(dice.beta(2, 4, UNITS)):
                said = {
                    "experiment_id": "t", "experiment_variant": ("control", "other")[unit % 2],
                    "unit_type": "anonymous_id", "unit_id": f"u{unit}",
                }  # fmt: skip
                for nth, clicked in enumerate(dice.random(dice.integers(1, 5)) < taste):
                    log.show(f"u{unit}-{nth}", ["a"], context=said)
                    if clicked:
                        log.act(f"u{unit}-{nth}", "a")
            experiment = {
                "experiment_id": "t", "primary_metrics": ["ctr"], "inference": "fixed", "planned_n": UNITS,
                "usual_effect": 1.0,
            }  # fmt: skip
            report = evaluate(dataset=log.dataset(), config={"mode": "experiment", "experiment": experiment})
        found += report.decision.outcome == "ship"
    return found
