"""No promise without a proof that is there, and a figure that keeps it."""

import re

import pytest
from tests.unit.docs.pages import DOCS
from tests.unit.docs.promises import PROMISES, Promise, figure_of

from recsys.lab.drills import names

ALL = [promise for promises in PROMISES.values() for promise in promises]
_TESTS = "\n".join(path.read_text() for path in (DOCS.parent / "tests/faults").glob("test_*.py"))


@pytest.mark.parametrize("promise", ALL, ids=[promise.said for promise in ALL])
def test_a_promise_has_a_figure_that_keeps_it(promise: Promise) -> None:
    assert re.search(r"\d", figure_of(promise))


@pytest.mark.parametrize("promise", [one for one in ALL if one.proof == "drill"], ids=lambda one: one.which)
def test_its_drill_is_there(promise: Promise) -> None:
    assert promise.which in names()


@pytest.mark.parametrize("promise", [one for one in ALL if one.proof == "fault"], ids=lambda one: one.which)
def test_its_fault_is_counted_by_a_test(promise: Promise) -> None:
    assert re.search(rf"\"{promise.which}[a-z]?\"", _TESTS)


def test_what_is_missing_or_broken_is_told() -> None:
    with pytest.raises(LookupError, match="play it"):
        figure_of(Promise("x", "drill", "no-such-drill"))
    with pytest.raises(LookupError, match="make faults"):
        figure_of(Promise("x", "fault", "F99"))
    with pytest.raises(ValueError, match="wrong, as it must be"):
        figure_of(Promise("x", "simulation", "peeking with a fixed interval"))


def test_every_link_of_the_first_incident_leads_to_a_runbook() -> None:
    text = (DOCS / "explanation/reliability-and-rollback.md").read_text()
    linked = set(re.findall(r"\.\./runbooks/([a-z-]+\.md)", text))
    assert {path.name for path in (DOCS / "runbooks").glob("*.md")} == linked
