"""The nightly run was given another country's catalogue, which sells nothing here. Somebody forced it over its gate."""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Scenario, items


def ship_what_is_not_sold_here(sandbox: Sandbox) -> None:
    """Ship a catalogue of which nothing may be shown to the people who come."""
    sandbox.build(catalog=sandbox.catalog_of_another_country(), reason="the gate is in the way", force=True)


scenario = Scenario(
    title="Another country's catalogue empties the shop",
    acts=(
        Act(
            happens=ship_what_is_not_sold_here,
            expected=Expected(symptom="empty-recs", cause="artifacts of generation", lever="artifacts"),
            cured=items,
        ),
    ),
)
