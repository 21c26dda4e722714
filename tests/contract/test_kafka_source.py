"""What is Kafka's own among the sources, against librdkafka's broker: it speaks the protocol, in this process."""

import datetime
import json
import signal
import subprocess
import sys

import pytest
from tests.contract.origins import Kafka, brokers, fill_topic, new_topic
from tests.contract.test_event_sources import FIRST, LAST, ROWS, fetched, in_order, rows_of
from tests.unit.pipelines.shops import new_shop

from recsys.encoding import parse_rfc3339
from recsys.errors import UsageError
from recsys.pipelines import BadInput, ingest, run
from recsys.pipelines.sources import PositionGone, SourceAway, open_source, read_source
from recsys.pipelines.sources.kafka import KafkaEvents

confluent_kafka = pytest.importorskip("confluent_kafka", reason="pip install 'recsys-suite[dev]'")


@pytest.fixture
def shop():
    return new_shop()


@pytest.fixture
def topic(shop, tmp_path, monkeypatch):
    return Kafka(shop, tmp_path, monkeypatch.setenv)


def committed(topic):
    """What the group's offsets are, by partition; -1001 where there is none."""
    with confluent_kafka.Consumer({"bootstrap.servers": brokers(), "group.id": f"group-of-{topic.topic}"}) as consumer:
        asked = [confluent_kafka.TopicPartition(topic.topic, n) for n in range(3)]
        return [one.offset for one in consumer.committed(asked, timeout=10)]


def take(shop, source, folder):
    return ingest(shop, events=source, surface="home", start=FIRST, end=LAST, folder=folder)


NOTHING = [confluent_kafka.OFFSET_INVALID] * 3


def test_offsets_are_committed_once_the_events_are_durable(topic, shop, tmp_path):
    topic.put(ROWS[:30])
    take(shop, topic.source(), tmp_path / "run")
    assert committed(topic) == [10, 10, 10]


def test_a_run_that_fails_commits_nothing(topic, shop, tmp_path):
    topic.put([*ROWS[:6], {"not": "an event"}])
    with pytest.raises(BadInput, match=rf"{topic.topic}-0-from-0.jsonl line 3: unknown field"):
        take(shop, topic.source(), tmp_path / "run")
    assert committed(topic) == NOTHING


def test_a_dry_run_commits_nothing(topic, shop, tmp_path):
    topic.put(ROWS)
    tried = run(
        shop, surface="home", events=topic.source(), start=FIRST, end=LAST, dry_run=True, force=True, reason="x"
    )
    assert tried.counts["events"] == len(ROWS)
    assert committed(topic) == NOTHING


_KILLED_BEFORE_IT_COMMITS = """
import json, os, signal, sys
from pathlib import Path
from recsys.pipelines import ingest
from recsys.pipelines.sources import open_source
import recsys

store, document, folder, first, last = sys.argv[1:]
source = open_source(json.loads(document))
source.confirm = lambda position: os.kill(os.getpid(), signal.SIGKILL)
tenant = recsys.open(store).tenant("demo")
ingest(tenant, events=source, surface="home", start=first, end=last, folder=Path(folder))
"""


def test_killed_between_durable_and_committed_it_is_read_again_and_nothing_differs(tmp_path, monkeypatch):
    shop = new_shop(str(tmp_path / "store"))
    topic = Kafka(shop, tmp_path, monkeypatch.setenv)
    topic.put(ROWS[:30])
    run = tmp_path / "run"
    words = [str(tmp_path / "store"), json.dumps(topic.document()), str(run), str(FIRST), str(LAST)]
    killed = subprocess.run([sys.executable, "-c", _KILLED_BEFORE_IT_COMMITS, *words], check=False)
    assert killed.returncode == -signal.SIGKILL
    durable = {path: path.read_bytes() for path in run.rglob("dt=*/*.parquet")}
    assert durable
    assert committed(topic) == NOTHING
    again = take(shop, topic.source(), run)
    assert {path: path.read_bytes() for path in run.rglob("dt=*/*.parquet")} == durable
    assert again.counts["events"] == 30
    assert committed(topic) == [10, 10, 10]


def test_a_position_wins_over_the_offsets_of_the_group(topic, tmp_path):
    topic.put(ROWS[:30])
    source = topic.source()
    before = fetched(source, tmp_path / "before")
    topic.put(ROWS[30:60])
    source.confirm(fetched(source, tmp_path / "all").position)
    assert committed(topic) == [20, 20, 20]
    assert rows_of(fetched(source, tmp_path / "rest", since=before.position)) == in_order(ROWS[30:60])


