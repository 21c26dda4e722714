"""A campaign pins ten items to the top of every list: the ten that people like least."""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Answer, Expected, Scenario

_ENOUGH_VISITS = 600
"""On each side: a fall in clicks must be more than chance."""


def _pin(sandbox: Sandbox) -> None:
    sandbox.crowd.wait(_ENOUGH_VISITS)
    pin = {"id": "campaign", "action": "pin", "target_type": "item", "item_ids": sandbox.unwanted[:10], "max_pins": 10}
    sandbox.put_rules([pin], reason="campaign")
    sandbox.crowd.wait(_ENOUGH_VISITS)


def _not_pinned(sandbox: Sandbox, answer: Answer) -> bool:
    return bool(answer["items"]) and answer["items"][0]["item_id"] not in sandbox.unwanted


scenario = Scenario(
    title="A campaign pins what nobody wants",
    acts=(
        Act(
            happens=_pin,
            expected=Expected(symptom="regressed", cause="click .* less .* rules", lever="rules"),
            cured=_not_pinned,
        ),
    ),
)
