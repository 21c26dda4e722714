"""What to do after an interleaving, by ordered rules."""

from recsys.evaluation.config import Config
from recsys.evaluation.decision import Facts as Found
from recsys.evaluation.decision import Rule, decide_by, holding
from recsys.evaluation.interleaving.config import InterleavingSettings
from recsys.evaluation.interleaving.results import InterleavingResult
from recsys.evaluation.parts import Decision
from recsys.evaluation.words import percent, times

__all__ = ["RULES", "Facts", "decide"]


class Facts(Found, frozen=True, kw_only=True):
    """All that a decision looks at."""

    asked: InterleavingSettings
    found: InterleavingResult


def _preferred(facts: Facts, *, candidate: bool) -> tuple[str, ...]:
    found = facts.found
    votes = found.votes
    if found.p > facts.asked.alpha or (votes.wins > votes.losses) is not candidate:
        return ()
    return (_said(facts),)


def _said(facts: Facts) -> str:
    found, votes = facts.found, facts.found.votes
    if votes.share is None or votes.interval is None:
        return f"no unit took more of one list than of the other: {times(votes.ties, 'unit')} without a preference"
    within = f"{percent(votes.interval.low)} to {percent(votes.interval.high)}"
    return (
        f"{times(votes.wins, 'unit')} took more of {found.candidate}, {votes.losses:,} more of {found.control}: "
        f"{percent(votes.share)} of those that prefer one ({within}, p {found.p:.2g})"
    )


RULES: tuple[Rule[Facts], ...] = (
    Rule(
        name="integrity",
        outcome="hold",
        freezes=True,
        finds=holding,
        otherwise="the data can be trusted",
        what_to_do="Decide nothing on this data. Find out why it is so, and begin anew under a new id.",
        lever="none",
    ),
    Rule(
        name="control_preferred",
        outcome="rollback",
        finds=lambda facts: _preferred(facts, candidate=False),
        otherwise="the control is not preferred",
        what_to_do="End it: people take more of what they have.",
        lever="take the experiment out of the config: `recsys config put`",
    ),
    Rule(
        name="candidate_preferred",
        outcome="pass",
        finds=lambda facts: _preferred(facts, candidate=True),
        otherwise="the candidate is not preferred",
        what_to_do="Go on with an experiment of type ab: people prefer the candidate, and how much more they buy, "
        "interleaving cannot tell.",
        lever="none",
    ),
    Rule(
        name="undecided",
        outcome="hold",
        finds=lambda facts: (_said(facts),),
        otherwise="",
        what_to_do="Go on, or end it: no preference is known.",
        lever="none",
    ),
)


def decide(facts: Facts, config: Config) -> Decision:
    """Ask the rules in order; the last always fires."""
    asked, found = facts.asked, facts.found
    kind = "holds at any look" if asked.inference == "sequential" else "holds at the planned look alone"
    return decide_by(
        RULES,
        facts,
        how_sure=f"{times(found.requests, 'list')} of {times(found.units, 'unit')} ({asked.unit}); each unit has one "
        f"say, however often it came. The p-value {kind}; intervals are {percent(config.confidence)} and exact.",
        inputs={"wins": found.votes.wins, "losses": found.votes.losses, "ties": found.votes.ties, "p": found.p},
        thresholds={"alpha": asked.alpha, "inference": asked.inference, "algorithm": asked.algorithm},
    )