def test_messages_that_are_no_events_are_bad_lines_each(topic, shop, tmp_path):
    good = [json.dumps(row).encode() for row in ROWS[:9]]
    pretty = json.dumps(ROWS[9], indent=2).encode()
    fill_topic(topic.topic, [*good, pretty, None, b"", b" \n ", b"\x00\x00\x00\x01\nAvro", b'"text"', b"\xff\n\xfe"])
    made = ingest(
        shop,
        events=topic.source(),
        surface="home",
        start=FIRST,
        end=LAST,
        folder=tmp_path / "run",
        max_bad_rate=0.5,
    )
    assert made.counts["rows"] == 16
    assert made.counts["events"] == 10
    assert made.problems == {"not a JSON object in UTF-8": 6}


def test_what_a_partition_leaves_out_is_absent_when_the_other_has_it(topic, shop, tmp_path):
    rows = [{"at": row["ts"], "what": row["item_id"], "who": row["user_id"]} for row in ROWS[:2]]
    rows.append({"at": ROWS[2]["ts"], "what": ROWS[2]["item_id"], "browser": "b"})
    topic.put(rows)
    mapping = {
        "columns": {"ts": "at", "item_id": "what", "user_id": "who", "anonymous_id": "browser"},
        "constants": {"event_type": "view"},
    }
    made = ingest(
        shop, events=topic.source(), mapping=mapping, surface="home", start=FIRST, end=LAST, folder=tmp_path / "run"
    )
    assert made.counts["events"] == 3
    assert made.counts["anonymous"] == 1


def test_messages_that_were_deleted_before_they_were_read_are_told(topic, tmp_path):
    topic.put(ROWS[:3])
    position = fetched(topic.source(), tmp_path / "before").position
    padded = json.dumps({**ROWS[3], "surface": "x" * 100_000}).encode()
    for _ in range(80):  # the broker keeps five megabytes of a partition; a batch is deleted as a whole
        fill_topic(topic.topic, [padded], partitions=1)
    with pytest.raises(PositionGone) as error:
        fetched(topic.source(), tmp_path / "rest", since=position)
    oldest = str(error.value).partition("its oldest is ")[2].partition(".")[0]
    assert f"topic {topic.topic} partition 0 no longer has offset 1: its oldest is {oldest}" in str(error.value)
    assert f"{int(oldest) - 1} messages were deleted before they were read" in error.value.next_step


def test_a_topic_that_was_made_anew_is_told(topic, tmp_path):
    topic.put(ROWS[:3])
    position = fetched(topic.source(), tmp_path / "before").position
    ahead = {**position, "offsets": {**position["offsets"], "1": 17}}
    with pytest.raises(PositionGone, match="partition 1 ends at offset 1, and was read up to 17"):
        fetched(topic.source(), tmp_path / "ahead", since=ahead)
    fewer = {**position, "offsets": {**position["offsets"], "9": 17}}
    with pytest.raises(PositionGone, match="has no partition 9"):
        fetched(topic.source(), tmp_path / "fewer", since=fewer)
    with pytest.raises(BadInput, match="is not one of Kafka"):
        fetched(topic.source(), tmp_path / "other", since={"topic": "other", "offsets": {}})


def test_a_partition_that_is_new_is_read_from_its_oldest(topic, tmp_path):
    topic.put(ROWS[:6])
    position = fetched(topic.source(), tmp_path / "before").position
    without = {**position, "offsets": {n: at for n, at in position["offsets"].items() if n != "2"}}
    found = fetched(topic.source(), tmp_path / "rest", since=without)
    assert rows_of(found) == in_order(ROWS[2:6:3])
    assert found.position == position


class Timed:
    """A client whose broker knows the times of messages: the day of an offset is its number."""

    def __init__(self, settings):
        self._consumer = confluent_kafka.Consumer(dict(settings))

    def __getattr__(self, name):
        return getattr(self._consumer, name)

    def offsets_for_times(self, asked, timeout):
        for one in asked:
            day = datetime.datetime.fromtimestamp(one.offset / 1000, datetime.UTC).day
            one.offset = day if day < 6 else confluent_kafka.OFFSET_END
        return asked


