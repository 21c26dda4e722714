"""What the doctor found, in the words of a page."""

import pytest

from recsys.console.findings import QUESTIONS, in_words
from recsys.operations.doctor import SYMPTOMS, Finding, levers


def finding(**changes: object) -> Finding:
    values = {"symptom": "empty-recs", "cause": "a rule", "tenant": "demo", "surface": "home", "evidence": {}}
    return Finding(**{**values, **changes})


def test_every_symptom_is_a_question_in_the_order_of_the_checklist() -> None:
    assert tuple(QUESTIONS) == SYMPTOMS
    assert all(question.endswith("?") for question, _more in QUESTIONS.values())


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (levers.disable_rule("demo", "it's 'so'", reason="--to 3"), {"rule": "it's 'so'"}),
        (
            levers.rollback("demo", "artifacts", surface="home", to=4, reason="x --surface y"),
            {"lever": "artifacts", "surface": "home", "to": 4},
        ),
        (levers.rollback("demo", "rules", surface="home", to=4, reason="x"), {"lever": "rules", "to": 4}),
        (levers.resume("demo", surface="home", reason="x"), {"surface": "home"}),
        (levers.resume("demo", surface=None, reason="x"), {}),
        (levers.ship("demo", "home", "sha256:ab", reason="x"), {"surface": "home", "manifest": "sha256:ab"}),
        (levers.pin("demo", 3, reason="x"), {}),
        (levers.unpin("demo", reason="--lever all"), {}),
    ],
)
def test_a_command_of_the_doctor_is_read_as_it_was_written(command: str, expected: dict[str, object]) -> None:
    pulled = levers.read(command)
    named = {name: getattr(pulled, name) for name in ("rule", "lever", "surface", "to", "manifest")}
    assert {name: value for name, value in named.items() if value is not None} == expected


def test_what_was_tried_is_told_apart_from_what_was_seen() -> None:
    found = in_words(
        finding(
            lever="rules",
            command=levers.disable_rule("demo", "recall", reason="x"),
            evidence={
                "empty_rate": 1.0,
                "empty_rate_before": None,
                "answers": 1200,
                "requests_ranked_again": 25,
                "answered_with_it_put_back": {"config": 0.04, "rules": 1.0},
            },
        )
    )
    assert found.rows == (("Empty rate", "100.0%"), ("Empty rate before", "not known"), ("Answers", "1,200"))
    assert [(one.tried, one.cures) for one in found.trials] == [("config put back", False), ("rules put back", True)]
    assert found.trials[1].result == "100% of 25 requests that came back empty get items"


def test_values_are_written_as_people_read_them() -> None:
    found = in_words(
        finding(
            symptom="latency",
            surface=None,
            host="web-2",
            evidence={"p99_ms": {"web-1": 1.5, "web-2": 120.0}, "hosts": ["web-1"], "ready": False, "checks": {}},
        )
    )
    assert found.where == "host web-2"
    assert found.rows == (
        ("P99", "web-1: 1.5 ms, web-2: 120 ms"),
        ("Hosts", "web-1"),
        ("Ready", "no"),
        ("Checks", "none"),
    )
