import json
import re
import subprocess
import sys
from html import unescape
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.evaluation.every_mode import check_report

from recsys.evaluation import read_report

ALL = (
    *("hitrate@2", "precision@2", "recall@2", "map@2", "ndcg@2", "mrr@2"),
    *("coverage@2", "novelty@2", "diversity@2", "longtail@2", "ctr"),
)


@pytest.fixture
def full(tiny):
    return filled(tiny)


@pytest.fixture(scope="module")
def report(new_log):
    """The report of ``full``, for tests that only look at it."""
    log = new_log()
    log.show("r1", ["i1", "i2", "i3"], context={"surface": "home"})
    log.show("r2", ["i2", "i1"], context={"surface": "pdp"})
    log.act("r1", "i2")
    return everything(filled(log))


def filled(log):
    log.act("r1", "i1", minute=2, event_id="e1")
    log.act("r2", "i1", minute=2, event_id="e1")
    log.act("r2", "i2", minute=3, event_id="e2")
    log.show("r3", ["i3", "i1"], context={"surface": "home"})
    return log


def everything(log):
    return log.run(*ALL, offline={"slice_keys": ["surface"], "gates": [{"metric": "ndcg@2", "min_value": 0.1}]})


# A sum that minds the order shows at the first lines that change places.
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_of_lines_changes_no_byte(full, report, data):
    before = report.to_json()
    for role in ("exposures", "outcomes"):
        full.rows[role] = data.draw(st.permutations(full.rows[role]))
    assert everything(full).to_json() == before


def test_how_lines_are_spread_over_files_changes_no_metric(full, report):
    before = report
    dataset = full.dataset()
    lines = (full.folder / "exposures.jsonl").read_text().splitlines(keepends=True)
    for number, line in enumerate(lines):
        (full.folder / f"part-{number}.jsonl").write_text(line)
    dataset["exposures"]["path"] = str(full.folder / "part-*.jsonl")
    from recsys.evaluation import evaluate

    spread = evaluate(dataset=dataset, config=before.config, allow_no_baseline=True)
    assert spread.offline == before.offline
    assert spread.data.fingerprint == before.data.fingerprint


def test_a_changed_row_changes_the_fingerprint(full, report):
    before = report.data
    full.rows["exposures"][0]["items"][0]["item_id"] = "i7"
    after = everything(full).data
    assert after.fingerprint != before.fingerprint
    assert after.judged_on != before.judged_on
    assert after.split == before.split


def test_a_row_told_twice_changes_the_fingerprint(full, report):
    before = report.data.fingerprint
    full.rows["outcomes"].append(full.rows["outcomes"][0])
    assert everything(full).data.fingerprint != before


def test_the_same_rows_in_other_roles_are_another_fingerprint():
    from recsys.evaluation.joining.fingerprint import fingerprint
    from recsys.evaluation.reading.sources import Opened

    def opened(role):
        return {role: Opened(role=role, paths=(), lines=True, rows=1, content=7, columns={})}

    assert fingerprint(opened("exposures")) != fingerprint(opened("outcomes"))


def test_the_engines_hash_is_the_one_that_fingerprints_are_made_of():
    # If this fails, a new engine hashes otherwise: old baselines must be told apart, so its version is in the
    # scheme.
    import duckdb

    if not duckdb.__version__.startswith("2."):
        pytest.skip(f"the value is that of DuckDB 2, here is {duckdb.__version__}")
    assert duckdb.execute("SELECT hash('a', 1)").fetchone() == (6250315044274023003,)


def test_a_report_reads_back_as_it_was(report):
    assert read_report(report.to_json()) == report
    check_report(report)


def test_the_decision_names_what_decided_and_everything_it_saw(report):
    decision = report.decision
    assert decision.rule in {step.rule for step in decision.steps if step.state == "decided"}
    assert decision.inputs["fingerprint"] == report.data.fingerprint
    assert decision.inputs["window"] == ["2026-11-22T08:00:00.000Z", "2026-11-22T08:00:00.000Z"]
    assert set(decision.thresholds["gates"]) == {"ndcg@2"}
    assert set(report.versions) >= {"recsys", "duckdb", "numpy", "scipy"}


