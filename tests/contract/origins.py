"""The places the contract suite of event sources fetches from. A new source adds its origin here, and nothing else.

An origin is a place of its own on a real server. It is filled with rows of ``interaction.v1``, opened as a document
would open it, and opened wrongly: the server away, what is named not there, the credentials refused.
"""

import atexit
import functools
import itertools
import json
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import obstore
import psycopg
import pytest
from obstore.store import S3Store
from tests.contract.servers import new_bucket, new_database, s3_options

from recsys.access import load_directory
from recsys.pipelines import Target
from recsys.pipelines.sources import ConfiguredSource, open_source

__all__ = ["NOWHERE", "ORIGINS", "SECRET", "Origin", "brokers", "fill_topic", "new_topic"]

NOWHERE = "127.0.0.1:1"
"""Nobody listens on this port."""
SECRET = "hunter2"

Rows = Sequence[Mapping[str, Any]]
_NUMBERS = itertools.count(1)


class Origin:
    """One place; ``increments``: it tells what is new since a position; ``late``: also of events from before it."""

    increments = True
    late = True

    def __init__(self, shop: Target, folder: Path, setenv: Callable[[str, str], None] = os.environ.__setitem__) -> None:
        self.shop, self.folder, self.setenv = shop, folder, setenv
        self.start()

    def start(self) -> None:
        """Make the place."""

    def put(self, rows: Rows) -> None:
        """Add rows, none of them older than those before."""
        raise NotImplementedError

    def document(self) -> dict[str, Any]:
        raise NotImplementedError

    def source(self, **changed: Any) -> ConfiguredSource:
        return open_source(self.document() | changed, target=self.shop)

    def kept(self, rows: Rows) -> list[dict[str, Any]]:
        """Return the rows as this place keeps them."""
        return [dict(row) for row in rows]

    def away(self) -> ConfiguredSource:
        pytest.skip("there is no server")

    def missing(self) -> ConfiguredSource:
        pytest.skip("an empty log is a log")

    def denied(self) -> ConfiguredSource:
        pytest.skip("nobody asks who reads")


class Files(Origin):
    increments = False

    def put(self, rows: Rows) -> None:
        path = self.folder / f"events-{next(_NUMBERS)}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def document(self) -> dict[str, Any]:
        return {"type": "files", "paths": [str(self.folder / "events-*.jsonl")]}

    def missing(self) -> ConfiguredSource:
        return self.source(paths=[str(self.folder / "nothing-*.jsonl")])


class Bucket(Origin):
    increments = False

    def start(self) -> None:
        options = dict(s3_options())
        self.setenv("AWS_ENDPOINT_URL", options["endpoint"])
        self.setenv("AWS_ACCESS_KEY_ID", options["access_key_id"])
        self.setenv("AWS_SECRET_ACCESS_KEY", options["secret_access_key"])
        self.setenv("AWS_REGION", options["region"])
        self.name = new_bucket()
        client: Any = {"allow_http": options.pop("allow_http")}
        self.objects = S3Store(self.name, client_options=client, **options)

    def put(self, rows: Rows) -> None:
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        obstore.put(self.objects, f"shop/dt=2025/events-{next(_NUMBERS)}.jsonl", data)
        obstore.put(self.objects, "shop/readme.txt", b"not events")

    def document(self) -> dict[str, Any]:
        return {"type": "files", "paths": [f"s3://{self.name}/shop/**/*.jsonl"]}

    def away(self) -> ConfiguredSource:
        self.setenv("AWS_ENDPOINT_URL", f"http://{NOWHERE}")
        return self.source()

    def missing(self) -> ConfiguredSource:
        return self.source(paths=[f"s3://{self.name}/shop/nothing.jsonl"])

    def denied(self) -> ConfiguredSource:
        from moto import settings

        self.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
        self.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0  # from here on moto asks who reads
        return self.source()


_FIELDS = ("ts", "item_id", "event_type", "user_id", "session_id", "event_id", "surface")


