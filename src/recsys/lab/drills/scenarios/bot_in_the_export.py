"""One bot made half of a day's events. The checks stop the nightly run before anything is published."""

from recsys.errors import RecsysError
from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, DrillFailed, Expected, Finding, Scenario, good_lists


def _run(sandbox: Sandbox) -> None:
    try:
        sandbox.build(sandbox.export_with_a_scraper(), days=29, reason="nightly run")
    except RecsysError:
        return
    raise DrillFailed("a run shipped what a bot made")


def _without_it(sandbox: Sandbox, _finding: Finding) -> None:
    sandbox.build(reason="the bot is filtered")


scenario = Scenario(
    title="A bot in the export is stopped by the checks",
    acts=(
        Act(
            happens=_run,
            expected=Expected(symptom="validation-failed", cause="the last run was stopped at"),
            pull=_without_it,
            cured=good_lists,
        ),
    ),
)
