"""The dashboard is what its table says, and asks for what is there."""

import runpy
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.deploy.dashboard import BOARD, expressions, panels
from tests.deploy.rules import PROMTOOL, RECORDED, metric_of, names_in, needs_promtool

from recsys.operations.pipeline_figures import PIPELINE_METRICS
from recsys.serving.metrics import METRICS


def test_the_file_is_what_its_table_makes():
    made = runpy.run_path(str(BOARD.with_name("make.py")))["written"]()
    assert BOARD.read_text() == made, "write it anew: python deploy/grafana/make.py"


def test_every_series_is_one_that_is_counted_or_recorded():
    asked = {name for one in expressions() for name in names_in(one)}
    known = set(METRICS) | set(PIPELINE_METRICS) | set(RECORDED)
    assert not {name for name in asked if name not in known and metric_of(name) not in known}


def test_every_metric_is_shown_somewhere_or_said_not_to_be():
    shown = {metric_of(name) for one in [*expressions(), *RECORDED.values()] for name in names_in(one)}
    left_out = {"recsys_events_accepted"}
    assert (set(METRICS) | set(PIPELINE_METRICS)) - shown == left_out


def test_it_names_no_data_source_of_one_place():
    sources = [holder["datasource"]["uid"] for panel in panels() for holder in (panel, *panel["targets"])]
    assert set(sources) == {"${datasource}"}


def test_panels_do_not_lie_on_each_other():
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not taken & cells
        assert at["x"] + at["w"] <= 24
        taken |= cells


@needs_promtool
def test_prometheus_can_read_every_expression(tmp_path: Path):
    """As rules, for which promtool has a parser; Grafana's variables are patterns in quotes, and stay."""
    rules = [{"record": f"panel:{at}:value", "expr": one} for at, one in enumerate(expressions())]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([PROMTOOL, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("panel", list(panels()), ids=lambda panel: panel["title"])
def test_each_line_has_a_legend(panel):
    assert panel["targets"]
    assert all(target["legendFormat"] for target in panel["targets"])
