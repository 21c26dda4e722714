"""Artifacts that show nothing are live, and then the disk of the store goes away: nobody can roll back. Each host can
be kept at what it served before; when the store is back, the release is taken back and the host let go.
"""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Answer, Expected, Finding, Scenario, items, live
from recsys.lab.drills.scenarios.catalog_of_another_country import ship_what_is_not_sold_here

_PEOPLE_WHO_SEE_IT = 80


def _and_the_store_goes_away(sandbox: Sandbox) -> None:
    ship_what_is_not_sold_here(sandbox)
    sandbox.crowd.wait(_PEOPLE_WHO_SEE_IT)
    sandbox.store_goes_away()


def _take_back_and_let_go(sandbox: Sandbox, finding: Finding) -> None:
    sandbox.pull(finding["command"])
    sandbox.recsys.run("unpin")


def _live_with_items(sandbox: Sandbox, answer: Answer) -> bool:
    return live(sandbox, answer) and items(sandbox, answer)


scenario = Scenario(
    title="Bad artifacts, and the store is down",
    acts=(
        Act(
            happens=_and_the_store_goes_away,
            expected=Expected(symptom="empty-recs", cause="the store is away", lever="pin"),
            cured=items,
            lasts=True,
        ),
        Act(
            happens=Sandbox.store_comes_back,
            expected=Expected(symptom="empty-recs", cause="artifacts of generation", lever="artifacts"),
            pull=_take_back_and_let_go,
            cured=_live_with_items,
        ),
    ),
)
