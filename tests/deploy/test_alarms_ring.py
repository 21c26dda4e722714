"""Promtool plays each alarm's cases: it rings when it must, and only then."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.alarms import ALSO, CASES, DAY
from tests.deploy.rules import ALARMS, GROUPS, PROMTOOL, RECORDED, names_in, needs_promtool

pytestmark = [pytest.mark.long, needs_promtool]


def rules_for(alarm: str) -> list[dict[str, Any]]:
    """Return the groups with this alarm and what it asks for alone: playing days of all of them takes minutes."""
    wanted, known = {alarm}, names_in(ALARMS[alarm]["expr"])
    while not known <= wanted:
        wanted |= known
        known = {name for one in wanted & set(RECORDED) for name in names_in(RECORDED[one])}
    return [
        {**group, "rules": kept}
        for group in GROUPS
        if (kept := [rule for rule in group["rules"] if (rule.get("alert") or rule["record"]) in wanted])
    ]


def scene(alarm: str, after: int, series: dict[str, str], *, step: int, rings: bool) -> dict[str, Any]:
    firing = f'count(ALERTS{{alertname="{alarm}",alertstate="firing"}})'
    expected = [{"labels": "{}", "value": 1}] if rings else []
    return {
        "interval": f"{step}m",
        "input_series": [{"series": one, "values": every(step, values)} for one, values in series.items()],
        "promql_expr_test": [{"expr": f"{firing} > bool 0", "eval_time": f"{after}m", "exp_samples": expected}],
    }


def every(step: int, values: str) -> str:
    """Write a series of a sample a minute as one of a sample in so many."""
    if step == 1:
        return values

    def part(found: re.Match[str]) -> str:
        return f"{found['begin']}+{float(found['by'] or 0) * step:g}x{int(found['times']) // step}"

    return re.sub(r"(?P<begin>[\d.]+)(?:\+(?P<by>[\d.]+))?x(?P<times>\d+)", part, values)


def test_every_alarm_rings_when_it_must_and_only_then(tmp_path: Path):
    files = []
    for alarm, case in CASES.items():
        groups = rules_for(alarm)
        step = 1 if case.after < DAY else 10  # a rule that looks back for three days is dear
        (tmp_path / f"{alarm}.rules.yaml").write_text(yaml.safe_dump({"groups": groups}, sort_keys=False))
        scenes = [scene(alarm, case.after, case.rings, step=step, rings=True)]
        scenes += [scene(alarm, case.after, quiet, step=step, rings=False) for quiet in case.quiet]
        scenes += [scene(alarm, after, series, step=step, rings=True) for after, series in ALSO.get(alarm, ())]
        content = {
            "rule_files": [f"{alarm}.rules.yaml"],
            "evaluation_interval": f"{step}m",
            "group_eval_order": [group["name"] for group in groups],
            "tests": scenes,
        }
        files.append(tmp_path / f"{alarm}.yaml")
        files[-1].write_text(yaml.safe_dump(content, sort_keys=False))
    done = subprocess.run([PROMTOOL, "test", "rules", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == len(ALARMS)
