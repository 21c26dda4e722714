"""Rows of a query, laid down as files that are read like any other: from PostgreSQL, or from a DuckDB database."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.evaluation.engine import MEMORY_LIMIT, literal
from recsys.evaluation.errors import BadData, SettingsInvalid

if TYPE_CHECKING:
    import psycopg

__all__ = ["from_duckdb", "from_postgres"]


def from_postgres(*, dsn: str | None, dsn_env: str | None, query: str, to: Path, role: str) -> None:
    """Write each row as a line of JSON, columns by name, in a transaction that can only read.

    A time needs a zone to be one (``timestamptz``). NULL is left out. Passwords stand in the variable, in PGPASSWORD or
    in a password file; no message has one.

    Raises
    ------
    SettingsInvalid
        For a connection string that is none or holds a password, and a variable that is not set.
    BadData
        When the server cannot be reached or refuses the query; says which connection.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    where, given = f"dataset: {role}.dsn", dsn
    if dsn_env is not None:
        where, given = f"dataset: {role}.dsn_env {dsn_env}", os.environ.get(dsn_env)
        if given is None:
            raise SettingsInvalid(f"{where} is not set", next_step="it holds the connection string of PostgreSQL")
    try:
        known = conninfo_to_dict(given or "")
    except psycopg.ProgrammingError:
        next_step = "like postgresql://reader@db:5432/shop"
        raise SettingsInvalid(f"{where} is no connection string", next_step=next_step) from None
    if dsn is not None and known.get("password"):
        next_step = "keep it in PGPASSWORD or a password file, or put the whole into a variable: dsn_env"
        raise SettingsInvalid(f"{where} holds a password, and a dataset holds no secret", next_step=next_step)
    named = (
        ", ".join(f"{key} {known[key]}" for key in ("host", "port", "dbname", "user") if known.get(key)) or "defaults"
    )
    asked = query.strip().rstrip(";")
    rows = f"SELECT json_strip_nulls(row_to_json(q)) FROM ({asked}\n) AS q"  # noqa: S608 - the config's
    try:
        with psycopg.connect(given or "", connect_timeout=10) as connection, to.open("wb") as file:
            _check_one_statement(connection, asked)
            connection.read_only = True
            with connection.cursor() as cursor, cursor.copy(f"COPY ({rows}) TO STDOUT") as copy:
                for (line,) in copy.rows():
                    file.write(str(line).encode() + b"\n")
    except psycopg.Error as error:
        said = str(error).strip().split("\n", 1)[0].replace(str(known.get("password") or "\0"), "…")
        raise BadData(f"{role}: PostgreSQL ({named}): {said}", next_step="check the query and the connection") from None


def _check_one_statement(connection: "psycopg.Connection[Any]", query: str) -> None:
    """Let the server parse the query by itself, which takes one statement: put into another, a bracket too many could
    end it and begin a statement of its own, outside of the transaction that can only read.
    """
    import psycopg

    found = connection.pgconn.prepare(b"", query.encode())
    if found.status != psycopg.pq.ExecStatus.COMMAND_OK:
        raise psycopg.ProgrammingError(found.error_message.decode(errors="replace"))


def from_duckdb(*, path: Path, query: str, to: Path, role: str) -> None:
    """Write a query's rows as Parquet; the database is opened to read.

    Raises
    ------
    BadData
        For a file that is no database, or a query that it refuses.
    """
    import duckdb

    if not path.is_file():
        raise BadData(f"{role}: no database at {path}", next_step="check the path in the dataset")
    try:
        with duckdb.connect(str(path), read_only=True, config={"memory_limit": MEMORY_LIMIT}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            statements = [one for one in connection.extract_statements(query) if one.query.strip(" \n;")]
            if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
                raise BadData(f"{role}: the query is not one SELECT", next_step="it is read from, and changes nothing")
            connection.execute(f"COPY ({query.strip().rstrip(';')}\n) TO {literal(str(to))} (FORMAT parquet)")
    except duckdb.Error as error:
        said = str(error).split("\n", 1)[0]
        raise BadData(f"{role}: DuckDB ({path}): {said}", next_step="check the query") from None
