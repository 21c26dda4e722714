"""What holds of a report of every mode. Each mode's tests ask it of one of theirs."""

import json
from importlib.resources import files

import pytest

from recsys.evaluation import Report, explain, read_report
from recsys.evaluation.explaining.explain import SYMPTOMS

__all__ = ["check_report"]

OF_EXPERIMENTS = {"missing_arm", "crossovers", "one_day", "novelty", "impossible_lift"}


def check_report(report: Report) -> None:
    """Check that it keeps to the schema that is shipped, reads back as it was, and can be explained."""
    data = report.to_json()
    assert read_report(data).to_json() == data
    _keeps_to_its_schema(data)
    told = explain(data)
    asked = {finding.symptom for finding in (*told.findings, *told.ruled_out, *told.not_seen)}
    assert asked <= set(SYMPTOMS)
    assert asked >= OF_EXPERIMENTS if report.mode == "experiment" else not OF_EXPERIMENTS & asked
    assert ("weights" in asked) == (report.mode == "ope")
    assert told.healthy == (not told.findings)
    held = {check.name for check in report.integrity if check.state == "hold"}
    assert not (held and told.healthy), f"nothing explains {held}"


def _keeps_to_its_schema(data: bytes) -> None:
    jsonschema = pytest.importorskip("jsonschema_rs", reason="the validator comes with schemathesis")
    schema = json.loads(files("recsys.evaluation").joinpath("report.v1.schema.json").read_bytes())
    validator = jsonschema.validator_for(schema)
    report = json.loads(data)
    assert [error.message for error in validator.iter_errors(report)] == []
    del report["decision"]["outcome"]
    assert not validator.is_valid(report)
