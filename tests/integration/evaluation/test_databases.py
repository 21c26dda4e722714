"""Logs in a database are judged like the same logs in files: PostgreSQL and DuckDB, with real servers and files."""

import json

import duckdb
import psycopg
import pytest
from tests.contract.servers import new_database
from tests.unit.evaluation.conftest import Log, at

from recsys.errors import UsageError
from recsys.evaluation import evaluate
from recsys.evaluation.errors import BadData, SettingsInvalid

CONFIG = {"offline": {"metrics": [{"name": "ndcg", "k": 5}, {"name": "ctr"}], "slice_keys": ["surface"]}}


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path)
    for number in range(30):
        log.show(f"r{number}", ["a", "b", "c"], minute=number, user=f"u{number % 7}", context={"surface": "home"})
        if number % 3 == 0:
            log.act(f"r{number}", "b", minute=number + 1, event_id=f"e{number}")
    return log


def judge(dataset):
    return evaluate(dataset=dataset, config=CONFIG, allow_no_baseline=True)


def same(report, other):
    """Everything but how the rows were laid down."""
    return report.offline == other.offline and report.joins == other.joins and report.drops == other.drops


@pytest.fixture
def postgres(log):
    address = new_database()
    with psycopg.connect(address) as connection:
        connection.execute(
            "CREATE TABLE shown (request_id text, ts timestamptz, items jsonb, user_id text, context jsonb, error text)"
        )
        connection.execute(
            "CREATE TABLE done (request_id text, item_id text, event_type text, ts timestamptz, id text)"
        )
        for row in log.rows["exposures"]:
            connection.execute(
                "INSERT INTO shown VALUES (%s, %s, %s, %s, %s)",
                (row["request_id"], row["ts"], json.dumps(row["items"]), row["user_id"], json.dumps(row["context"])),
            )
        for row in log.rows["outcomes"]:
            connection.execute(
                "INSERT INTO done VALUES (%s, %s, %s, %s, %s)",
                (row["request_id"], row["item_id"], row["event_type"], row["ts"], row["event_id"]),
            )
    return address


def of_postgres(**source):
    return {
        "exposures": {"type": "postgres", "query": "SELECT * FROM shown;", **source},
        "outcomes": {
            "type": "postgres",
            "query": "SELECT request_id, item_id, event_type, ts, id AS event_id FROM done",
            **source,
        },
    }


def test_postgresql_says_what_files_say(log, postgres):
    assert same(judge(of_postgres(dsn=postgres)), judge(log.dataset()))


def test_the_connection_may_stand_in_a_variable(log, postgres, monkeypatch):
    monkeypatch.setenv("SHOP_DSN", postgres)
    assert same(judge(of_postgres(dsn_env="SHOP_DSN")), judge(log.dataset()))


def test_a_bad_row_is_named_by_its_place_in_the_query(log, postgres):
    with psycopg.connect(postgres) as connection:
        connection.execute("""UPDATE shown SET items = '[{"item_id": "a", "rank": 0}]' WHERE request_id = 'r3'""")
    with pytest.raises(BadData, match=r"exposures of PostgreSQL.jsonl, line \d+: `items\[0\].rank`: is 0") as caught:
        judge(of_postgres(dsn=postgres))
    assert "/tmp" not in str(caught.value)


def test_a_query_can_only_read(postgres):
    dataset = of_postgres(dsn=postgres)
    dataset["outcomes"]["query"] = "WITH gone AS (DELETE FROM shown RETURNING *) SELECT * FROM gone"
    with pytest.raises(BadData, match="PostgreSQL"):
        judge(dataset)
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT count(*) FROM shown").fetchone() == (30,)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1; DELETE FROM shown",
        "SELECT 1) AS q) TO STDOUT; COMMIT; DELETE FROM shown; COPY (SELECT 1 FROM (SELECT 1",
        "SELECT 1) AS q) TO PROGRAM 'touch out'; --",
        "DELETE FROM shown RETURNING *",
    ],
)
def test_a_query_is_one_statement_whatever_its_brackets_say(postgres, query):
    dataset = of_postgres(dsn=postgres)
    dataset["exposures"]["query"] = query
    with pytest.raises(BadData, match=r"exposures: PostgreSQL .*(syntax error|multiple commands)"):
        judge(dataset)
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT count(*) FROM shown").fetchone() == (30,)


def test_a_comment_at_the_end_of_a_query_ends_with_it(log, postgres):
    dataset = of_postgres(dsn=postgres)
    dataset["exposures"]["query"] += " -- all of it"
    dataset["exposures"]["query"] = dataset["exposures"]["query"].replace(";", "")
    assert same(judge(dataset), judge(log.dataset()))


def test_no_message_holds_a_password(monkeypatch):
    secret = "hunter2-hunter2"
    address = f"postgresql://reader:{secret}@127.0.0.1:1/shop"
    with pytest.raises(SettingsInvalid, match="holds a password") as caught:
        judge(of_postgres(dsn=address))
    assert secret not in str(caught.value)
    monkeypatch.setenv("SHOP_DSN", address)
    with pytest.raises(BadData, match=r"host 127\.0\.0\.1, port 1, dbname shop, user reader") as refused:
        judge(of_postgres(dsn_env="SHOP_DSN"))
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"type": "postgres", "query": "SELECT 1"}, "dsn"),
        ({"type": "postgres", "dsn": "service=shop", "dsn_env": "X", "query": "SELECT 1"}, "one of them"),
        ({"type": "postgres", "dsn": "service=shop"}, "needs `query`"),
        ({"type": "jsonl", "path": "a.jsonl", "query": "SELECT 1"}, "not `query`"),
        ({"type": "duckdb", "query": "SELECT 1"}, "path"),
        ({"type": "mysql", "path": "x"}, "type"),
    ],
)
def test_a_source_that_means_nothing_is_refused(source, said):
    with pytest.raises(UsageError, match=said):
        judge({"exposures": source, "outcomes": source})


def test_duckdb_says_what_files_say(log, tmp_path):
    files = log.dataset()
    database = tmp_path / "shop.duckdb"
    with duckdb.connect(str(database)) as connection:
        for role in ("exposures", "outcomes"):
            connection.execute(f"CREATE TABLE {role} AS SELECT * FROM read_json('{files[role]['path']}')")
    source = {"type": "duckdb", "path": str(database)}
    dataset = {
        "exposures": {
            **source,
            "query": "SELECT request_id, ts::TIMESTAMPTZ AS ts, user_id, items, "
            "MAP {'surface': context.surface} AS context FROM exposures",
        },
        "outcomes": {**source, "query": "SELECT * REPLACE (ts::TIMESTAMPTZ AS ts) FROM outcomes;"},
    }
    assert same(judge(dataset), judge(files))


def test_a_duckdb_that_is_none_is_told(tmp_path):
    source = {"type": "duckdb", "path": str(tmp_path / "none.duckdb"), "query": "SELECT 1"}
    with pytest.raises(BadData, match="no database at"):
        judge({"exposures": source, "outcomes": source})
    (tmp_path / "text.duckdb").write_text("not a database, and long enough to be looked at" * 100)
    with pytest.raises(BadData, match="DuckDB"):
        judge({name: {**source, "path": str(tmp_path / "text.duckdb")} for name in ("exposures", "outcomes")})


def test_a_time_without_a_zone_is_refused(postgres):
    dataset = of_postgres(dsn=postgres)
    dataset["exposures"]["query"] = f"SELECT request_id, timestamp '{at(0)[:19]}' AS ts, items FROM shown"
    with pytest.raises(BadData, match="is not an RFC 3339 time with a zone"):
        judge(dataset)
