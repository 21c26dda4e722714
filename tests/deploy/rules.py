"""The alarms as they are, and what an expression asks for."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

__all__ = ["ALARMS", "GROUPS", "PROMTOOL", "RECORDED", "REPOSITORY", "RULES", "metric_of", "names_in", "needs_promtool"]

REPOSITORY = Path(__file__).parents[2]
RULES = REPOSITORY / "deploy/prometheus/recsys.rules.yaml"
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
_ALL = [rule for group in GROUPS for rule in group["rules"]]
ALARMS: dict[str, Any] = {rule["alert"]: rule for rule in _ALL if "alert" in rule}
RECORDED: dict[str, str] = {rule["record"]: rule["expr"] for rule in _ALL if "record" in rule}
PROMTOOL = shutil.which("promtool") or ""
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="there is no promtool (Debian: prometheus)")


def names_in(expression: str) -> set[str]:
    """Return the series an expression asks for."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    return set(re.findall(r"\b(?:recsys[:_][a-zA-Z0-9_:]+|up)\b", bare))


def metric_of(series: str) -> str:
    """Return the metric of a series: a counter's ends in _total, a histogram has three."""
    return re.sub(r"_(total|bucket|count|sum)$", "", series)
