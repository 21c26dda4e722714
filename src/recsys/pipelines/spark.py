"""Apache Spark as compute uses it: temporary views, each step kept as Parquet, results read by DuckDB.

What Spark says goes to ``spark.log`` in the folder of the run.
"""

import logging
import os
import re
import shutil
import signal
import subprocess
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from recsys.errors import UsageError
from recsys.pipelines.engine import Engine, EngineFailed, literal, memory_bytes, open_engine
from recsys.progress import Progress
from recsys.signals import SmallTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["Spark", "open_spark"]

_TYPES = {
    "VARCHAR": "STRING",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "STRUCT(item_id VARCHAR, rank INTEGER)[]": "ARRAY<STRUCT<item_id: STRING, rank: INTEGER>>",
}
"""DuckDB's types by Spark's names, where they differ."""
_WORDS = "CREATE TEMPORARY FUNCTION epoch_us(ts TIMESTAMP) RETURNS BIGINT RETURN unix_micros(ts)"
_DIALECT = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.pyspark.jvmStacktrace.enabled": "true",  # the cause of an error stands only there
}
_LOCAL_PARTITIONS = 16
"""Of a shuffle on one machine: enough that one fits into memory, few enough to cost nothing when they are empty."""
_GOODBYE_S = 20.0
_STOPPED = "stopped SparkContext"
_LOG = "and spark.log in the folder given as --work"
_BEGIN = f"the master URL (--master), {_LOG}"
_CAUSE = re.compile(r'^(?:Caused by: |Exception in thread "main" |: )(.+)', re.MULTILINE)


class Spark:
    """One Spark session; what it makes lies below a folder that its executors see too."""

    def __init__(self, session: "SparkSession", folder: Path, reader: Engine) -> None:
        self._session = session
        self._folder = folder
        self._reader = reader
        self._written = 0
        self._kept: dict[str, Path] = {}
        with _sparks_errors():
            for option, value in _DIALECT.items():
                session.conf.set(option, value)
            session.sql(_WORDS)

    def files(self, name: str, paths: Sequence[Path], columns: Mapping[str, str]) -> None:
        """Name the rows of Parquet files; without a file an empty relation of these columns."""
        with _sparks_errors():
            if paths:
                frame = self._session.read.parquet(*map(_read_from, paths))
            else:
                frame = self._session.sql(_small(SmallTable(tuple(columns.items()), ())))
            frame.createOrReplaceTempView(name)

    def view(self, name: str, select: str) -> None:
        """Name a query, which runs whenever it is read; replaces one of that name."""
        with _sparks_errors():
            self._session.sql(select).createOrReplaceTempView(name)

    def table(self, name: str, small: SmallTable) -> None:
        """Make a small table, replacing one of that name."""
        self.view(name, _small(small))

    def make(self, name: str, select: str) -> None:
        """Run a query once and keep its result as Parquet, replacing one of that name."""
        before = self._kept.get(name)
        with _sparks_errors():
            frame = self._session.sql(select)
            self._kept[name] = self._write(frame)
            kept = self._session.read.schema(frame.schema).parquet(_read_from(self._kept[name]))
            kept.createOrReplaceTempView(name)
        if before is not None:
            shutil.rmtree(before)

    def arrays(self, sql: str) -> Mapping[str, npt.NDArray[Any]]:
        """Return a result as one array per column, in the query's order where it has one.

        The executors write it, DuckDB reads it: nothing passes through the driver's memory but the arrays.
        """
        with self._written_by(sql) as rows:
            return self._reader.arrays(rows)

    def write(self, select: str, path: Path) -> None:
        """Write a query's rows to one Parquet file, in the query's order where it has one: whole, or not at all."""
        with self._written_by(select) as rows:
            self._reader.write(rows, path)

    def drop(self, *names: str) -> None:
        """Forget what :meth:`table` and :meth:`make` made, and free its room."""
        for name in names:
            with _sparks_errors():
                self._session.catalog.dropTempView(name)
            if name in self._kept:
                shutil.rmtree(self._kept.pop(name))

    @contextmanager
    def _written_by(self, sql: str) -> Iterator[str]:
        """Lend the rows of a query as one that the reader understands."""
        with _sparks_errors():
            written = self._write(self._session.sql(sql))
        parts = ", ".join(literal(str(part)) for part in sorted(written.glob("part-*.parquet")))
        yield f"SELECT * FROM read_parquet([{parts}])"  # noqa: S608 - our own files
        shutil.rmtree(written)

    def _write(self, frame: "DataFrame") -> Path:
        self._written += 1
        folder = self._folder / f"{self._written:04}"
        frame.write.parquet(_write_to(folder))
        return folder


@contextmanager
def open_spark(*, folder: Path, master: str, memory: str, progress: Progress) -> Iterator[Spark]:
    """Open Spark with a new folder below ``folder``, and end it afterwards.

    In a process that has a Spark session already (a notebook, ``spark-submit``) a sibling of that is used, with views
    and settings of its own, and ``master`` and ``memory`` are that session's.
    """
    heap = memory_bytes(memory)
    _check_installed()
    from pyspark.sql import SparkSession

    with ExitStack() as stack:
        own = Path(stack.enter_context(TemporaryDirectory(prefix="spark-", dir=folder)))
        reader = stack.enter_context(open_engine(folder=own, threads=1))
        running = SparkSession.getActiveSession()
        if running is not None:
            session = running.newSession()
        else:
            with progress("start Spark"):
                process = _Process(own, master=master, heap_bytes=heap, log=folder / "spark.log")
                session = stack.enter_context(process)
        yield Spark(session, own, reader)


