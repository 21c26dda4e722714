"""F5 over real servers: the wire to a bucket or to a database breaks once the server was asked."""

import random
import urllib.parse
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.contract.faulty import StillClock
from tests.contract.servers import new_bucket, new_database, s3_options
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.trials import Trials, Trouble
from tests.faults.wires import Break, HttpWire, PostgresWire, listening

from recsys.store import Blobs, Commit, Log, Store, open_store
from recsys.store.bucket import BucketObjects
from recsys.store.log import ObjectLog
from recsys.store.over import LogOver
from recsys.store.postgres import Database, PostgresLog
from recsys.store.settling import Settling

OF_HTTP = {
    "connection closed without a reply": Break.CUT,
    "503 after apply": Break.ERROR,
    "no reply in time, applied later": Break.HUNG,
}
OF_POSTGRESQL = {
    "cut after COMMIT was carried out": Break.CUT,
    "cut on the way to COMMIT": Break.NEVER,
    "no reply to COMMIT in time": Break.HUNG,
}
NO_TROUBLE = Trouble(writes=0, reads=0, delay=0, blobs=False, meanwhile=lambda: None)
PREFIX = "team/shop"


class Raced(LogOver):
    """A log whose callers meet others who are faster, and have little time to find out how a commit ended."""

    def __init__(self, inner: Log, meanwhile: Callable[[], None]) -> None:
        super().__init__(inner)
        self._meanwhile = meanwhile

    def append(self, stream: str, number: int, data: bytes, *, patience_s: float = 10.0) -> Commit:
        self._meanwhile()
        return self.inner.append(stream, number, data, patience_s=min(patience_s, 0.3))


class Struck:
    """What is still to be struck of one change's trouble."""

    def __init__(self, kind: Break) -> None:
        self._kind = kind
        self.begin(NO_TROUBLE)

    def begin(self, trouble: Trouble) -> None:
        self._writes, self._reads, self.blobs, self._sent = trouble.writes, trouble.reads, trouble.blobs, False

    def write(self) -> Break:
        self._sent = True
        self._writes -= 1
        return self._kind if self._writes >= 0 else Break.NONE

    def read(self) -> bool:
        """Say whether a read is struck."""
        self._reads -= self._sent
        return self._sent and self._reads >= 0


class ToBucket:
    """:class:`~tests.faults.trials.Line`: HTTP, between a client of its own and the server of a bucket."""

    def __init__(self, store: Store, kind: Break) -> None:
        self._store, self._struck = store, Struck(kind)
        url = urllib.parse.urlsplit(str(s3_options()["endpoint"]))
        if url.scheme != "http":
            pytest.skip("the wire speaks plain HTTP, and the server at RECSYS_TEST_S3_ENDPOINT does not")
        self.wire = HttpWire(url.netloc, self._strikes)

    def open(self, port: int) -> None:
        bucket = urllib.parse.urlsplit(self._store.name).netloc
        options = {**s3_options(), "endpoint": f"http://127.0.0.1:{port}"}
        identity = self._store.objects.read("store.json")
        self._objects = BucketObjects(bucket, prefix=PREFIX, options=options, identity=identity)

    def client(self, trouble: Trouble) -> Store:
        self._struck.begin(trouble)
        self.wire.begin(delay=trouble.delay)
        log = Raced(ObjectLog(self._objects, "releases"), trouble.meanwhile)
        return replace(self._store, objects=self._objects, blobs=Blobs(self._objects), releases=log)

    def flush(self) -> None:
        self._struck.begin(NO_TROUBLE)
        self.wire.flush()

    def _strikes(self, method: str, path: str) -> Break:
        if method == "PUT" and (f"{PREFIX}/releases/" in path or (self._struck.blobs and f"{PREFIX}/blobs/" in path)):
            return self._struck.write()
        return Break.CUT if method == "GET" and self._struck.read() else Break.NONE


class ToDatabase:
    """:class:`~tests.faults.trials.Line`: PostgreSQL's protocol, between a client of its own and the server."""

    def __init__(self, store: Store, kind: Break, address: str) -> None:
        self._store, self._struck = store, Struck(kind)
        known = psycopg.conninfo.conninfo_to_dict(address)
        self._name = known["dbname"]
        self.wire = PostgresWire(f"{known['host']}/.s.PGSQL.5432", self._struck.write, lambda: not self._struck.read())

    def open(self, port: int) -> None:
        address = f"postgresql://postgres@127.0.0.1:{port}/{self._name}?sslmode=disable&gssencmode=disable"
        self._database = Database(address, store_id=self._store.id)

    def client(self, trouble: Trouble) -> Store:
        self._struck.begin(trouble)
        clock = StillClock()
        log = PostgresLog(self._database, "releases", time=Settling(clock=clock, sleep=clock.sleep))
        return replace(self._store, releases=Raced(log, trouble.meanwhile))

    def flush(self) -> None:
        self._struck.begin(NO_TROUBLE)

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store in a bucket, whose clients give up after 0.2 s instead of 15, and pause for a tenth of the time."""
    options = s3_options()
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(options["endpoint"]))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(options["access_key_id"]))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(options["secret_access_key"]))
    store = open_store(f"s3://{new_bucket()}/{PREFIX}")
    monkeypatch.setattr("recsys.store.bucket._SMALL", {"timeout": "200ms", "connect_timeout": "5s"})
    monkeypatch.setattr("recsys.store.bucket._PAUSES_S", (0.01, 0.05))
    backoff = {"init_backoff": timedelta(milliseconds=10), "max_backoff": timedelta(milliseconds=50), "base": 2}
    monkeypatch.setattr("recsys.store.bucket._RETRIES", {"max_retries": 3, "backoff": backoff})
    return store


@pytest.mark.long
@pytest.mark.parametrize("said", OF_HTTP)
def test_what_a_caller_is_told_is_true_when_http_to_a_bucket_breaks(
    tmp_path: Path, counting: Counting, bucket: Store, said: str
):
    line = ToBucket(bucket, OF_HTTP[said])
    with counting("F5", f"a bucket over HTTP, {said}: no false report, no duplicate, no blob missing") as count:
        with listening(line.wire) as port:
            line.open(port)
            trials = Trials(bucket, line, random.Random(f"{count.seed} {said}"), count)
            for trial in range(500 if FULL else 5):
                trials.one(trial)
        count.bad += trials.judge(tmp_path)
        count.notes |= {**trials.ends, "requests struck": line.wire.struck}
        assert line.wire.struck > 0


@pytest.mark.parametrize("said", OF_POSTGRESQL)
def test_what_a_caller_is_told_is_true_when_the_connection_to_the_database_breaks(
    tmp_path: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch, said: str
):
    monkeypatch.setattr("recsys.store.postgres._REPLY_S", 0.2)  # instead of 15
    address = new_database()
    with closing(open_store(tmp_path / "store", log=address)) as store:
        line = ToDatabase(store, OF_POSTGRESQL[said], address)
        with counting("F5", f"PostgreSQL, {said}: no false report, no duplicate, no blob missing") as count:
            with listening(line.wire) as port:
                line.open(port)
                trials = Trials(store, line, random.Random(f"{count.seed} {said}"), count)
                for trial in range(500 if FULL else 8):
                    trials.one(trial)
                line.close()
            count.bad += trials.judge(tmp_path / "found")
            count.notes |= {**trials.ends, "commits struck": line.wire.struck}
            assert line.wire.struck > 0
