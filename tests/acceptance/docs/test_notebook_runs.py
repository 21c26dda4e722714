"""The notebook's cells run from top to bottom, in an empty folder, as a reader runs them; Jupyter is not needed."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

pytest.importorskip("pandas", reason="the notebook shows frames: pip install 'recsys-suite[notebook]'")

NOTEBOOK = Path(__file__).parents[3] / "docs/tutorials/library.ipynb"


def _cells() -> list[str]:
    notebook = json.loads(NOTEBOOK.read_text())
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_every_cell_runs_in_order_and_what_it_ends_with_can_be_shown(tmp_path: Path) -> None:
    """Each cell's last expression is shown as a notebook does: by its ``_repr_html_``, else its ``repr``."""
    shown = "\n".join(_with_its_last_value_shown(cell) for cell in _cells())
    script = tmp_path / "cells.py"
    script.write_text("def show(v):\n    return v._repr_html_() if hasattr(v, '_repr_html_') else repr(v)\n\n" + shown)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:recsys", str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "generation 2" in done.stdout


def test_the_notebook_is_kept_without_outputs() -> None:
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert not cell.get("outputs"), "clear the outputs: they go stale, and the test runs the cells"


def _with_its_last_value_shown(cell: str) -> str:
    body = ast.parse(cell).body
    if isinstance(body[-1], ast.Expr):
        body[-1] = ast.Expr(ast.Call(ast.Name("print"), [ast.Call(ast.Name("show"), [body[-1].value], [])], []))
    return ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))