class Postgres(Origin):
    late = False  # the time of its rows is that of the events

    def start(self) -> None:
        self.address = _database()
        self.table = f"events_{next(_NUMBERS)}"
        self.setenv("SHOP_DSN", self.address)
        columns = ", ".join(f"{name} text" for name in _FIELDS)
        self.execute(f"create table {self.table} (id bigserial primary key, written timestamptz not null, {columns})")

    def execute(self, statement: str, rows: Sequence[Sequence[Any]] = ()) -> None:
        with psycopg.connect(self.address) as connection, connection.cursor() as cursor:
            if rows:
                cursor.executemany(statement, rows)
            else:
                cursor.execute(statement)

    def put(self, rows: Rows) -> None:
        marks = ", ".join(["%s"] * (len(_FIELDS) + 1))
        self.execute(
            f"insert into {self.table} (written, {', '.join(_FIELDS)}) values ({marks})",
            [(row["ts"], *(row.get(name) for name in _FIELDS)) for row in rows],
        )

    def document(self) -> dict[str, Any]:
        return {
            "type": "postgresql",
            "dsn_env": "SHOP_DSN",
            "table": self.table,
            "time": "written",
            "key": "id",
            "columns": list(_FIELDS),
        }

    def away(self) -> ConfiguredSource:
        self.setenv("SHOP_DSN", f"postgresql://reader:{SECRET}@{NOWHERE}/shop")
        return self.source()

    def missing(self) -> ConfiguredSource:
        return self.source(table="nothing")

    def denied(self) -> ConfiguredSource:
        self.execute("do $$ begin create role stranger login; exception when duplicate_object then null; end $$")
        url = urllib.parse.urlsplit(self.address)
        self.setenv("SHOP_DSN", url._replace(netloc=f"stranger:{SECRET}@{url.netloc.rpartition('@')[2]}").geturl())
        return self.source()


class Kafka(Origin):
    def start(self) -> None:
        self.topic = new_topic()

    def put(self, rows: Rows) -> None:
        fill_topic(self.topic, [json.dumps(row).encode() for row in rows])

    def document(self) -> dict[str, Any]:
        return {
            "type": "kafka",
            "brokers": [brokers()],
            "topic": self.topic,
            "group": f"group-of-{self.topic}",
            "by_time": False,  # the broker of the tests cannot be asked for a time
            "timeout_s": 1,
        }

    def away(self) -> ConfiguredSource:
        return self.source(brokers=[NOWHERE])

    def missing(self) -> ConfiguredSource:
        return self.source(topic="nothing")

    def denied(self) -> ConfiguredSource:
        """The broker of the tests knows no passwords, and turns away whoever brings one."""
        self.setenv("KAFKA_PASSWORD", SECRET)
        settings = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "reader"}
        return self.source(settings=settings, settings_env={"sasl.password": "KAFKA_PASSWORD"})


class EventLog(Origin):
    def put(self, rows: Rows) -> None:
        days: dict[str, list[dict[str, Any]]] = {}
        for row in self.kept(rows):
            days.setdefault(row["ts"][:10], []).append(row)
        for day, of_day in days.items():
            data = "".join(json.dumps(row) + "\n" for row in of_day).encode()
            key = f"events/demo/interactions/dt={day}/host-1-w0-{1700000000000 + next(_NUMBERS)}.jsonl"
            self.shop.store.objects.create(key, data)

    def document(self) -> dict[str, Any]:
        return {"type": "event_log"}

    def kept(self, rows: Rows) -> list[dict[str, Any]]:
        key = load_directory(self.shop.store).tenant("demo").pseudonyms
        return [
            {**row, "key_id": key.key_id}
            | {name: key.of(row[name]) for name in ("user_id", "anonymous_id", "session_id") if row.get(name)}
            for row in rows
        ]


@functools.cache
def _database() -> str:
    return new_database()


@functools.cache
def _broker() -> tuple[Any, str]:
    confluent_kafka = pytest.importorskip("confluent_kafka", reason="pip install 'recsys-suite[dev]'")
    apart = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.kafka_broker"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    atexit.register(apart.wait, 10)
    atexit.register(apart.stdin.close)
    where = apart.stdout.readline().strip()
    assert where, "the broker did not start"
    producer = confluent_kafka.Producer({"bootstrap.servers": where, "log_level": 0})
    atexit.register(producer.flush, 1)
    return producer, where


def brokers() -> str:
    """Say where librdkafka's own broker is, which speaks the protocol; one a test process."""
    return _broker()[1]


def new_topic(name: str = "") -> str:
    """Make a topic of four partitions, by default with a name that nobody has; the broker makes it when first asked."""
    name = name or f"events-{next(_NUMBERS)}"
    _broker()[0].list_topics(name, timeout=20)
    return name


def fill_topic(topic: str, values: Sequence[bytes | None], *, partitions: int = 3) -> None:
    """Add messages, in turn to the first partitions."""
    producer = _broker()[0]
    for n, value in enumerate(values):
        producer.produce(topic, value, partition=n % partitions)
    assert producer.flush(10) == 0


ORIGINS: Mapping[str, type[Origin]] = {
    "files": Files,
    "bucket": Bucket,
    "postgresql": Postgres,
    "kafka": Kafka,
    "event log": EventLog,
}
