"""A recall list was exported without its filter and put into the rules: every item is on it."""

from recsys.lab.drills.sandbox import Sandbox
from recsys.lab.drills.scenario import Act, Expected, Scenario, items

scenario = Scenario(
    title="One rule blocks every item",
    acts=(
        Act(
            happens=Sandbox.put_recall_list_without_its_filter,
            expected=Expected(symptom="empty-recs", cause="rule recall-list.* blocks", lever="rules"),
            cured=items,
        ),
    ),
)
