"""The choice of an engine, and the memory it may have."""

from pathlib import Path

import numpy as np
import pytest
from tests.unit.pipelines.shops import END, START, new_shop, visits, write_jsonl

from recsys.errors import UsageError
from recsys.pipelines import run, spark
from recsys.pipelines.compute import evidence
from recsys.pipelines.engine import EngineFailed, memory_bytes, open_engine
from recsys.pipelines.engines import open_signal_engine
from recsys.progress import silent
from recsys.signals import SIGNALS

SMALL = "128MB"
BASKETS = "SELECT CAST(n * 7919 % 400000 AS INTEGER) AS item, n // 8 AS who, n // 8 AS basket, 'view' AS event_type"


def cooc_of_many(folder: Path, memory: str, *, spill: str | None = None) -> bytes:
    """Compute from events whose pairs take more than a small engine may hold."""
    params = SIGNALS["cooc"].Params(min_support=1, neighbours=1)
    with open_engine(folder=folder, threads=2, memory_limit=memory) as engine:
        if spill is not None:
            engine.run(f"SET max_temp_directory_size = '{spill}'")
        engine.make("events", f"{BASKETS} FROM range(500000) AS t(n)")
        rows = evidence(engine, SIGNALS["cooc"], params, ids=np.array([], dtype=object), last_day=0, days=1)
        order = rows["item"].argsort()
        return b"".join(rows[name][order].tobytes() for name in ("weight", "support"))


@pytest.mark.long
def test_a_run_with_little_memory_spills_and_computes_the_same(tmp_path):
    with pytest.raises(EngineFailed, match="failed to offload"):
        cooc_of_many(tmp_path, SMALL, spill="1MB")
    assert cooc_of_many(tmp_path, SMALL) == cooc_of_many(tmp_path, "2500MB")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "size"), [("2500MB", 2_500_000_000), ("4 GB", 4_000_000_000), ("1.5GiB", 3 << 29), ("200MiB", 200 << 20)]
)
def test_memory_is_read_as_people_write_it(text, size):
    assert memory_bytes(text) == size


@pytest.mark.parametrize("text", ["", "4", "much", "-1GB", "4TB", "80%"])
def test_what_is_no_amount_of_memory_is_refused(tmp_path, text):
    with pytest.raises(UsageError, match="2500MB"), open_engine(folder=tmp_path, memory_limit=text):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_takes_its_memory_from_who_asks_for_it(tmp_path):
    events, window = write_jsonl(tmp_path / "events.jsonl", visits()), {"start": START, "end": END}
    with pytest.raises(UsageError, match="`much` is no amount of memory"):
        run(new_shop(), surface="home", events=events, **window, memory="much")
    assert run(new_shop(), surface="home", events=events, **window, memory="100MB").shipped


def test_an_unknown_engine_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(UsageError, match="duckdb, spark"), open_signal_engine("flink", folder=tmp_path):
        pass


def _open_spark(folder, memory="1GB"):
    with spark.open_spark(folder=folder, master="local[1]", memory=memory, progress=silent):
        pass


def test_spark_refuses_what_is_no_amount_of_memory_before_it_starts(tmp_path):
    with pytest.raises(UsageError, match="`much` is no amount of memory"):
        _open_spark(tmp_path, memory="much")
    assert list(tmp_path.iterdir()) == []


def test_without_pyspark_spark_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(spark, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'recsys-suite\[spark\]'"):
        _open_spark(tmp_path)


@pytest.mark.parametrize(("home", "where"), [(None, "on the PATH"), ("/nowhere", "in JAVA_HOME .*nowhere")])
def test_without_java_spark_says_so(tmp_path, monkeypatch, home, where):
    monkeypatch.setattr(spark, "find_spec", lambda name: name)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("JAVA_HOME", home)
    with pytest.raises(UsageError, match=f"Java 17 or newer, and there is none {where}"):
        _open_spark(tmp_path)
