"""What about an experiment's data, or its result, is too strange to decide on."""

from collections.abc import Sequence
from typing import Literal

from recsys.evaluation.engine import Engine
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.experiment.effects import Measures
from recsys.evaluation.experiment.results import Effect
from recsys.evaluation.experiment.trial import Trial
from recsys.evaluation.joining.outcomes import DELAYS, late, late_sentence
from recsys.evaluation.measuring.metrics import metric_named
from recsys.evaluation.parts import Check
from recsys.evaluation.statistics import sequential
from recsys.evaluation.statistics.sample_ratio import sample_ratio
from recsys.evaluation.words import figure, percent, times

__all__ = [
    "IMPOSSIBLE",
    "check_agreement",
    "check_arm_clocks",
    "check_assigned",
    "check_complement",
    "check_enough",
    "check_lifts",
    "check_measured",
]

_SURE = 0.001

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


def check_agreement(engine: Engine, asked: ExperimentSettings, most_late: float) -> tuple[Check, Check]:
    """Hold when assignments and exposures of the same requests name different arms, and when assignments come after the
    requests they decided: what was served before a unit's assignment is not analysed.
    """
    named, others, both, late, typical = engine.row(
        "SELECT count(e.variant), count_if(a.variant <> e.variant), count(*), count_if(a.ts_us > e.ts_us), "
        "quantile_disc(a.ts_us - e.ts_us, 0.5) FILTER (a.ts_us > e.ts_us) "
        "FROM assigned AS a JOIN exposures AS e USING (request_id)"
    )
    share = others / named if named else 0.0
    said = f"{percent(share)} of assignments name another arm than the exposure of their request"
    said += f"; {percent(asked.max_crossovers)} may"
    late_share = late / both if both else 0.0
    clocks = "assignments come before what they decided"
    if late:
        clocks = (
            f"{percent(late_share)} of assignments come after the exposure of their request "
            f"({percent(most_late)} may), typically {figure(typical / 3.6e9)} h after: do their clocks agree?"
        )
    return (
        _check("assignments_agree", share, asked.max_crossovers, said, holds=share > asked.max_crossovers),
        _check("assignment_clocks", late_share, most_late, clocks, holds=late_share > most_late),
    )


def check_arm_clocks(engine: Engine, most: float) -> Check:
    """Hold when the outcomes of one arm come before their exposures, or none soon after: a clock off in a small arm is
    lost among all, and the arm's outcomes with it.
    """
    from scipy.stats import binom

    rows = engine.rows(
        f"SELECT arm, {DELAYS} FROM matched JOIN (SELECT request, unit FROM evaluated) AS e USING (request) "  # noqa: S608
        "JOIN arms ON arms.unit = e.unit GROUP BY arm ORDER BY arm"
    )
    worst, said, holds = 0.0, "outcomes of every arm come after their exposures", False
    for arm, matched, early, typical, acted, soon, typical_act in rows:
        share = early / matched
        # Of a small arm a few are no finding.
        if share > max(worst, most) and binom.sf(early - 1, matched, most) < _SURE:
            worst, holds = share, True
            said = f"{percent(share)} of outcomes of {arm} come before their exposure ({percent(most)} may), typically "
            said += f"{figure(-typical / 3.6e9)} h before: is the clock of one arm off?"
        elif late(acted, soon) and not holds:
            holds, said = True, f"of {arm}: {late_sentence(acted, soon, typical_act)}"
    return _check("clocks_by_arm", worst, most, said, holds=holds)


def check_measured(effects: Sequence[Effect]) -> Check:
    """Hold when a metric is 0 in every arm: that neither arm has a conversion says nothing of conversions."""
    found: dict[str, bool] = {}
    for each in effects:
        if metric_named(each.metric).family in ("ranking", "rate"):
            found[each.metric] = found.get(each.metric, False) or bool(each.control or each.candidate)
    nothing = [metric for metric, something in found.items() if not something]
    said = "every metric has something to count"
    if nothing:
        said = f"{', '.join(nothing)} is 0 in every arm: nothing of it was seen, so nothing of it is known"
    return _check("arms_measured", float(len(nothing)), 0.0, said, holds=bool(nothing))


def _check(name: str, value: float, threshold: float, said: str, *, holds: bool) -> Check:
    return Check(name=name, state="hold" if holds else "ok", value=value, threshold=threshold, sentence=said)


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
