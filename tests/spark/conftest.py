"""Signals on Spark: run where somebody asks for it, because it needs Java and minutes: ``make test-spark``."""

import os
import warnings
from pathlib import Path

import pytest

ASKED = "RECSYS_TEST_SPARK" in os.environ
FAR_AWAY = "Australia/Adelaide"
"""Half an hour off every whole hour, with summer time: a time zone that shows wherever it is used."""
SHORT_LIVED = "-XX:TieredStopAtLevel=1"
"""A JVM that ends within a minute or two spends more on its best code than it gets back."""


def pytest_collection_modifyitems(items):
    mark = pytest.mark.skip(reason="needs Java 17 and takes minutes: make test-spark")
    if ASKED:
        mark = pytest.mark.timeout(1200)  # the first queries of a JVM are slow, and slower on a busy machine
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(mark)


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    """A Spark session that stands already, as in a notebook: runs make a sibling of it, and share its JVM.

    Its own settings are what a run must not depend on: another time zone, no errors for what overflows, other plans.
    """
    folder = tmp_path_factory.mktemp("session")
    before = os.environ.get("TZ")
    os.environ["TZ"] = FAR_AWAY  # the JVM takes it over
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
            session = _begin(folder)
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
    yield session
    session.stop()


def _begin(folder):
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.memory": "1g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.extraJavaOptions": f"{SHORT_LIVED} -Djava.io.tmpdir={folder}",
        "spark.log.level": "ERROR",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.ansi.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