class _Process:
    """Context manager: Spark in a JVM of its own, which ends with it.

    PySpark's own way keeps the JVM as long as Python runs, with the memory and the folders of the first session.
    """

    def __init__(self, folder: Path, *, master: str, heap_bytes: int, log: Path) -> None:
        from pyspark import SparkConf
        from pyspark.errors import PySparkException
        from pyspark.java_gateway import launch_gateway

        settings = {
            "spark.master": master,
            "spark.app.name": "recsys pipelines",
            "spark.log.level": "ERROR",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
        }
        if master.startswith("local"):
            (folder / "tmp").mkdir()
            settings |= {
                "spark.driver.memory": f"{heap_bytes >> 20}m",
                "spark.driver.bindAddress": "127.0.0.1",
                "spark.driver.host": "127.0.0.1",
                "spark.driver.extraJavaOptions": f'"-Djava.io.tmpdir={folder / "tmp"}"',
                "spark.local.dir": str(folder / "tmp"),
                "spark.sql.shuffle.partitions": str(_LOCAL_PARTITIONS),
            }
        conf = SparkConf().setAll(list(settings.items()))
        self._gateway: Any
        try:
            with log.open("wb") as said:
                self._gateway = launch_gateway(conf, popen_kwargs={"stdout": said, "stderr": said})
        except PySparkException as error:  # which says only that it ended
            raise EngineFailed(_telling(log.read_text(errors="replace")), check=_BEGIN) from error

    def __enter__(self) -> "SparkSession":
        from pyspark import SparkContext
        from pyspark.sql import SparkSession

        self._before = SparkContext._gateway, SparkContext._jvm
        SparkContext._gateway = SparkContext._jvm = None
        logging.getLogger().addFilter(_not_py4js)
        interrupted = signal.getsignal(signal.SIGINT)
        try:
            with _sparks_errors(check=_BEGIN), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")  # none of it is used
                self._context = SparkContext(gateway=self._gateway)
                session = SparkSession(self._context)  # fails where a cluster gave the context up meanwhile
        except BaseException:
            self._end_process()
            raise
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, interrupted)  # PySpark's would ask the JVM while it is answering
        return session

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it could not say goodbye
                self._context.stop()
        except OSError:  # the process is gone: the second time PySpark puts its own things in order
            self._context.stop()
        finally:
            self._end_process()

    def _end_process(self) -> None:
        """End the JVM, unless it was ``spark-submit`` that started it and us."""
        from pyspark import SparkContext

        self._gateway.close()
        process = self._gateway.proc
        if process is not None:
            process.terminate()
            try:
                process.wait(_GOODBYE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdin.close()
        SparkContext._gateway, SparkContext._jvm = self._before
        logging.getLogger().removeFilter(_not_py4js)


def _not_py4js(record: logging.LogRecord) -> bool:
    """Leave out what py4j tells the root logger, trace and all: it raises the same, and we say it in a line."""
    return record.module != "java_gateway"


def _check_installed() -> None:
    """Raise :class:`UsageError` where there is no PySpark or no Java."""
    instead = "or compute with --engine duckdb"
    if find_spec("pyspark") is None:
        raise UsageError("Spark needs PySpark", next_step=f"pip install 'recsys-suite[spark]', {instead}")
    home = os.environ.get("JAVA_HOME")
    java = Path(home, "bin", "java") if home else shutil.which("java")
    if java is None or not Path(java).exists():
        where = f"in JAVA_HOME ({home})" if home else "on the PATH"
        raise UsageError(f"Spark needs Java 17 or newer, and there is none {where}", next_step=f"install it, {instead}")


@contextmanager
def _sparks_errors(check: str = "memory and disk space") -> Iterator[None]:
    """Turn what Spark raises into ours, in one line; ``check`` is what may be wrong."""
    from py4j.protocol import Py4JError, Py4JNetworkError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JNetworkError, ConnectionError) as error:
        raise EngineFailed("Spark's process ended in the middle of its work", check=f"{check}, {_LOG}") from error
    except (PySparkException, Py4JError) as error:
        said = _telling(str(error))
        if _STOPPED in said:
            raise EngineFailed("Spark's master did not answer, or ended this application", check=_BEGIN) from error
        raise EngineFailed(said, check=check) from error


def _telling(said: str) -> str:
    """Return the line that tells: the cause below all others, or what stands first."""
    causes: list[str] = _CAUSE.findall(said)
    return (causes[-1] if causes else said.strip().split("\n", 1)[0]).strip().rstrip(".")


def _write_to(path: Path) -> str:
    """Write a path as Spark's writer takes it: a local file, whatever the cluster's file system is."""
    return f"file://{path.absolute()}"


def _read_from(path: Path) -> str:
    """Write a path as Spark's reader takes it, which sees patterns in it."""
    return re.sub(r"([\\\[\]{}*?])", r"\\\1", _write_to(path))


def _small(small: SmallTable) -> str:
    """Write a small table as a query."""
    names = [name for name, _ in small.columns]
    typed = ", ".join(f"CAST({name} AS {_TYPES.get(kind, kind)}) AS {name}" for name, kind in small.columns)
    rows = small.rows or ((None,) * len(names),)
    values = ", ".join("(" + ", ".join(map(_constant, row)) + ")" for row in rows)
    return f"SELECT {typed} FROM VALUES {values} AS t({', '.join(names)})" + ("" if small.rows else " WHERE false")  # noqa: S608 - constants


def _constant(value: int | str | bool | None) -> str:
    """Write a value as a constant; text by its bytes, because Spark reads backslashes in text."""
    if value is None:
        return "NULL"
    return f"CAST(X'{value.encode().hex()}' AS STRING)" if isinstance(value, str) else str(int(value))
