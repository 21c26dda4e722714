"""What to do after an offline evaluation, by ordered rules."""

from collections.abc import Callable

import msgspec

from recsys.evaluation.config import Config
from recsys.evaluation.decision import Facts as Found
from recsys.evaluation.decision import Rule, decide_by, holding, listed
from recsys.evaluation.offline.results import GateResult
from recsys.evaluation.parts import Decision
from recsys.evaluation.words import times

__all__ = ["RULES", "Facts", "decide"]


class Facts(Found, frozen=True, kw_only=True):
    """All that a decision looks at."""

    gates: tuple[GateResult, ...]
    has_baseline: bool


def _gates(state: str) -> Callable[[Facts], tuple[str, ...]]:
    return lambda facts: tuple(gate.sentence for gate in facts.gates if gate.state == state)


def _passing(facts: Facts) -> tuple[str, ...]:
    if any(gate.state == "not_judged" for gate in facts.gates):
        return ()
    return _gates("pass")(facts)


def _unjudged(facts: Facts) -> tuple[str, ...]:
    if not facts.gates:
        return (f"only the data was judged: {_data_judged(facts)}", "the config names no gate")
    waiting = listed([gate.metric for gate in facts.gates if gate.state == "not_judged"])
    unjudged = f"there was no baseline, which was allowed, so nothing was judged for a drop: {waiting}"
    held = _gates("pass")(facts)
    return (*held, unjudged) if held else (f"only the data was judged: {_data_judged(facts)}", unjudged)


def _data_judged(facts: Facts) -> str:
    """Say which checks the data passed, and which it gave no means to make."""
    sound = listed([check.name for check in facts.integrity if check.state == "ok"])
    unmeasured = listed([check.name for check in facts.integrity if check.state == "unmeasured"])
    return f"{sound} are in order" + (f"; {unmeasured} could not be measured" if unmeasured else "")


RULES: tuple[Rule[Facts], ...] = (
    Rule(
        name="integrity",
        outcome="hold",
        freezes=True,
        finds=holding,
        otherwise="the data can be trusted",
        what_to_do="Decide nothing on this data. Find out why it is so, repair the logging or the export, run again.",
        lever="none: hold ships until the data is sound (`recsys releases hold`)",
    ),
    Rule(
        name="gates_failed",
        outcome="gate_failed",
        finds=_gates("fail"),
        otherwise="no gate failed",
        what_to_do="Do not ship what was judged. Look at the slices for where it lost, change it, run again.",
        lever="none while it is not live; if it is already, roll back the surface's artifacts",
    ),
    Rule(
        name="gates_unclear",
        outcome="hold",
        finds=_gates("unclear"),
        otherwise="every gate that was judged is settled",
        what_to_do="Do not ship yet: the data allows good and bad. Judge more requests.",
        lever="none",
    ),
    Rule(
        name="gates_passed",
        outcome="pass",
        finds=_passing,
        otherwise="not every gate was judged",
        what_to_do="It may go on: every gate holds with its interval.",
        lever="none",
    ),
    Rule(
        name="nothing_to_compare",
        outcome="pass",
        finds=_unjudged,
        otherwise="",
        what_to_do="Keep this report as the baseline of the next run; by itself it is no reason to ship.",
        lever="none",
    ),
)


def decide(facts: Facts, config: Config) -> Decision:
    """Ask the rules in order; the last always fires."""
    assert config.offline is not None
    return decide_by(
        RULES,
        facts,
        how_sure=_how_sure(facts, config),
        inputs={"gates": {gate.metric: _gate_inputs(gate) for gate in facts.gates}},
        thresholds={
            "gates": {gate.metric: {"max_drop": gate.max_drop, "min_value": gate.min_value} for gate in facts.gates},
            "confidence": config.confidence,
        },
    )


def _gate_inputs(gate: GateResult) -> dict[str, object]:
    whole = msgspec.to_builtins(gate)
    return {name: whole[name] for name in ("value", "interval", "comparison", "state")}


def _how_sure(facts: Facts, config: Config) -> str:
    data = facts.data
    base = (
        f"Judged on {times(data.requests, 'request')} of {times(data.units, 'user')} "
        f"from {data.window_start[:10]} to {data.window_end[:10]}; "
        f"{data.requests_with_relevant:,} of them led to something. "
        f"Intervals are {100 * config.confidence:g}%, with users as units: "
        "one user's requests are not independent. "
    )
    if data.lists == "logged":
        return (
            base + "These are the lists that were shown: they tell how the live system did, "
            "not how another would have done."
        )
    if config.attribution.require_shown:
        return (
            base + "Outcomes come only from what was shown then, so a list of other items is judged "
            "more harshly than it deserves."
        )
    return base + "Outcomes on items that were not shown count too."
