"""What about an experiment's data, or its result, is too strange to decide on."""

from collections.abc import Sequence
from typing import Literal

from recsys.evaluation.engine import Engine
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.experiment.effects import Measures
from recsys.evaluation.experiment.results import Effect
from recsys.evaluation.experiment.trial import Trial
from recsys.evaluation.parts import Check
from recsys.evaluation.statistics import sequential
from recsys.evaluation.statistics.sample_ratio import sample_ratio
from recsys.evaluation.words import percent, times

__all__ = ["IMPOSSIBLE", "check_assigned", "check_complement", "check_enough", "check_lifts"]

IMPOSSIBLE = 4.0
"""Standard deviations from 0 beyond which an effect is doubted: of 16,000 experiments one is, by chance."""


def check_lifts(effects: Sequence[Effect], asked: ExperimentSettings) -> Check:
    """Hold on an effect too large to be true (Twyman's law); say what to believe instead."""
    judged = [each for each in effects if each.surprise is not None and {"primary", "success"} & set(each.roles)]
    worst = max(judged, key=lambda each: each.surprise or 0.0, default=None)
    if worst is None or worst.surprise is None or worst.relative is None or worst.shrunk is None:
        return Check(
            name="possible_lift",
            state="unmeasured",
            value=None,
            threshold=IMPOSSIBLE,
            sentence="no effect is relative to anything above 0",
        )
    said = (
        f"{worst.metric} of {worst.variant} moved by {percent(worst.relative)}, {worst.surprise:.1f} standard "
        f"deviations of what effects are like (usual {percent(asked.usual_effect)})"
    )
    if worst.surprise > IMPOSSIBLE:
        said += (
            f": figures that look this good or bad are usually wrong; believe {percent(worst.shrunk)} until logging, "
            "bots and the split are looked at"
        )
    return Check(
        name="possible_lift",
        state="hold" if worst.surprise > IMPOSSIBLE else "ok",
        value=worst.surprise,
        threshold=IMPOSSIBLE,
        sentence=said,
    )


def check_enough(measures: Sequence[Measures], trial: Trial) -> Check:
    """Hold while an arm has fewer units of a metric than intervals that hold at any look are known to hold for."""
    counted = [
        (ratio.units, arm, each.metric.label)
        for each in measures
        for arm in (trial.control, *trial.candidates)
        if (ratio := each.ratios.get(arm)) is not None
    ]
    units, arm, metric = min(counted, default=(0, trial.control, "any metric"))
    least = sequential.LEAST_UNITS
    said = f"{arm} has {times(units, 'unit')} of {metric}; looks at any time begin at {least} an arm"
    state: Literal["ok", "hold"] = "hold" if units < least else "ok"
    return Check(name="enough_units", state=state, value=float(units), threshold=float(least), sentence=said)


def check_assigned(engine: Engine, asked: ExperimentSettings, least: float) -> Check:
    """Hold when too few assignments have the exposure that was served with them."""
    total, matched = engine.row(
        "SELECT count(*), count_if(request_id IN (SELECT request_id FROM exposures)) FROM assignments_read "
        "WHERE experiment_id = $experiment",
        experiment=asked.experiment_id,
    )
    share = matched / total if total else 0.0
    said = f"{percent(share)} of the experiment's assignments have their exposure; at least {percent(least)} must"
    return Check(
        name="assignments_matched", state="hold" if share < least else "ok", value=share, threshold=least, sentence=said
    )


def check_complement(trial: Trial) -> Check:
    """Hold when units that were assigned and saw nothing of it are unequally many: something depends on the arm."""
    shares = {arm: share * trial.seen.get(arm, 0) for arm, share in dict.fromkeys(trial.meant, 1.0).items()}
    seen = {arm: trial.assigned_only.get(arm, 0) for arm in trial.meant}
    if not any(seen.values()):
        return Check(
            name="complement", state="ok", value=0.0, threshold=None, sentence="every assigned unit was served"
        )
    found = sample_ratio(seen, shares)
    total = sum(seen.values())
    said = f"{total:,} assigned units were served nothing of it, p {found.p:.2g} that the arms differ in that by chance"
    holds = found.p < 0.001
    if holds:
        said += ": the arms are not comparable on who was served alone"
    return Check(name="complement", state="hold" if holds else "ok", value=found.p, threshold=0.001, sentence=said)
