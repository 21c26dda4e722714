"""A rollback was typed with the number of a release from before the surface was there: it is served nothing."""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Scenario, good_lists


def _too_far_back(sandbox: Sandbox) -> None:
    sandbox.tenant.releases.rollback("artifacts", surface="home", to=1, reason="back to the first", no_hold=True)


scenario = Scenario(
    title="A surface is rolled back to before it was",
    acts=(
        Act(
            happens=_too_far_back,
            expected=Expected(symptom="empty-recs", cause="nothing is served on home since", lever="artifacts"),
            cured=good_lists,
        ),
    ),
)
