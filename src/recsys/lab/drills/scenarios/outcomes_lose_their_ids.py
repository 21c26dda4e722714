"""A new version of the shop sends clicks with an id of its own making: outcomes find no exposure."""

import time
import uuid

from recsys.encoding import rfc3339
from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Finding, Scenario, live

_CLICKS = 400


def _wrong_ids(sandbox: Sandbox) -> None:
    clicks = [
        {
            "request_id": str(uuid.uuid4()),
            "item_id": sandbox.item_ids[number % 10],
            "event_type": "click",
            "ts": rfc3339(time.time()),
            "event_id": str(uuid.uuid4()),
        }
        for number in range(_CLICKS)
    ]
    sandbox.probes.send(clicks)


def _version_taken_back(_sandbox: Sandbox, _finding: Finding) -> None:
    """The shop's own rollback: from now on its clicks name the request again."""


scenario = Scenario(
    title="Clicks that belong to no answer",
    acts=(
        Act(
            happens=_wrong_ids,
            expected=Expected(symptom="eval-wrong", cause="low_joins"),
            pull=_version_taken_back,
            cured=live,
            lasts=True,
        ),
    ),
)
