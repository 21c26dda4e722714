"""What ``docs/how-to/add-a-signal.md`` says to write, written: it is computed, checked and served."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.pipelines.shops import END, START, visits, write_jsonl

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs/how-to/add-a-signal.md"


_ASKING = """
import sys, recsys

with recsys.open(sys.argv[1]) as suite:
    found = suite.tenant("demo").recommend("home", anchors=["i03"], k=3, options={"include_reasons": True})
print([item.reasons for item in found.items])
"""


@pytest.fixture
def reader(tmp_path):
    """Do as the page says, in a copy of the suite; return a function that runs Python with it."""
    shutil.copytree(REPOSITORY / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    blocks = re.findall(r"^```(sql|python)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (_, sql), (_, module), (_, lines) = blocks
    signals = tmp_path / "src/recsys/signals"
    (signals / "same_day.sql").write_text(sql)
    (signals / "same_day.py").write_text(module)
    registry = (signals / "__init__.py").read_text()
    imported, listed = (line for line in lines.splitlines() if line)
    registry = registry.replace("from recsys.signals.session_seq", f"{imported}\nfrom recsys.signals.session_seq")
    registry, n = re.subn(r"^    signal\.name: signal for signal in \(.*\)$", listed, registry, flags=re.MULTILINE)
    assert n == 1
    (signals / "__init__.py").write_text(registry)
    (tmp_path / "src/asking.py").write_text(_ASKING)
    here = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
    here |= {"PYTHONPATH": f"{tmp_path / 'src'}{os.pathsep}{REPOSITORY}", "RECSYS_STORE": str(tmp_path / "store")}

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, env=here, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.long
def test_it_passes_what_every_signal_must(reader):
    conformance = REPOSITORY / "tests/contract/test_signal_conformance.py"
    said = reader("pytest", "-q", "-n0", "-p", "no:cacheprovider", str(conformance), "-k", "same_day")
    assert re.search(r"\b\d\d passed", said), said


@pytest.mark.long
def test_it_is_computed_shipped_and_counts(reader, tmp_path):
    events = str(write_jsonl(tmp_path / "events.jsonl", visits()))
    reader("recsys", "tenants", "create", "demo")
    window = ("--start", START, "--end", END)
    run = json.loads(reader("recsys", "--json", "pipelines", "run", "--surface", "home", "--events", events, *window))
    assert run["signals"]["same_day"]["rows"] == 12
    (tmp_path / "config.json").write_text('{"algorithm": "same_day", "signals": {"same_day": {"neighbours": 5}}}')
    reader("recsys", "config", "put", "config.json")
    said = reader("asking", str(tmp_path / "store"))
    assert "same_day_as:i03" in said
