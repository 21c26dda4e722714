"""What to do with an experiment, by ordered rules.

A guardrail that is not settled is asked after the rules that roll back: it keeps from shipping, and must not keep an
arm alive that is known to be worse.
"""

from collections.abc import Callable

from recsys.evaluation.config import Config
from recsys.evaluation.decision import Facts as Found
from recsys.evaluation.decision import Rule, decide_by, holding
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.experiment.results import Effect, ExperimentResult
from recsys.evaluation.parts import Decision
from recsys.evaluation.words import figure, percent, span, times

__all__ = ["RULES", "Facts", "decide"]


class Facts(Found, frozen=True, kw_only=True):
    """All that a decision looks at."""

    asked: ExperimentSettings
    found: ExperimentResult


def _ceilings(facts: Facts) -> tuple[str, ...]:
    return tuple(
        f"{arm.variant} breaks its ceiling of {arm.metric}: {percent(arm.rate)} of {arm.requests:,} requests, at least "
        f"{percent(arm.at_least)} whenever one looks, and {percent(arm.allowed)} is allowed"
        for arm in facts.found.ceilings
        if arm.broken and arm.variant != facts.found.control
    )


def _too_early(facts: Facts) -> tuple[str, ...]:
    asked, units = facts.asked, facts.found.units
    if asked.inference != "fixed" or asked.planned_n is None or units >= asked.planned_n:
        return ()
    return (
        f"{units:,} of the planned {asked.planned_n:,} units are in; a fixed interval holds at the planned look alone",
    )


def _guardrails(*states: str) -> Callable[[Facts], tuple[str, ...]]:
    return lambda facts: tuple(guard.sentence for guard in facts.found.guardrails if guard.state in states)


def _primary_worse(facts: Facts) -> tuple[str, ...]:
    return tuple(_said(each) for each in facts.found.effects if "primary" in each.roles and each.verdict == "worse")


def _deteriorated(facts: Facts) -> tuple[str, ...]:
    return tuple(
        f"{_said(each)}, sure also among all metrics (p {each.p_any_worse:.2g})"
        for each in facts.found.effects
        if each.p_any_worse <= facts.asked.alpha and _is_loss(each)
    )


def _success(facts: Facts) -> tuple[str, ...]:
    better = [each for each in facts.found.effects if "success" in each.roles and each.verdict == "better"]
    return tuple(_said(each) for each in better)


def _undecided(facts: Facts) -> tuple[str, ...]:
    found = [
        f"{_said(each)}; an effect of {figure(each.minimum_detectable)} would have been found{_waits(each)}"
        for each in facts.found.effects
        if {"primary", "success"} & set(each.roles)
    ]
    return tuple(found) or ("no metric is to get better",)


def _waits(each: Effect) -> str:
    if each.units_needed is None:
        return ""
    if each.units_needed <= each.units:
        return ", which is as small as the config asks for: there is no such effect"
    days = "" if each.days_needed is None else f", some {each.days_needed:.0f} days more at this pace"
    return f"; the smallest that matters needs {each.units_needed:,} units{days}"


def _is_loss(each: Effect) -> bool:
    return each.absolute > 0 if each.lower_is_better else each.absolute < 0


def _said(each: Effect) -> str:
    """Write an effect as people say it."""
    way = "stayed" if each.absolute == 0 else "rose" if each.absolute > 0 else "fell"
    moved = f"{each.metric} of {each.variant} {way} from {figure(each.control)} to {figure(each.candidate)}"
    if each.relative is None or each.relative_interval is None:
        return f"{moved} (change {span(each.interval, sign=True)}, p {each.p_adjusted:.2g})"
    low, high = percent(each.relative_interval.low), percent(each.relative_interval.high)
    return f"{moved}, by {percent(abs(each.relative))} (change {low} to {high}, p {each.p_adjusted:.2g})"


