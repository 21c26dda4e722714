"""The pages about evaluation say what the code does."""

import re
from pathlib import Path

import pytest
import yaml

from recsys.evaluation.config import Integrity, read_config
from recsys.evaluation.dataset import read_dataset
from recsys.evaluation.joins import REASONS
from recsys.evaluation.metrics import METRICS

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to" / "evaluate-offline.md").read_text(encoding="utf-8")


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


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", HOW_TO, flags=re.DOTALL))
def test_the_settings_in_the_how_to_are_good_settings(block):
    kind = block.splitlines()[0]
    read = {"# dataset": read_dataset, "# config": read_config}[kind]
    read(yaml.safe_load(block))
