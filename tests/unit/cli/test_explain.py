"""``recsys eval explain`` on the command line: what it prints, and what it exits with."""

import json

import pytest
from tests.unit.evaluation.conftest import Log

from recsys.cli.app import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Evaluate eighty requests; forty have an outcome, and ten of those no exposure."""
    folder = tmp_path_factory.mktemp("report")
    log = Log(folder)
    for number in range(40):
        if number >= 10:
            log.show(f"r{number}", "ab")
        log.act(f"r{number}", "a")
        log.show(f"quiet{number}", "ab")
    report = log.run("ctr")
    (folder / "report.json").write_bytes(report.to_json())
    (folder / "report.md").write_text(report.to_markdown())
    (folder / "dataset.yaml").write_text(json.dumps(log.dataset()))
    return folder


def test_what_was_found_is_told_within_100_columns_and_ends_with_what_is_most_likely(folder, capsys):
    assert run(["eval", "explain", str(folder / "report.json"), "--dataset", str(folder / "dataset.yaml")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1].startswith("✗ low_joins: on 2026-11-22, 25% of 40 outcomes have no exposure")
    (requests,) = [line for line in lines if line.strip().startswith("requests: ")]
    assert set(requests.strip().removeprefix("requests: ").split(", ")) <= {f"r{n}" for n in range(10)}
    assert any(line.startswith("most likely: ") for line in lines[-2:])


def test_json_is_one_document(folder, capsys):
    assert run(["--json", "eval", "explain", str(folder / "report.json")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["healthy"], told["with_data"], told["findings"][0]["symptom"]) == (False, False, "low_joins")


@pytest.mark.parametrize(
    ("named", "said"), [("report.md", "a page for people"), ("none.json", "check the path"), ("dataset.yaml", "`mode`")]
)
def test_what_is_no_report_is_an_error_and_not_a_finding(folder, capsys, named, said):
    assert run(["eval", "explain", str(folder / named)]) in (1, 2)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in " ".join(printed.err.split())


def test_usage_is_an_error_too(capsys):
    assert run(["eval", "explain", "--nonsense"]) == 2
