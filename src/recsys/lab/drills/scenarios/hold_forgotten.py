"""Somebody held the artifacts before a holiday and forgot it: nightly runs are refused, data grows old."""

from recsys.errors import Refused
from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, DrillFailed, Expected, Finding, Scenario, good_lists
from recsys.lab.shop import SURFACE


def _held(sandbox: Sandbox) -> None:
    sandbox.build(days_ago=5, reason="nightly run", force=True)
    sandbox.tenant.releases.hold(surface=SURFACE, levers=("artifacts",), reason="holidays")
    try:
        sandbox.build(reason="nightly run")
    except Refused:
        return
    raise DrillFailed("a run shipped what is held")


def _resume(sandbox: Sandbox, finding: Finding) -> None:
    sandbox.pull(finding["command"])
    sandbox.build(reason="the run that was held back")


scenario = Scenario(
    title="A forgotten hold, and data that grows old behind it",
    acts=(
        Act(
            happens=_held,
            expected=Expected(symptom="stale", cause="held since .* by night-shift: holidays", lever="resume"),
            pull=_resume,
            cured=good_lists,
        ),
    ),
)
