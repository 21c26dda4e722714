"""Spark as a run of its own has it: a process that begins and ends with it, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from tests.spark.canonical import a_shop
from tests.spark.conftest import FAR_AWAY, SHORT_LIVED

from recsys.pipelines import compute
from recsys.pipelines.engine import EngineFailed
from recsys.pipelines.spark import open_spark
from recsys.progress import silent
from recsys.signals import SmallTable

RUN = """
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from recsys.errors import RecsysError
from recsys.pipelines import compute

@contextmanager
def progress(stage, *, total=None):
    print(stage, total, flush=True)
    yield lambda units: print("+", units, flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it is ignored
try:
    options = {"engine": "spark", "master": sys.argv[2], "memory": "1GB", "signals": ["popularity", "cooc", "profiles"]}
    compute(Path(sys.argv[1]), progress=progress, **options)
except RecsysError as error:
    print(error)
"""


@pytest.fixture
def begin(run, cwd):
    """Compute in another process, in a time zone far away."""
    begun = []

    def begin(master="local[2]"):
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", RUN, str(run), master],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env={
                **os.environ,
                "TZ": FAR_AWAY,
                "JAVA_TOOL_OPTIONS": SHORT_LIVED,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture
def run(tmp_path):
    return a_shop(tmp_path / "the run", users=10)


@pytest.fixture
def cwd(tmp_path):
    (tmp_path / "cwd").mkdir()
    return tmp_path / "cwd"


def wait_until_it_computes(process, run):
    while not list(run.glob("spark-*/0002")):
        assert process.poll() is None, "it ended before"
        time.sleep(0.05)


def made(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.bin")}


def entries(folder):
    return {path.name for path in folder.iterdir()}


def test_a_run_shows_where_it_is_says_nothing_else_and_cleans_up(run, cwd, begin):
    compute(run, signals=["popularity", "cooc", "profiles"])
    before, by_duckdb = entries(run), made(run)
    process = begin()
    out, err = process.communicate()
    assert err == ""
    assert out.split("\n")[:4] == ["start Spark None", "number events None", "compute 5", "+ 1"]
    assert out.count("+ 1") == 5
    assert made(run) == by_duckdb
    assert entries(run) == before | {"spark.log"}
    assert entries(cwd) == set()


def test_ctrl_c_ends_it_and_cleans_up(run, cwd, begin):
    before = entries(run)
    process = begin()
    wait_until_it_computes(process, run)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode != 0
    assert err.strip().endswith("KeyboardInterrupt")
    assert entries(run) == before | {"spark.log"}
    assert entries(cwd) == set()


def test_a_jvm_that_is_killed_is_an_error_in_one_line(run, begin):
    before = entries(run)
    process = begin()
    wait_until_it_computes(process, run)
    (java,) = psutil.Process(process.pid).children()
    java.kill()
    out, err = process.communicate()
    assert err == ""
    assert out.splitlines()[-1].startswith("the engine failed: Spark's process ended")
    assert entries(run) == before | {"spark.log"}


def test_a_master_that_is_none_is_an_error_in_one_line(begin):
    process = begin(master="mesos://nowhere")
    out, err = process.communicate()
    assert err == ""
    assert out.splitlines()[0] == "start Spark None"
    assert out.splitlines()[1].startswith("the engine failed: org.apache.spark.SparkException: Master must")
    assert len(out.splitlines()) == 2


def test_a_master_that_does_not_answer_is_an_error_in_one_line(begin):
    process = begin(master="spark://127.0.0.1:1")
    out, err = process.communicate()
    assert err == ""
    (said,) = out.splitlines()[1:]
    assert said.startswith("the engine failed: Spark's master did not answer, or ended this application")
    assert "--master" in said


@pytest.fixture
def spark(session, tmp_path):
    with open_spark(folder=tmp_path, master="local[2]", memory="1GB", progress=silent) as spark:
        yield spark


def test_small_tables_keep_text_numbers_and_truth_as_they_are(spark):
    odd = ("it's", "back\\slash", "\\n", "$x", "${x}", "ä", "🎈", "")
    columns = (("n", "INTEGER"), ("text", "VARCHAR"), ("odd", "BOOLEAN"), ("large", "BIGINT"))
    rows = tuple((n, text, n % 2 == 1, 1 << 62) for n, text in enumerate(odd))
    spark.table("small", SmallTable(columns, rows))
    found = spark.arrays("SELECT * FROM small ORDER BY n")
    assert list(zip(*(found[name].tolist() for name, _ in columns), strict=True)) == list(rows)
    assert (found["n"].dtype, found["large"].dtype) == (np.int32, np.int64)


def test_a_result_keeps_its_order_over_many_files(spark):
    found = spark.arrays("SELECT id FROM range(0, 100000, 1, 7) ORDER BY id % 1000, id")
    assert found["id"].tolist() == sorted(range(100_000), key=lambda n: (n % 1000, n))


def test_an_empty_result_has_its_columns(spark):
    spark.table("empty", SmallTable((("n", "INTEGER"), ("text", "VARCHAR")), ()))
    found = spark.arrays("SELECT text, n + 1 AS n FROM empty")
    assert {name: len(values) for name, values in found.items()} == {"text": 0, "n": 0}


def test_what_is_made_again_replaces_what_was_and_what_is_dropped_frees_its_room(spark, tmp_path):
    spark.make("one", "SELECT 1 AS n")
    spark.make("one", "SELECT n + 1 AS n FROM one")
    assert spark.arrays("SELECT n FROM one")["n"].tolist() == [2]
    assert len(list(tmp_path.glob("spark-*/0*"))) == 1
    spark.drop("one")
    assert list(tmp_path.glob("spark-*/0*")) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nothing FROM nowhere", "nowhere"),
        ("SELEKT 1", "SELEKT"),
        ("SELECT CAST(id + 3000000000 AS INTEGER) AS n FROM range(3)", "OVERFLOW"),
    ],
)
def test_what_fails_is_the_engines_in_one_telling_line(spark, query, said):
    with pytest.raises(EngineFailed, match=said) as failed:
        spark.make("bad", query)
    assert "\n" not in str(failed.value)


def test_a_session_that_was_there_keeps_its_settings_and_its_views(session, tmp_path):
    session.sql("SELECT 7 AS n").createOrReplaceTempView("items")
    zone = session.conf.get("spark.sql.session.timeZone")
    assert zone == FAR_AWAY
    compute(a_shop(tmp_path / "run", users=3), engine="spark", signals=["popularity"])
    assert session.conf.get("spark.sql.session.timeZone") == zone
    assert session.conf.get("spark.sql.ansi.enabled") == "false"
    assert session.sql("SELECT n FROM items").collect()[0].n == 7
    assert {view.name for view in session.catalog.listTables()} == {"items"}
