"""Stores of every kind are opened by their address, are themselves for life, and keep their log where it was begun."""

import os
from pathlib import Path

import pytest
from tests.contract.servers import new_bucket, new_database, s3_options
from tests.unit.releases.shop import publish

from recsys.errors import NotFound, UsageError
from recsys.releases import Releases, create_tenant
from recsys.store import CommitState, Denied, Unavailable, open_store
from recsys.store.bucket import BucketObjects
from recsys.store.postgres import Database, ForeignLog, PostgresLog


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> str:
    options = s3_options()
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(options["endpoint"]))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(options["access_key_id"]))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(options["secret_access_key"]))
    return f"s3://{new_bucket()}/team/shop"


@pytest.fixture
def database() -> str:
    return new_database()


def test_a_bucket_is_made_a_store_once_and_opened_again(bucket: str) -> None:
    with pytest.raises(NotFound, match="no store"):
        open_store(bucket, create=False)
    made = open_store(bucket)
    assert open_store(bucket, create=False).id == made.id
    assert made.name == bucket


def test_a_prefix_of_other_things_is_not_made_into_a_store(bucket: str) -> None:
    name, _, prefix = bucket.removeprefix("s3://").partition("/")
    BucketObjects(name, prefix=prefix, options=s3_options()).create("holiday.jpg", b"x")
    with pytest.raises(UsageError, match=r"holiday\.jpg"):
        open_store(bucket)


def test_a_bucket_that_is_gone_is_away_and_never_empty(bucket: str) -> None:
    store = open_store(bucket)
    store.objects.delete("store.json")
    with pytest.raises(Unavailable, match=r"store\.json is gone"):
        store.objects.exists("blobs/x")
    with pytest.raises(Unavailable, match="bucket"):
        open_store("s3://no-such-bucket-here/x", create=False)


def test_an_endpoint_that_does_not_answer_is_unavailable_and_names_no_secret(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setattr("recsys.store.bucket._RETRIES", {"max_retries": 0})
    with pytest.raises(Unavailable) as error:
        open_store(bucket, create=False)
    assert "hunter2" not in str(error.value)


def test_releases_go_through_a_bucket_with_their_log_in_a_database(bucket: str, database: str) -> None:
    store = open_store(bucket, log=database)
    create_tenant(store, "demo", actor="us")
    releases = Releases(store, "demo", actor="us")
    releases.ship("home", publish(store))
    again = Releases(open_store(bucket, log=database, create=False), "demo", actor="them")
    assert again.current().generation == 2
    assert again.verify().sound
    assert not list(store.objects.keys("releases/"))
    assert releases.rollback("artifacts", surface="home", to=1).release.generation == 3
    store.close()


def test_a_store_keeps_its_log_where_it_was_begun(tmp_path: Path, database: str) -> None:
    open_store(tmp_path / "a")
    with pytest.raises(UsageError, match="in the store itself"):
        open_store(tmp_path / "a", log=database)
    open_store(tmp_path / "b", log=database).close()
    with pytest.raises(UsageError, match="in PostgreSQL"):
        open_store(tmp_path / "b")


def test_a_database_takes_the_log_of_one_store(tmp_path: Path, database: str) -> None:
    one = open_store(tmp_path / "a", log=database)
    assert one.releases.append("demo", 1, b"x").state is CommitState.COMMITTED
    other = open_store(tmp_path / "b", log=database)
    with pytest.raises(ForeignLog, match=one.id):
        other.releases.head("demo")
    one.close()


def test_a_database_that_refuses_us_is_denied_and_its_password_is_never_said(database: str) -> None:
    log = PostgresLog(Database(database, store_id="s"), "releases")
    log.append("demo", 1, b"x")
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("drop role if exists reader")
        connection.execute("create role reader login password 'hunter2'")
        connection.execute("grant select on recsys_log, recsys_store to reader")
    narrow = Database(
        database.replace("postgres:@", "reader:hunter2@").replace("postgres@", "reader:hunter2@"), store_id="s"
    )
    with pytest.raises(Denied) as error:
        PostgresLog(narrow, "releases").append("demo", 2, b"y")
    assert "hunter2" not in str(error.value) + narrow.name + repr(narrow)
    narrow.close()
    log.close()


def test_a_database_that_is_away_is_unavailable_and_untouched() -> None:
    away = PostgresLog(Database("postgresql://nobody:hunter2@127.0.0.1:9/x", store_id="s"), "releases")
    with pytest.raises(Unavailable) as error:
        away.append("demo", 1, b"x")
    assert error.value.untouched
    assert "hunter2" not in str(error.value)


def test_a_connection_that_was_cut_is_made_again(database: str) -> None:
    import psycopg

    log = PostgresLog(Database(database, store_id="s"), "releases")
    log.append("demo", 1, b"x")
    with psycopg.connect(database, autocommit=True) as other:
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where pid <> pg_backend_pid() and datname = current_database()"
        )
    assert log.append("demo", 2, b"y").state is CommitState.COMMITTED
    assert log.head("demo") == 2
    log.close()


def test_followers_hear_of_a_commit(database: str) -> None:
    writer = PostgresLog(Database(database, store_id="s"), "releases")
    reader = PostgresLog(Database(database, store_id="s"), "releases")
    assert reader.changed() is None
    writer.append("demo", 1, b"x")
    heard: frozenset[str] = frozenset()
    while not heard:
        said = reader.changed()
        heard = said or frozenset()
    assert heard == {"demo"}
    assert reader.changed() == frozenset()
    writer.close()
    reader.close()


def test_the_database_says_what_it_promises(database: str) -> None:
    log = PostgresLog(Database(database, store_id="s"), "releases")
    promises = dict(log.promises())
    assert len(promises) == 3
    assert all(isinstance(broken, str) for broken in promises.values())
    log.close()


def test_a_child_does_not_use_the_parents_connection(database: str) -> None:
    log = PostgresLog(Database(database, store_id="s"), "releases")
    log.append("demo", 1, b"x")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if log.append("demo", 2, b"y").state is CommitState.COMMITTED else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert log.head("demo") == 2
    log.close()
