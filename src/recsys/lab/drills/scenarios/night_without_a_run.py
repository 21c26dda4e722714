"""The nightly run was not scheduled after the machine was replaced: the data ends four days ago."""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Finding, Scenario, good_lists


def _old(sandbox: Sandbox) -> None:
    sandbox.build(days_ago=5, reason="nightly run", force=True)


def _run(sandbox: Sandbox, _finding: Finding) -> None:
    sandbox.build(reason="the run that was missed")


scenario = Scenario(
    title="No nightly run for four days",
    acts=(
        Act(
            happens=_old,
            expected=Expected(symptom="stale", cause="no pipeline run has shipped newer data"),
            pull=_run,
            cured=good_lists,
        ),
    ),
)
