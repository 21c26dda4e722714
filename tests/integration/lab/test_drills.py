"""Every drill is played: the real service, pipelines and store; what fails here is not found or not ended at night."""

from dataclasses import replace
from pathlib import Path

import pytest

from recsys.lab.drills import names, read_scenario
from recsys.lab.drills.playing import play
from recsys.lab.drills.report import Played
from recsys.lab.drills.sandbox import make_template
from recsys.lab.drills.scenario import Scenario

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drills")
    make_template(folder)
    return folder


def played(name: str, scenario: Scenario, template: Path, folder: Path) -> Played:
    return play(name, scenario, story="", template=template, folder=folder / name)


@pytest.mark.parametrize("name", names())
def test_the_incident_is_found_and_ended(name: str, template: Path, tmp_path: Path) -> None:
    scenario, _story = read_scenario(name)
    done = played(name, scenario, template, tmp_path)
    assert done.problems == ()
    assert len(done.acts) == len(scenario.acts)
    assert done.served.visits > 0


def test_a_wrong_lever_fails_the_drill(template: Path, tmp_path: Path) -> None:
    scenario, _story = read_scenario("rule-blocks-all")
    (act,) = scenario.acts
    expected = replace(act.expected, lever="artifacts")
    done = played("wrong", replace(scenario, acts=(replace(act, expected=expected),)), template, tmp_path)
    assert not done.passed
    assert "the doctor would pull rules, for empty-recs" in done.problems[0]
    assert done.acts == ()
