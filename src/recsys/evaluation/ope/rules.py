"""What to do after an off-policy evaluation, by ordered rules."""

from recsys.evaluation.config import Config
from recsys.evaluation.decision import Facts as Found
from recsys.evaluation.decision import Rule, decide_by, holding
from recsys.evaluation.ope.config import OpeSettings
from recsys.evaluation.ope.results import OpeResult
from recsys.evaluation.parts import Decision
from recsys.evaluation.words import percent, span, times, value_and_span

__all__ = ["RULES", "Facts", "decide"]


class Facts(Found, frozen=True, kw_only=True):
    """All that a decision looks at."""

    asked: OpeSettings
    found: OpeResult


def _said(facts: Facts) -> str:
    found, first = facts.found, facts.found.estimates[0]
    value, within = value_and_span(first.value, first.interval)
    logged, _ = value_and_span(found.logged, found.logged_interval)
    gain = span(first.gain_interval, sign=True)
    return f"a request would earn {value} ({within}) by {first.estimator}, and earned {logged}: a gain of {gain}"


def _gain(facts: Facts, *, better: bool) -> tuple[str, ...]:
    interval = facts.found.estimates[0].gain_interval
    return (_said(facts),) if (interval.low > 0 if better else interval.high < 0) else ()


RULES: tuple[Rule[Facts], ...] = (
    Rule(
        name="integrity",
        outcome="hold",
        finds=holding,
        otherwise="the log says something of the target policy",
        what_to_do="Decide nothing: the log knows too little of what the target policy would show. Log with more "
        "exploration, or try a target nearer to what was shown.",
        lever="none",
    ),
    Rule(
        name="worse",
        outcome="gate_failed",
        finds=lambda facts: _gain(facts, better=False),
        otherwise="the target policy is not known to earn less",
        what_to_do="Do not try it on people: it would earn less.",
        lever="none",
    ),
    Rule(
        name="better",
        outcome="pass",
        finds=lambda facts: _gain(facts, better=True),
        otherwise="the target policy is not known to earn more",
        what_to_do="Go on with an experiment: by the log it would earn more.",
        lever="none",
    ),
    Rule(
        name="undecided",
        outcome="hold",
        finds=lambda facts: (_said(facts),),
        otherwise="",
        what_to_do="More of the log may settle it; an experiment does.",
        lever="none",
    ),
)


def decide(facts: Facts, config: Config) -> Decision:
    """Ask the rules in order; the last always fires."""
    asked, found = facts.asked, facts.found
    first = found.estimates[0]
    return decide_by(
        RULES,
        facts,
        how_sure=f"{times(found.requests, 'request')} of {times(found.units, 'unit')} ({asked.unit}); intervals are "
        f"{percent(config.confidence)}, of the estimator itself, over units. They hold if the logged propensities "
        "are true.",
        inputs={"estimator": first.estimator, "value": first.value, "gain": first.gain, "logged": found.logged},
        thresholds={"confidence": asked.confidence, "min_propensity": asked.min_propensity},
    )