def test_no_user_and_no_path_enters_a_report(full):
    full.rows["exposures"][0]["user_id"] = "alice@example.com"
    report = everything(full)
    for text in (report.to_json().decode(), report.to_markdown(), report.to_html()):
        assert "alice" not in text
        assert str(full.folder) not in text


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, value


@pytest.mark.parametrize("view", ["to_markdown", "to_html"])
def test_the_views_show_every_word_of_the_json(report, view):
    # The page sets what stands in backticks as code: tags and backticks are form, not words.
    text = " ".join(unescape(re.sub("</?code>", "`", getattr(report, view)())).split())
    for path, value in leaves(json.loads(report.to_json())):
        if isinstance(value, str) and value:
            shown = value.replace("_", " ") if path[-1] == "state" else value.rstrip(".")
            assert shown in text, path


@pytest.fixture(scope="module")
def bare(new_log):
    log = new_log()
    log.show("r1", "ab")
    log.act("r1", "a")
    return log.run("coverage@2")


@pytest.mark.parametrize(("view", "mark"), [("to_markdown", "## "), ("to_html", "<h2>")])
def test_a_section_with_nothing_in_it_is_left_out(report, bare, view, mark):
    page, bare = getattr(report, view)(), getattr(bare, view)()
    for title in ("Gates", "Slices", "Joins by slice", "Pairing"):
        assert f"{mark}{title}" in page
        assert f"{mark}{title}" not in bare
    assert f"{mark}Metrics" in bare


def test_the_views_round_to_what_can_be_read_and_the_json_does_not(log):
    for number in range(40):
        log.show(f"r{number}", "abc", user=f"u{number % 7}", context={"surface": "home"})
        log.act(f"r{number}", "abc"[number % 3])
    offline = {"slice_keys": ["surface"], "gates": [{"metric": "mrr@3", "min_value": 0.1}]}
    report = log.run("mrr@3", "ndcg@3", "novelty@3", offline=offline)
    (mrr, _) = (each for each in report.offline.metrics if each.metric == "mrr@3")
    assert len(str(mrr.value)) > 8
    for page in (report.to_markdown(), report.to_html()):
        assert re.findall(r"\d\.\d{5,}", page) == []


def test_only_digests_may_break_inside_a_word(report):
    page = report.to_html()
    style, _, told = page.partition("</style>")
    anywhere = re.findall(r"^\.recsys-report (\S+) \{[^}]*overflow-wrap: anywhere", style, flags=re.MULTILINE)
    assert anywhere == ["code", ".value"]
    broken = re.findall(r'<th class="value">(.*?)</th>', told)
    assert set(broken) == {"value", "version"}
    integrity = told[told.index("<h2>Integrity") :]
    assert re.findall(r'<th class="(\w+)">', integrity[: integrity.index("<tbody>")]) == [
        *("word", "state", "number", "number", "prose")
    ]


def test_the_page_says_the_decision_first_and_needs_nothing_else(report):
    page = report.to_html()
    assert page.index("<h1>") < page.index("<table>")
    assert page.count("<svg") == 2
    assert not re.search(r"<script|<link|<img|@import|url\(|src=", page)


def test_names_from_the_data_cannot_write_into_the_page(full):
    full.rows["exposures"][0]["context"] = {"surface": "<script>alert(1)</script>|x"}
    report = everything(full)
    assert "<script" not in report.to_html()
    assert "<script" not in report.to_markdown()
    assert "|x" not in report.to_markdown().replace("\\|x", "")


def test_the_face_is_light_to_import():
    code = "import recsys.evaluation, sys; print([m for m in ('duckdb', 'scipy', 'numpy', 'yaml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_plots_are_well_formed_and_stay_in_their_frame(report):
    page = report.to_html()
    for svg in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        root = ElementTree.fromstring(svg)
        _, _, width, height = (float(number) for number in root.attrib["viewBox"].split())
        for shape in root.iter():
            for name, bound in (
                ("x", width),
                ("x1", width),
                ("x2", width),
                ("cx", width),
                ("y", height),
                ("cy", height),
            ):
                assert 0 <= float(shape.attrib.get(name, 0)) <= bound, (shape.tag, shape.attrib)


def test_a_frame_has_a_row_for_each_figure(report):
    pandas = pytest.importorskip("pandas")
    frame = report.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(report.offline.metrics) + sum(len(found.metrics) for found in report.offline.slices)
