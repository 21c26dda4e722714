"""What is PostgreSQL's own among the sources, on a real server."""

import datetime
import urllib.parse

import pytest
from tests.contract.origins import SECRET, Postgres
from tests.contract.test_event_sources import FIRST, LAST, ROWS, fetched, in_order, rows_of
from tests.unit.pipelines.shops import new_shop

from recsys.pipelines import BadInput, ingest
from recsys.pipelines.sources import SourceAway, open_source


@pytest.fixture
def shop():
    return new_shop()


@pytest.fixture
def table(shop, tmp_path, monkeypatch):
    return Postgres(shop, tmp_path, monkeypatch.setenv)


def test_rows_of_one_time_are_told_apart_by_their_key(table, tmp_path):
    same = [{**row, "ts": ROWS[0]["ts"]} for row in ROWS[:9]]
    table.put(same[:4])
    before = fetched(table.source(), tmp_path / "before")
    table.put(same[4:])
    assert rows_of(fetched(table.source(), tmp_path / "rest", since=before.position)) == in_order(same[4:])


def test_a_row_without_a_key_is_no_place_to_go_on_from(table, tmp_path):
    table.put(ROWS[:3])
    query = f"select ts, written, nullif(id, (select max(id) from {table.table})) as id from {table.table} -- no key"
    source = table.source(table=None, query=query, columns=["ts"])
    before = fetched(source, tmp_path / "before")
    assert rows_of(before) == [{"ts": row["ts"]} for row in ROWS[:2]]
    assert rows_of(fetched(source, tmp_path / "rest", since=before.position)) == []


def test_rows_after_the_last_day_are_left_for_the_next_fetch(table, tmp_path):
    table.put(ROWS)
    fifth = datetime.date(2025, 11, 5)
    before = fetched(table.source(), tmp_path / "before", last=fifth)
    early = [row for row in ROWS if row["ts"] < "2025-11-06"]
    assert rows_of(before) == in_order(early)
    rest = fetched(table.source(), tmp_path / "rest", since=before.position)
    assert rows_of(rest) == in_order(row for row in ROWS if row not in early)
    back = fetched(table.source(), tmp_path / "back", since=rest.position, last=fifth)
    assert rows_of(back) == []
    assert back.position == rest.position, "a fetch for earlier days does not go back"


def test_rows_that_may_not_be_settled_are_left_for_the_next_fetch(table, tmp_path):
    table.put(ROWS[:1])
    table.execute(f"insert into {table.table} (written, item_id) values (now(), 'young')")
    today = datetime.datetime.now(datetime.UTC).date()
    settled = fetched(table.source(), tmp_path / "settled", last=today)
    assert rows_of(settled) == ROWS[:1]
    rest = fetched(table.source(lag_s=0), tmp_path / "rest", since=settled.position, last=today)
    assert rows_of(rest) == [{"item_id": "young"}]


def test_columns_of_every_kind_make_one_line_of_json_a_row(table, shop, tmp_path):
    query = """
        select timestamptz '2025-11-05 11:00:00.25+01' as ts, 7::text as item_id, 'view' as event_type,
               2.50::numeric as value, 3::int as quantity, 'ann' as user_id,
               timestamp '2025-11-05 10:00' as at, 1 as n;
    """
    columns = ["ts", "item_id", "event_type", "value", "quantity", "user_id"]
    source = table.source(table=None, query=query, time="at", key="n", columns=columns)
    assert rows_of(fetched(source, tmp_path / "here")) == [
        {
            "ts": "2025-11-05T10:00:00.25+00:00",
            "item_id": "7",
            "event_type": "view",
            "value": 2.5,
            "quantity": 3,
            "user_id": "ann",
        }
    ]
    made = ingest(shop, events=source, surface="home", start=FIRST, end=LAST, folder=tmp_path / "run")
    assert made.counts["events"] == 1


def test_line_ends_between_the_words_of_a_json_column_stay_inside_the_row(table, tmp_path):
    query = "select e'{\"a\":\\n\\r1}'::json as given, e'a\\nb' as text, timestamp '2025-11-05' as at, 1 as n"
    source = table.source(table=None, query=query, time="at", key="n", columns=["given", "text"])
    assert rows_of(fetched(source, tmp_path / "here")) == [{"given": {"a": 1}, "text": "a\nb"}]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"columns": ["itemid"]}, 'column "itemid" does not exist'),
        ({"time": "item_id"}, "operator does not exist"),
        (
            {"table": None, "query": "select nextval('counter') as id, timestamp '2025-11-05' as written"},
            "read-only transaction",
        ),
        ({"table": None, "query": "selekt 1"}, "syntax error"),
        ({"table": "shop.public.events"}, "cross-database references"),
    ],
)
def test_what_the_server_cannot_do_is_told_in_its_words(table, tmp_path, changed, says):
    table.execute("create sequence if not exists counter")
    with pytest.raises(BadInput, match=says) as error:
        fetched(table.source(**({"columns": []} | changed)), tmp_path / "here")
    assert "postgresql://postgres@" in str(error.value)


