"""Symptom: an effect too large to be true, which nothing else explains."""

from typing import TYPE_CHECKING

from recsys.evaluation.experiment.results import Effect, ExperimentResult, SliceEffect
from recsys.evaluation.explaining.finding import Finding, found, not_seen, ruled_out
from recsys.evaluation.report import Report
from recsys.evaluation.words import percent

if TYPE_CHECKING:
    from recsys.evaluation.explaining.logs import Logs

__all__ = ["check_impossible_lift"]


def check_impossible_lift(report: Report, _logs: "Logs | None") -> Finding | None:
    """Report what the evaluation doubts by Twyman's law, and the slice that carries it."""
    experiment = report.experiment
    if experiment is None:
        return None
    check = next(check for check in report.integrity if check.name == "possible_lift")
    if check.state == "unmeasured":
        return not_seen("impossible_lift", check.sentence)
    if check.state != "hold":
        return ruled_out("impossible_lift", check.sentence)
    judged = [each for each in experiment.effects if {"primary", "success"} & set(each.roles)]
    effect = max(judged, key=lambda each: each.surprise or 0.0)
    slice_ = _carrier(experiment, effect)
    stands_out = f"{slice_.key} = {slice_.value}" if slice_ else None
    evidence: dict[str, object] = {
        "control": effect.control,
        effect.variant: effect.candidate,
        "moved by": percent(effect.relative),
        "believe": percent(effect.shrunk),
        "standard deviations": effect.surprise,
    }
    if slice_:
        evidence[f"in {stands_out}"] = {"control": slice_.control, effect.variant: slice_.candidate}
    return found(
        "impossible_lift",
        f"{effect.metric} of {effect.variant} moved by {percent(effect.relative)}",
        evidence=evidence,
        stands_out=stands_out,
        cause=(
            f"all of it comes from {stands_out}: one client logs the arms differently, or shows something else in them"
            if slice_
            else "the arms are logged, counted or filled differently; if nothing of that is found, usual_effect is too "
            "small for this shop"
        ),
        next_step="compare ten requests of each arm by hand, from list to outcome (recsys why REQUEST_ID); then run it "
        "again for a few days under a new id: a true effect comes back",
    )


def _carrier(experiment: ExperimentResult, effect: Effect) -> SliceEffect | None:
    """Return the slice that has the effect when no other of its key has it, nor may have as much."""
    slices = [each for each in experiment.slices if (each.metric, each.variant) == (effect.metric, effect.variant)]
    for key in dict.fromkeys(each.key for each in slices):
        of_key = [each for each in slices if each.key == key]
        moved = [each for each in of_key if not each.interval.low <= 0 <= each.interval.high]
        if len(of_key) < 2 or len(moved) != 1:
            continue
        others = [each for each in of_key if each is not moved[0]]
        if not any(each.interval.low <= moved[0].absolute <= each.interval.high for each in others):
            return moved[0]
    return None