def test_a_window_has_the_messages_of_its_days_and_the_next_begins_behind_it(topic, tmp_path):
    fill_topic(topic.topic, [json.dumps(row).encode() for row in ROWS[:8]], partitions=1)
    source = KafkaEvents(read_source(topic.document() | {"by_time": True}), environment={}, opens=Timed)
    second, fourth = datetime.date(2025, 11, 2), datetime.date(2025, 11, 4)
    found = fetched(source, tmp_path / "days", first=second, last=fourth)
    assert rows_of(found) == in_order(ROWS[2:5])
    assert found.position["offsets"]["0"] == 5
    assert [path.name for path in found.files] == [f"{topic.topic}-0-from-2.jsonl"]
    rest = fetched(source, tmp_path / "rest", since=found.position)
    assert rows_of(rest) == in_order(ROWS[5:8])
    back = fetched(source, tmp_path / "back", since=rest.position, first=second, last=fourth)
    assert rows_of(back) == []
    assert back.position == rest.position, "a fetch for earlier days does not go back"


class Marked(Timed):
    """A client that is never given two offsets, as those of a transaction's marks."""

    def consume(self, most, timeout_s):
        return [one for one in self._consumer.consume(most, timeout_s) if one.error() or one.offset() not in (1, 4)]


def test_offsets_that_nobody_is_given_end_no_fetch_and_are_not_asked_for_again(topic, tmp_path):
    fill_topic(topic.topic, [json.dumps(row).encode() for row in ROWS[:8]], partitions=1)
    source = KafkaEvents(read_source(topic.document() | {"by_time": True}), environment={}, opens=Marked)
    found = fetched(source, tmp_path / "days", last=datetime.date(2025, 11, 4))
    assert rows_of(found) == in_order([ROWS[2], ROWS[3]])
    assert found.position["offsets"]["0"] == 5


def test_a_broker_that_goes_away_under_a_fetch_is_told_with_the_offsets(shop, tmp_path):
    producer = confluent_kafka.Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
    producer.produce("orders", json.dumps(ROWS[0]).encode(), partition=0)
    producer.flush(10)

    class Cut(Timed):
        def assign(self, partitions):
            nonlocal producer
            producer = None  # and its broker with it
            self._consumer.assign(partitions)

    document = {"type": "kafka", "brokers": [f"{broker.host}:{broker.port}"], "topic": "orders", "by_time": False}
    source = KafkaEvents(read_source(document | {"timeout_s": 1}), environment={}, opens=Cut)
    with pytest.raises(SourceAway, match=r"Kafka .* topic orders is not available: .*; partition 0 at offset 0"):
        fetched(source, tmp_path / "here")


def test_offsets_that_cannot_be_committed_are_told_and_the_events_are_kept(topic, shop, tmp_path):
    topic.put(ROWS[:30])
    source = topic.source()
    away = topic.away()
    source.confirm = away.confirm
    with pytest.raises(SourceAway, match="the events are kept, their offsets are not committed"):
        take(shop, source, tmp_path / "run")
    assert (tmp_path / "run" / "ingest.json").exists()
    assert committed(topic) == NOTHING


def test_without_the_package_the_next_step_is_to_install_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'recsys-suite\[kafka\]'"):
        open_source({"type": "kafka", "brokers": ["b:9092"], "topic": "t"})


def test_a_secret_that_is_not_there_is_told_by_its_variable():
    document = {"type": "kafka", "brokers": ["b"], "topic": "t", "settings_env": {"sasl.password": "KAFKA_PASSWORD"}}
    with pytest.raises(BadInput, match=r"KAFKA_PASSWORD is not set. it holds Kafka's `sasl.password`"):
        open_source(document, environment={})


def test_a_setting_that_the_client_does_not_know_is_told(tmp_path):
    source = open_source({"type": "kafka", "brokers": ["b"], "topic": "t", "settings": {"sasl.nothing": "x"}})
    with pytest.raises(BadInput, match="No such configuration property"):
        source.check()


def test_a_check_says_where_each_partition_stands(topic):
    topic.put(ROWS[:4])
    source = topic.source()
    source.confirm({"topic": topic.topic, "offsets": {"0": 2}})
    found = source.check().found
    group = f"group-of-{topic.topic}"
    assert found["messages"] == 4
    assert parse_rfc3339(found["oldest of partition 0"]) > 1.7e9, "when it was sent"
    assert found["partition 0"] == f"offsets 0 to 2, group {group} at 2"
    assert found["partition 1"] == "offsets 0 to 1, nothing committed"


def test_an_empty_topic_checks_out():
    document = {"type": "kafka", "brokers": [brokers()], "topic": new_topic(), "timeout_s": 5}
    checked = open_source(document).check()
    assert checked.found["messages"] == 0
    assert checked.fields == ()
