import json

import pytest

from recsys.encoding import Invalid
from recsys.pipelines.sources import (
    EventLogDocument,
    FilesDocument,
    KafkaDocument,
    PostgresDocument,
    read_source,
)

POSTGRES = {"type": "postgresql", "dsn_env": "SHOP", "table": "events", "time": "at", "key": "id"}
KAFKA = {"type": "kafka", "brokers": ["b:9092"], "topic": "events"}


def test_each_type_is_a_struct_of_its_own():
    assert read_source({"type": "files", "paths": ["a"]}) == FilesDocument(paths=("a",))
    assert read_source(POSTGRES) == PostgresDocument(dsn_env="SHOP", table="events", time="at", key="id")
    assert read_source(KAFKA) == KafkaDocument(brokers=("b:9092",), topic="events")
    assert read_source({"type": "event_log"}) == EventLogDocument()


def test_yaml_and_json_say_the_same(tmp_path):
    (tmp_path / "k.yaml").write_text("type: kafka\nbrokers: [b:9092]\ntopic: events\n")
    (tmp_path / "k.json").write_text(json.dumps(KAFKA, indent=2))
    assert read_source(tmp_path / "k.yaml") == read_source(str(tmp_path / "k.json")) == read_source(KAFKA)


def test_paths_are_from_the_folder_of_the_document(tmp_path):
    (tmp_path / "f.yaml").write_text("type: files\npaths: ['a/*.jsonl', /b.csv, 's3://c/*.parquet']\n")
    found = read_source(tmp_path / "f.yaml")
    assert found == FilesDocument(paths=(f"{tmp_path}/a/*.jsonl", "/b.csv", "s3://c/*.parquet"))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, r"`type` is missing. one of: files, postgresql, kafka, event_log"),
        ({"type": "kafak"}, r"there is no type `kafak`. did you mean `kafka`\?"),
        ({"type": ["kafka"]}, r"there is no type"),
        ({"type": "files", "paths": []}, "`paths` names no file"),
        ({"type": "files", "path": "a"}, r"unknown field `path`. did you mean `paths`\?"),
        (POSTGRES | {"dsn": "service=shop"}, "give `dsn_env` or `dsn`, one of them"),
        (POSTGRES | {"query": "select 1"}, "give `table` or `query`, one of them"),
        (POSTGRES | {"lag": 5}, r"unknown field `lag`. did you mean `lag_s`\?"),
        (POSTGRES | {"lag_s": -1}, "`lag_s` is from 0"),
        (POSTGRES | {"statement_timeout_s": 0}, "`statement_timeout_s` is from 1"),
        ({"type": "postgresql", "dsn_env": "A", "table": "t", "time": "at"}, "missing required field `key`"),
        (KAFKA | {"topics": "a"}, r"unknown field `topics`. did you mean `topic`\?"),
        (KAFKA | {"brokers": []}, "`brokers` names none"),
        (KAFKA | {"topic": ""}, "`topic` and `group` have a name"),
        (KAFKA | {"timeout_s": 0}, "`timeout_s` is from 1"),
        (KAFKA | {"settings": {"enable.auto.commit": True}}, "`enable.auto.commit` is not a setting a source may have"),
        (KAFKA | {"settings": {"ssl.engine.location": "/x.so"}}, "is not a setting a source may have"),
        (KAFKA | {"settings": {"sasl.password": "hunter2"}}, "`sasl.password` is a secret: name the variable"),
        (KAFKA | {"settings": {"ssl.key.pem": "hunter2"}}, "`ssl.key.pem` is a secret"),
        (KAFKA | {"settings": {"sasl.oauthbearer.client.secret": "hunter2"}}, "is a secret"),
        (
            KAFKA | {"settings": {"sasl.username": "a"}, "settings_env": {"sasl.username": "A"}},
            "`sasl.username` is given twice",
        ),
        ({"type": "event_log", "streams": []}, "`streams` names none"),
    ],
)
def test_a_wrong_document_says_what_is_wrong_and_no_secret(values, says):
    with pytest.raises(Invalid, match=says) as error:
        read_source(values)
    assert "hunter2" not in str(error.value)


def test_an_error_names_the_file(tmp_path):
    (tmp_path / "s.yaml").write_text("type: kafka\ntype: files\n")
    with pytest.raises(Invalid, match=rf"source {tmp_path}/s.yaml, line 2: `type` is given twice"):
        read_source(tmp_path / "s.yaml")
