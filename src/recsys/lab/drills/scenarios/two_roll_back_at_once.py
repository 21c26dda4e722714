"""Lists that nobody likes are live, and two people on call pull the printed lever in the same moment."""

import shlex
from concurrent.futures import ThreadPoolExecutor

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Finding, Scenario, items, require


def _both(sandbox: Sandbox, finding: Finding) -> None:
    words = shlex.split(finding["command"])[1:]
    with ThreadPoolExecutor(2) as people:
        codes = sorted(done.returncode for done in people.map(lambda _: sandbox.recsys.tried(*words), range(2)))
    require(codes[0] == 0 and codes[1] in (0, 3), f"two people on one lever: exit codes {codes}")


def _one_change(sandbox: Sandbox) -> None:
    require(sandbox.head["generation"] == sandbox.began + 2, "one incident was ended by more than one change")


scenario = Scenario(
    title="Two people pull the same lever at once",
    acts=(
        Act(
            happens=Sandbox.put_recall_list_without_its_filter,
            expected=Expected(symptom="empty-recs", cause="rule recall-list", lever="rules"),
            pull=_both,
            cured=items,
        ),
    ),
    afterwards=_one_change,
)
