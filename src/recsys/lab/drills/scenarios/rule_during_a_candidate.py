"""A candidate is on trial when a rule blocks everything, in both arms: the rule must go, and the candidate stay."""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Scenario, items, require
from recsys.lab.shop import SURFACE


def _on_trial(sandbox: Sandbox) -> None:
    built = sandbox.build(days=29, reason="a shorter window", ship=False)
    sandbox.recsys.run(
        "candidate", "start", "--surface", SURFACE, "--manifest", built.manifest, "--share", "0.5",
        "--reason", "is a shorter window as good?",
    )  # fmt: skip


def _still_on_trial(sandbox: Sandbox) -> None:
    candidate = sandbox.head["surfaces"][SURFACE].get("candidate")
    require(candidate is not None, "the candidate was ended, and was not at fault")


scenario = Scenario(
    title="A rule breaks a surface while a candidate is on trial",
    before=_on_trial,
    acts=(
        Act(
            happens=Sandbox.put_recall_list_without_its_filter,
            expected=Expected(symptom="empty-recs", cause="rule recall-list", lever="rules"),
            cured=items,
        ),
    ),
    afterwards=_still_on_trial,
)