RULES: tuple[Rule[Facts], ...] = (
    Rule(
        name="operational_harm",
        outcome="abort",
        finds=_ceilings,
        otherwise="no arm breaks a ceiling on all its requests",
        what_to_do="Abort the arm now, whatever else the data says. Then find out why it fails: `recsys doctor`.",
        lever="`recsys candidate abort SURFACE`, or take the experiment out of the config",
    ),
    Rule(
        name="integrity",
        outcome="hold",
        freezes=True,
        finds=holding,
        otherwise="the data can be trusted",
        what_to_do="Decide nothing and leave the share as it is. Find out why the data is so, mend it, and begin anew "
        "under a new id.",
        lever="hold: `recsys releases hold --reason …`",
    ),
    Rule(
        name="guardrail_harmed",
        outcome="rollback",
        finds=_guardrails("harmed", "over_ceiling"),
        otherwise="no guardrail is harmed",
        what_to_do="Take the arm back: it harms what it must not, by more than was allowed.",
        lever="`recsys candidate abort SURFACE`, or take the experiment out of the config",
    ),
    Rule(
        name="planned_look",
        outcome="hold",
        finds=_too_early,
        otherwise="intervals hold at this look",
        what_to_do="Wait for the planned number of units. To look earlier, let inference be sequential from the start.",
        lever="none",
    ),
    Rule(
        name="primary_worse",
        outcome="rollback",
        finds=_primary_worse,
        otherwise="no primary metric is worse",
        what_to_do="Take the arm back: what it was to improve got worse.",
        lever="`recsys candidate abort SURFACE`, or take the experiment out of the config",
    ),
    Rule(
        name="deteriorated",
        outcome="hold",
        freezes=True,
        finds=_deteriorated,
        otherwise="nothing measured got worse",
        what_to_do="Do not ship. Decide whether the loss is worth it, or change the candidate.",
        lever="none",
    ),
    Rule(
        name="guardrail_unclear",
        outcome="hold",
        finds=_guardrails("unclear"),
        otherwise="every guardrail is known not to be harmed",
        what_to_do="Do not ship yet: more units would tell whether a guardrail is harmed.",
        lever="none",
    ),
    Rule(
        name="success",
        outcome="ship",
        finds=_success,
        otherwise="no success metric is better",
        what_to_do="Ship it: it is better, and harms nothing that is watched.",
        lever="`recsys candidate promote SURFACE`, or put the variant's settings into the config",
    ),
    Rule(
        name="undecided",
        outcome="hold",
        finds=_undecided,
        otherwise="",
        what_to_do="Go on, or end it as a draw if no effect that matters is left to be found.",
        lever="none",
    ),
)


def decide(facts: Facts, config: Config) -> Decision:
    """Ask the rules in order; the last always fires."""
    asked, found = facts.asked, facts.found
    return decide_by(
        RULES,
        facts,
        how_sure=_how_sure(facts, config),
        inputs={
            "effects": {
                f"{each.variant} {each.metric}": {
                    "absolute": each.absolute,
                    "interval": each.interval,
                    "p_adjusted": each.p_adjusted,
                    "verdict": each.verdict,
                }
                for each in found.effects
            },
            "guardrails": {f"{guard.variant} {guard.metric}": guard.state for guard in found.guardrails},
            "ceilings": {f"{arm.variant} {arm.metric}": arm.at_least for arm in found.ceilings},
        },
        thresholds={
            "alpha": asked.alpha,
            "inference": asked.inference,
            "planned_n": asked.planned_n,
            "correction": asked.correction,
            "guardrails": {
                guard.metric: {"margin": guard.margin, "relative": guard.relative, "ceiling": guard.ceiling}
                for guard in asked.guardrails
            },
            "ceilings": {f"{arm.variant} {arm.metric}": arm.allowed for arm in found.ceilings},
        },
    )


def _how_sure(facts: Facts, config: Config) -> str:
    asked, found, data = facts.asked, facts.found, facts.data
    arms = ", ".join(f"{arm.variant} {times(arm.units, 'unit')}" for arm in found.arms)
    kind = (
        "They hold at any time, so looking every day is allowed"
        if asked.inference == "sequential"
        else "They hold at the planned look alone"
    )
    return (
        f"{times(data.requests, 'request')} of {times(found.units, 'unit')} ({asked.unit}; {arms}) from "
        f"{data.window_start[:10]} to {data.window_end[:10]}. Intervals are {percent(config.confidence)}, over units "
        f"as they were assigned. {kind}. P-values are corrected for the number of metrics ({asked.correction})."
    )
