"""A limit was to be 100 and was typed as 1: every list has one item, and people find less to click."""

from recsys.lab.drills.sandbox import NIGHTLY_H, Sandbox
from recsys.lab.drills.scenario import Act, Answer, Expected, Scenario

_ENOUGH_VISITS = 600
"""On each side: a fall in clicks must be more than chance."""


def _mistype(sandbox: Sandbox) -> None:
    sandbox.crowd.wait(_ENOUGH_VISITS)
    sandbox.put_config({"limits": {"max_k": 1}, "freshness_slo_h": NIGHTLY_H}, reason="longer lists")
    sandbox.crowd.wait(_ENOUGH_VISITS)


def _whole_lists(_sandbox: Sandbox, answer: Answer) -> bool:
    return len(answer["items"]) > 1


scenario = Scenario(
    title="A limit is mistyped, and lists have one item",
    acts=(
        Act(
            happens=_mistype,
            expected=Expected(symptom="regressed", cause="click .* less .* config", lever="config"),
            cured=_whole_lists,
        ),
    ),
)
