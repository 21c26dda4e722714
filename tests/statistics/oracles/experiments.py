"""An experiment judged from its log, beside tea-tasting on the sums of its units."""

import functools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tests.unit.evaluation.conftest import Log, at

from recsys.evaluation import evaluate

Figures = Sequence[float]


@functools.cache
def _experiment_rows() -> list[dict[str, float]]:
    """Units with requests, clicks, and events of the days before."""
    dice = np.random.default_rng(59)
    rows = []
    for number in range(240):
        taste = dice.beta(2, 5)
        n = 1 + int(dice.poisson(2))
        arm = number % 2
        rows.append(
            {
                "unit": number, "variant": arm, "n": n, "one": 1.0,
                "y": int(dice.binomial(n, min(1.0, taste + 0.08 * arm))), "x": int(dice.binomial(8, taste)),
            }
        )  # fmt: skip
    return rows


def ours_experiment() -> Figures:
    rows = _experiment_rows()
    with tempfile.TemporaryDirectory() as folder:
        log, before = Log(Path(folder)), []
        for row in rows:
            said = {
                "experiment_id": "t", "experiment_variant": ("control", "other")[row["variant"]],
                "unit_type": "anonymous_id", "unit_id": f"u{row['unit']:03d}",
            }  # fmt: skip
            for nth in range(row["n"]):
                request = f"u{row['unit']:03d}-{nth}"
                log.show(request, ["a", "b"], context=said)
                if nth < row["y"]:
                    log.act(request, "b")
            before += [
                {"ts": at(-60 * (1 + nth)), "item_id": "a", "event_type": "click", "anonymous_id": said["unit_id"]}
                for nth in range(row["x"])
            ]
        path = Path(folder) / "before.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in before))
        dataset = {**log.dataset(), "preperiod": {"type": "jsonl", "path": str(path)}}
        asked = {
            "experiment_id": "t", "primary_metrics": ["ctr"], "cuped": {"metric": "ctr", "days": 7},
            "inference": "fixed", "planned_n": 240,
        }  # fmt: skip
        report = evaluate(dataset=dataset, config={"mode": "experiment", "experiment": asked})
    (cuped,) = report.experiment.effects
    (plain,) = [line for line in report.experiment.sensitivity if line.way == "plain"]
    return [
        plain.absolute, plain.interval.low, plain.interval.high,
        cuped.absolute, cuped.fixed.low, cuped.fixed.high, cuped.relative_interval.low, cuped.relative_interval.high,
        cuped.p_fixed,
    ]  # fmt: skip


def oracle_experiment() -> Figures:
    import pandas as pd
    import tea_tasting as tt

    frame = pd.DataFrame(_experiment_rows())
    plain = tt.RatioOfMeans("y", "n", equal_var=False).analyze(frame, 0, 1, "variant")
    cuped = tt.RatioOfMeans("y", "n", "x", "one", equal_var=False).analyze(frame, 0, 1, "variant")
    return [
        plain.effect_size, plain.effect_size_ci_lower, plain.effect_size_ci_upper,
        cuped.effect_size, cuped.effect_size_ci_lower, cuped.effect_size_ci_upper,
        cuped.rel_effect_size_ci_lower, cuped.rel_effect_size_ci_upper, cuped.pvalue,
    ]  # fmt: skip
