"""Somebody edited the end of the nightly run's window: each run ends well, a moment ago, and its data is old."""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Finding, Scenario, good_lists


def _wrong_window(sandbox: Sandbox) -> None:
    sandbox.build(days=26, days_ago=4, reason="nightly run", force=True)


def _right_window(sandbox: Sandbox, _finding: Finding) -> None:
    sandbox.build(reason="the window ends yesterday")


scenario = Scenario(
    title="A run of a moment ago, over last week's data",
    acts=(
        Act(
            happens=_wrong_window,
            expected=Expected(symptom="stale", cause="no pipeline run has shipped newer data"),
            pull=_right_window,
            cured=good_lists,
        ),
    ),
)
