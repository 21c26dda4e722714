"""The disk of the exporting machine was full: the export ends in the middle of a line."""

import shutil

from recsys.errors import RecsysError
from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, DrillFailed, Expected, Finding, Scenario, good_lists


def _cut(sandbox: Sandbox) -> None:
    shutil.copy(sandbox.events[0], sandbox.folder / "whole.jsonl")
    sandbox.cut_the_export()
    try:
        sandbox.build(days=29, reason="nightly run")
    except RecsysError:
        return
    raise DrillFailed("a run took half a line for an event")


def _export_again(sandbox: Sandbox, _finding: Finding) -> None:
    shutil.copy(sandbox.folder / "whole.jsonl", sandbox.events[0])
    sandbox.build(reason="the export is whole")


scenario = Scenario(
    title="An export that ends in the middle of a line",
    acts=(
        Act(
            happens=_cut,
            expected=Expected(symptom="pipeline-failed", cause="interactions.jsonl"),
            pull=_export_again,
            cured=good_lists,
        ),
    ),
)