def test_a_statement_that_takes_too_long_is_given_up(table, tmp_path):
    query = "select pg_sleep(30), timestamp '2025-11-05' as written, 1 as id"
    source = table.source(table=None, query=query, columns=[], statement_timeout_s=1)
    with pytest.raises(SourceAway, match=r"statement timeout: one may take 1 s .*raise statement_timeout_s"):
        fetched(source, tmp_path / "here")


def test_a_connection_that_is_cut_in_the_middle_is_told(table, tmp_path):
    query = """
        select n as id, timestamp '2025-11-05' as written,
               case when n = 20000 then pg_terminate_backend(pg_backend_pid()) end as gone
        from generate_series(1, 30000) as n
    """
    source = table.source(table=None, query=query, columns=["id", "gone"])
    with pytest.raises(SourceAway, match=r"terminating connection .* running again is safe"):
        fetched(source, tmp_path / "here")


@pytest.mark.parametrize("setting", ["datestyle = 'SQL, DMY'", "timezone = 'Asia/Tokyo'", "client_encoding = 'LATIN1'"])
def test_how_a_database_is_set_changes_nothing(table, tmp_path, setting):
    name = urllib.parse.urlsplit(table.address).path[1:]
    table.execute(f'alter database "{name}" set {setting}')
    try:
        rows = [{**row, "item_id": "café"} for row in ROWS[:40]]
        table.put(rows[:20])
        before = fetched(table.source(), tmp_path / "before")
        table.put(rows[20:])
        assert rows_of(before) == in_order(rows[:20])
        assert before.position["time"] == ROWS[19]["ts"].replace("T", " ").replace("Z", "+00")
        assert rows_of(fetched(table.source(), tmp_path / "rest", since=before.position)) == in_order(rows[20:])
    finally:
        table.execute(f'alter database "{name}" reset {setting.partition(" ")[0]}')


DOCUMENT = {"type": "postgresql", "table": "events", "time": "written", "key": "id"}


@pytest.mark.parametrize("dsn", [f"postgresql://me:{SECRET}@db/shop", f"host=db password={SECRET}"])
def test_a_password_in_a_document_is_refused(dsn):
    with pytest.raises(BadInput, match=r"`dsn` holds a password.*dsn_env") as error:
        open_source(DOCUMENT | {"dsn": dsn})
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "SHOP_DSN is not set"),
        ({"SHOP_DSN": f"mysql:{SECRET}@db"}, "SHOP_DSN is not an address of PostgreSQL"),
    ],
)
def test_a_variable_that_holds_no_address_is_told(environment, says):
    with pytest.raises(BadInput, match=says) as error:
        open_source(DOCUMENT | {"dsn_env": "SHOP_DSN"}, environment=environment)
    assert SECRET not in str(error.value)


def test_whose_password_was_used_is_told(tmp_path):
    passwords = tmp_path / "passwords"
    passwords.write_text(f"*:*:*:*:{SECRET}")

    def credentials(environment, **address):
        return open_source(DOCUMENT | address, environment=environment).credentials

    plain = {"dsn": "postgresql://me@db/shop"}
    missing = {"PGPASSFILE": str(tmp_path / "none")}
    assert credentials({"SHOP": f"postgresql://me:{SECRET}@db/shop"}, dsn_env="SHOP") == "the password in SHOP"
    assert credentials({"PGPASSWORD": SECRET}, **plain) == "PGPASSWORD"
    assert credentials({"PGPASSFILE": str(passwords)}, **plain) == f"password file {passwords}"
    assert credentials(missing, **plain) == "no password is given"


def test_a_service_that_no_file_defines_is_told_as_that(tmp_path):
    source = open_source(DOCUMENT | {"dsn": "service=nowhere"}, environment={})
    with pytest.raises(SourceAway, match="PGSERVICEFILE"):
        fetched(source, tmp_path / "never")
