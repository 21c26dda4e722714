"""What to do after an A/A check, by ordered rules."""

from recsys.evaluation.aa.results import AaLine, AaResult
from recsys.evaluation.config import Config
from recsys.evaluation.decision import Facts as Found
from recsys.evaluation.decision import Rule, decide_by, holding
from recsys.evaluation.parts import Decision
from recsys.evaluation.words import percent, times

__all__ = ["RULES", "Facts", "decide"]


class Facts(Found, frozen=True, kw_only=True):
    """All that a decision looks at."""

    found: AaResult


def _unsound(facts: Facts) -> tuple[str, ...]:
    return tuple(_said(line, facts) for line in facts.found.lines if not line.sound)


def _sound(facts: Facts) -> tuple[str, ...]:
    return tuple(_said(line, facts) for line in facts.found.lines)


def _said(line: AaLine, facts: Facts) -> str:
    splits = facts.found.splits
    said = (
        f"{line.metric} found a difference in {line.false_positives:,} of {splits:,} splits "
        f"({percent(line.false_positives / splits)}; a sound test finds {line.low:,} to {line.high:,})"
    )
    if line.uniform is None:
        return f"{said}, with few different p-values"
    return f"{said}, p-values even with p {line.uniform:.2g}"


RULES: tuple[Rule[Facts], ...] = (
    Rule(
        name="integrity",
        outcome="hold",
        finds=holding,
        otherwise="the data can be trusted",
        what_to_do="Repair the logging or the export first, and run again.",
        lever="none",
    ),
    Rule(
        name="unsound",
        outcome="hold",
        finds=_unsound,
        otherwise="no metric's test finds too much or too little",
        what_to_do="Do not decide on this metric. It is rare, or a few units make most of it: take another, cap it, or "
        "wait for more units.",
        lever="none",
    ),
    Rule(
        name="sound",
        outcome="pass",
        finds=_sound,
        otherwise="",
        what_to_do="Experiments on these units and metrics find differences where there are none as often as they say.",
        lever="none",
    ),
)


def decide(facts: Facts, config: Config) -> Decision:
    """Ask the rules in order; the last always fires."""
    found = facts.found
    assert config.aa is not None
    return decide_by(
        RULES,
        facts,
        how_sure=f"{times(found.units, 'unit')} ({config.aa.unit}) were split in halves {found.splits:,} times; each "
        f"time nothing was different but chance, and the test of experiments ran at {percent(found.alpha)}.",
        inputs={"false_positives": {line.metric: line.false_positives for line in found.lines}},
        thresholds={"between": {line.metric: [line.low, line.high] for line in found.lines}, "uniform": 0.001},
    )
