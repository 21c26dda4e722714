"""Drills as they are declared, and their report, without playing one."""

import re
from pathlib import Path

import msgspec
import pytest
from tests.unit.docs.pages import DOCS

from recsys.errors import UsageError
from recsys.lab.drills import names, read_scenario
from recsys.lab.drills.crowd import Served
from recsys.lab.drills.rendering import markdown, write
from recsys.lab.drills.report import Acted, Played, Report, Seconds
from recsys.lab.drills.scenario import Expected
from recsys.lab.machine import this_machine
from recsys.operations.doctor import SYMPTOMS

FINDING = {"symptom": "empty-recs", "cause": "rule x blocks 5 items", "lever": "rules", "command": "recsys …"}


def acted(**changed: object) -> Acted:
    act = Acted(
        symptom="empty-recs",
        cause="rule <b>x</b> | blocks",
        evidence={"empty_rate": 1.0},
        ruled_out=("config: as before",),
        lever="rules",
        command="recsys rules disable x",
        runbook="docs/runbooks/empty-recommendations.md",
        seconds=Seconds(detect=1.5, effect=0.04, recover=6.0),
    )
    return msgspec.structs.replace(act, **changed)


def played(name: str, *acts: Acted, problems: tuple[str, ...] = ()) -> Played:
    return Played(
        name=name,
        title=f"Title of {name}",
        story="What happened.",
        passed=not problems,
        problems=problems,
        acts=acts,
        served=Served(visits=1200, empty=40, failed=3),
        typed=("recsys doctor", "recsys rules disable '<x>'"),
        seconds=12.0,
    )


def report(*scenarios: Played) -> Report:
    return Report(
        at="2026-11-29T22:00:00.000Z",
        version="0.0",
        passed=all(one.passed for one in scenarios),
        seconds=30.0,
        machine=this_machine(),
        scenarios=scenarios,
    )


@pytest.mark.parametrize("name", names())
def test_a_drill_says_what_happens_and_what_must_be_found(name: str) -> None:
    scenario, story = read_scenario(name)
    assert story.endswith(".")
    assert scenario.title
    assert scenario.acts
    for act in scenario.acts:
        assert act.expected.symptom in SYMPTOMS
        re.compile(act.expected.cause)
        assert act.expected.lever or act.pull is not None, "somebody must do something"


def test_every_symptom_of_the_doctor_is_drilled() -> None:
    drilled = {act.expected.symptom for name in names() for act in read_scenario(name)[0].acts}
    assert drilled == set(SYMPTOMS)


def test_a_drill_that_is_not_there_is_answered_with_one_that_is() -> None:
    with pytest.raises(UsageError) as raised:
        read_scenario("rule-blocks-al")
    assert "rule-blocks-all" in raised.value.next_step


@pytest.mark.parametrize(
    "changed", [{"symptom": "stale"}, {"cause": "artifacts"}, {"lever": "artifacts"}, {"lever": None}]
)
def test_another_symptom_cause_or_lever_is_not_what_was_expected(changed: dict[str, str | None]) -> None:
    assert Expected(symptom="empty-recs", cause="rule x", lever="rules").matches(FINDING)
    assert not Expected(symptom="empty-recs", cause="rule x", lever="rules").matches({**FINDING, **changed})


def test_the_report_is_written_three_times_and_escaped(tmp_path: Path) -> None:
    made = report(played("a", acted(), acted(lever=None, command=None)), played("b", problems=("<i>not</i> found",)))
    files = write(made, tmp_path / "out")
    assert [path.name for path in files] == ["report.json", "report.md", "report.html"]
    assert msgspec.json.decode(files[0].read_bytes(), type=Report) == made
    page, text = files[2].read_text(), files[1].read_text()
    assert "<b>x</b>" not in page
    assert "<i>not</i>" not in page
    assert "1 of 2 incidents found and ended" in page
    assert "http" not in page, "it fetches nothing"
    assert "| a | passed | empty-recs | rules | 1.5 s | 0.04 s | 6.0 s |" in text
    assert "| b | FAILED |" in text
    assert "<i>" not in text


def test_a_report_without_incidents_can_be_read() -> None:
    assert "0 of 1 passed" in markdown(report(played("b", problems=("it did not start",))))


def test_the_page_of_drills_lists_each() -> None:
    listed = set(re.findall(r"^\| ([a-z-]+) \| passed \|", (DOCS / "reference/drills.md").read_text(), re.MULTILINE))
    assert listed == set(names()), "play them again and keep the table: see the page"
