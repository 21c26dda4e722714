"""The disk of the store goes away for a while. Answers go on from what hosts have; nothing can be shipped."""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Finding, Scenario, live


def _bring_back(sandbox: Sandbox, _finding: Finding) -> None:
    sandbox.store_comes_back()


scenario = Scenario(
    title="The store is down",
    acts=(
        Act(
            happens=Sandbox.store_goes_away,
            expected=Expected(symptom="not-ready", cause="the store does not answer"),
            pull=_bring_back,
            cured=live,
        ),
    ),
)
