"""The pages about evaluation say what the code does."""

import re
from pathlib import Path

import pytest
import yaml

from recsys.evaluation import errors
from recsys.evaluation.aa import rules as aa
from recsys.evaluation.config import read_config
from recsys.evaluation.experiment.rules import RULES
from recsys.evaluation.explaining.explain import SYMPTOMS
from recsys.evaluation.interleaving import rules as interleaving
from recsys.evaluation.joining.joins import REASONS
from recsys.evaluation.measuring.metrics import METRICS
from recsys.evaluation.offline import rules as offline
from recsys.evaluation.ope import rules as ope
from recsys.evaluation.ope.config import OpeSettings
from recsys.evaluation.parts import EXIT_CODES
from recsys.evaluation.reading.dataset import read_dataset
from recsys.evaluation.settings import Integrity

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
EXPERIMENTS = (DOCS / "reference" / "experiments.md").read_text(encoding="utf-8")
TROUBLE = (DOCS / "reference" / "troubleshooting-evaluation.md").read_text(encoding="utf-8")
HOW_TOS = {
    name: (DOCS / "how-to" / f"{name}.md").read_text(encoding="utf-8")
    for name in (
        "evaluate-offline",
        "judge-an-experiment",
        "judge-an-interleaving",
        "judge-off-policy",
        "check-with-an-a-a",
    )
}


def test_every_metric_has_its_section_and_no_other_has():
    assert set(re.findall(r"^### (\w+)$", REFERENCE, flags=re.MULTILINE)) == set(METRICS)


def test_every_check_is_listed(tiny):
    for check in tiny.run().integrity:
        assert f"| `{check.name}` |" in REFERENCE


def test_every_reason_for_dropping_is_listed(tiny):
    for reason in REASONS:
        assert f"`{reason}`" in REFERENCE


@pytest.mark.parametrize("name", Integrity.__struct_fields__)
def test_every_threshold_is_listed_with_its_default(name):
    assert f"`{name}` ({getattr(Integrity(), name):g})" in REFERENCE


@pytest.mark.parametrize(
    "block", [block for text in HOW_TOS.values() for block in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)]
)
def test_the_settings_in_the_how_to_are_good_settings(block):
    kind = block.splitlines()[0]
    read = {"# dataset": read_dataset, "# config": read_config}[kind]
    read(yaml.safe_load(block))


def test_the_rules_of_experiments_stand_in_their_order():
    table = EXPERIMENTS[EXPERIMENTS.index("## The rules") : EXPERIMENTS.index("Why in this order")]
    listed = re.findall(r"^\| `(\w+)` \|.*\| (\w+) \| (\d) \|$", table, flags=re.MULTILINE)
    assert listed == [(rule.name, rule.outcome, str(EXIT_CODES[rule.outcome])) for rule in RULES]


@pytest.mark.parametrize(
    "name", ["sample_ratio", "crossovers", "possible_lift", "enough_units", "assignments_matched", "complement"]
)
def test_every_check_of_experiments_is_listed(name):
    assert f"| `{name}` |" in EXPERIMENTS


def rows(heading: str) -> list[str]:
    section = TROUBLE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)


def test_every_symptom_stands_in_the_order_it_is_asked_in():
    assert rows("Symptoms") == list(SYMPTOMS)


def test_every_rule_that_holds_is_explained():
    rules = [*RULES, *aa.RULES, *interleaving.RULES, *offline.RULES, *ope.RULES]
    assert set(rows("Reasons to hold")) == {rule.name for rule in rules if rule.outcome == "hold"}


def test_every_error_is_explained():
    assert set(rows("Errors")) == {*errors.__all__, "Invalid"}


def test_every_estimator_and_check_of_off_policy_is_listed():
    page = HOW_TOS["judge-off-policy"]
    for name in ("sips", "rips", "iips", "dm", "dr"):
        assert f"| `{name}` |" in page
    for name in ("min_ess", "max_weight_share", "max_mean_off", "max_unsupported", "max_clipped"):
        assert f"`{name}` ({getattr(OpeSettings(), name):g})" in page
