"""Every alarm names figures that exist, how bad it is, a page that helps and a command that runs."""

import re
import shutil
import subprocess
from typing import Any

import pytest
import typer
from tests.deploy.alarms import ALSO, CASES
from tests.deploy.rules import (
    ALARMS,
    PROMTOOL,
    RECORDED,
    REPOSITORY,
    RULES,
    metric_of,
    names_in,
    needs_promtool,
)

from recsys.cli.app import app
from recsys.operations.admin import ROUTES as OPERATIONS
from recsys.operations.doctor import SYMPTOMS
from recsys.operations.pipeline_figures import PIPELINE_METRICS
from recsys.operations.thresholds import THRESHOLDS
from recsys.serving import Settings
from recsys.serving.admin import admin_app
from recsys.serving.counters import LATENCY_BUCKETS_S
from recsys.serving.metrics import METRICS


@needs_promtool
def test_promtool_takes_the_rules():
    done = subprocess.run([PROMTOOL, "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def test_every_alarm_has_a_case_in_which_it_rings_and_one_in_which_it_does_not():
    assert set(CASES) == set(ALARMS)
    assert set(ALSO) <= set(ALARMS)
    assert not [name for name, case in CASES.items() if not case.quiet]


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_it_says_how_bad_it_is_what_it_is_and_where_to_go_on(name: str):
    rule = ALARMS[name]
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    assert re.fullmatch(r"docs/(runbooks|how-to)/[a-z-]+\.md", rule["annotations"]["runbook"])
    assert (REPOSITORY / rule["annotations"]["runbook"]).exists()


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_its_first_command_is_one(name: str):
    words = ALARMS[name]["annotations"]["command"].replace("{{ $labels.tenant }}", "shop").split()
    if words[0] == "curl":
        path = words[-1].removeprefix("localhost:8001")
        assert path in {route.path for route in admin_app(Settings(), more=OPERATIONS).routes}
        return
    if words[0] != "recsys":
        assert shutil.which(words[0])
        return
    command: Any = typer.main.get_command(app())
    rest = words[1:]
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    options = {option for parameter in command.params for option in getattr(parameter, "opts", ())}
    assert {word for word in rest if word.startswith("-")} <= options
    if command.name == "doctor":
        assert rest[0] in SYMPTOMS


def test_every_series_it_asks_for_is_one_that_is_counted_or_recorded():
    asked = {name for rule in ALARMS.values() for name in names_in(rule["expr"])}
    asked |= {name for expression in RECORDED.values() for name in names_in(expression)}
    known = set(METRICS) | set(PIPELINE_METRICS) | {"up"}
    assert not {name for name in asked if name not in RECORDED and metric_of(name) not in known}
    assert not set(RECORDED) - asked, "recorded, and used by no alarm"


def recorded(name: str) -> float:
    value = re.fullmatch(r"vector\(([\d.* ]+)\)", RECORDED[name])
    assert value is not None
    product = 1.0
    for factor in value[1].split("*"):
        product *= float(factor)
    return product


def test_it_judges_as_status_does():
    assert recorded("recsys:empty_answers:page_above") == THRESHOLDS.empty_rate_failing
    assert recorded("recsys:empty_answers:ticket_above") == THRESHOLDS.empty_rate_degraded
    assert recorded("recsys:lower_rungs:ticket_above") == THRESHOLDS.fallback_rate_degraded
    assert recorded("recsys:pipeline_endless:seconds") == THRESHOLDS.run_silent_s
    assert f">= {THRESHOLDS.min_answers}" in ALARMS["RecsysEmptyAnswers"]["expr"]
    assert f"> {THRESHOLDS.freshness_failing_factor:g} * max" in ALARMS["RecsysDataVeryStale"]["expr"]


def test_the_bound_of_latency_is_one_that_is_counted():
    bounds = set(re.findall(r'le="([\d.]+)"', RULES.read_text()))
    assert {float(bound) * 1000 for bound in bounds} == {THRESHOLDS.p99_degraded_ms}
    assert {float(bound) for bound in bounds} <= set(LATENCY_BUCKETS_S)


def test_no_objective_stands_in_two_places():
    expressions = [rule["expr"] for rule in ALARMS.values()]
    assert not [one for one in expressions if re.search(r"0\.999|0\.99\b", one)]


def test_every_alarm_a_page_names_is_one():
    pages = (REPOSITORY / "docs").rglob("*.md")
    named = {name for page in pages for name in re.findall(r"\bRecsys[A-Z]\w+", page.read_text())}
    assert named <= set(ALARMS)
    assert "RecsysStoreUnreachable" in named
