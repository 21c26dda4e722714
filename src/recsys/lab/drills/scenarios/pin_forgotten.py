"""During an incident a host was kept at an older release, and nobody let it go: it does not follow what is shipped."""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Answer, Expected, Scenario, live


def _forget(sandbox: Sandbox) -> None:
    sandbox.recsys.run("pin", "--generation", str(sandbox.began), "--reason", "an incident of last week")
    sandbox.build(days=29, reason="nightly run")


def _newest(sandbox: Sandbox, answer: Answer) -> bool:
    return live(sandbox, answer) and bool(answer["meta"]["generation"] == sandbox.began + 1)


scenario = Scenario(
    title="A host that was pinned and forgotten",
    acts=(
        Act(
            happens=_forget,
            expected=Expected(symptom="not-ready", cause="pinned", lever="unpin"),
            cured=_newest,
        ),
    ),
)
