"""What a run is compared with and where its report goes: looked at before the run, and refused in words."""

import json

import pytest

from recsys.cli.app import run
from recsys.encoding import Invalid
from recsys.evaluation import evaluate
from recsys.evaluation.errors import BadData, NotComparable, SettingsInvalid
from recsys.evaluation.report import read_report

ONE = {"offline": {"metrics": [{"name": "ctr"}], "gates": [{"metric": "ctr:served", "max_drop": 0.5}]}}


@pytest.fixture
def folder(tiny):
    tiny.dataset()
    (tiny.folder / "d.yaml").write_text(
        "exposures: {type: jsonl, path: exposures.jsonl}\noutcomes: {type: jsonl, path: outcomes.jsonl}\n"
    )
    (tiny.folder / "c.yaml").write_text("mode: offline\noffline: {metrics: [{name: ctr}]}\n")
    return tiny.folder


def command(folder, *more):
    return run(
        ["eval", "run", "--dataset", f"{folder}/d.yaml", "--config", f"{folder}/c.yaml", "--allow-no-baseline", *more]
    )


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("no/such/report.json", "cannot be written: there is no folder"),
        (".", "is a folder"),
        ("d.yaml", "is the dataset itself"),
        ("c.yaml", "is the config itself"),
    ],
)
def test_a_report_that_cannot_be_written_is_told_before_anything_is_read(folder, capfd, output, says):
    before = (folder / "d.yaml").read_bytes()
    (folder / "exposures.jsonl").write_text("never read")
    assert command(folder, "--output", f"{folder}/{output}") == 1
    assert says in " ".join(capfd.readouterr().err.split())
    assert (folder / "d.yaml").read_bytes() == before


def test_another_mode_than_the_configs_is_told_before_anything_is_read(folder, capfd):
    (folder / "exposures.jsonl").write_text("never read")
    assert command(folder, "--mode", "ope") == 1
    assert "--mode ope, and the config says offline" in capfd.readouterr().err


def test_only_offline_runs_take_a_baseline(tiny):
    config = {"mode": "ope", "ope": {}}
    with pytest.raises(SettingsInvalid, match="mode ope compares with no baseline"):
        evaluate(dataset=tiny.dataset(), config=config, baseline=b"{}")


def test_a_baseline_that_is_cut_or_changed_is_refused(tiny):
    whole = evaluate(dataset=tiny.dataset(), config=ONE, allow_no_baseline=True).to_json()
    assert evaluate(dataset=tiny.dataset(), config=ONE, baseline=whole).decision.rule == "gates_passed"

    def damaged(change):
        report = json.loads(whole)
        change(report, report["offline"]["pairing"])
        return json.dumps(report).encode()

    for change in (
        lambda _, pairing: pairing["positions"].update({"ctr:served": [99]}),
        lambda _, pairing: pairing["positions"].update({"ctr:served": [-1]}),
        lambda _, pairing: pairing["positions"].update({"ctr:served": [0, 1]}),
        lambda _, pairing: pairing["sums"].update({"ctr:served": [1 << 70]}),
        lambda _, pairing: pairing["scale"].clear(),
    ):
        with pytest.raises(BadData, match="the sums of `ctr:served` by unit are damaged"):
            read_report(damaged(change))
    with pytest.raises(BadData, match="format 99, and this reads 1"):
        read_report(damaged(lambda report, _: report.update(format=99)))
    other = damaged(lambda report, _: report.update(mode="experiment", offline=None))
    with pytest.raises(NotComparable, match="it is a report of mode experiment"):
        evaluate(dataset=tiny.dataset(), config=ONE, baseline=other)


def test_a_page_is_no_baseline(tiny, tmp_path):
    (tmp_path / "report.html").write_text("<!doctype html>")
    with pytest.raises(Invalid, match=r"report.html: a page for people, and not the report itself"):
        evaluate(dataset=tiny.dataset(), config=ONE, baseline=tmp_path / "report.html")
