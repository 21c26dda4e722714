"""A scraper's made-up users were in the export. The checks stopped the run; somebody in a hurry forced it, and lists of
what nobody likes were shipped.
"""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Scenario, good_lists

_ENOUGH_VISITS = 900
"""On each side: a fall in clicks must be more than chance."""


def _ship(sandbox: Sandbox) -> None:
    sandbox.crowd.wait(_ENOUGH_VISITS)
    sandbox.build(sandbox.export_with_a_scraper(), reason="it was a busy night", force=True)
    sandbox.crowd.wait(_ENOUGH_VISITS)


scenario = Scenario(
    title="Lists that nobody likes are shipped over the checks",
    acts=(
        Act(
            happens=_ship,
            expected=Expected(symptom="regressed", cause="click .* less .* artifacts", lever="artifacts"),
            cured=good_lists,
        ),
    ),
)
