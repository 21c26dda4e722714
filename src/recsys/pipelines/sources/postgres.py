"""Rows of PostgreSQL as a source, whole windows or what is new, in one read-only snapshot.

The server writes each row as JSON and streams it (COPY), so that neither side ever holds them. Which rows there are is
told by a column of when they were written, and of rows of one time by their key.
"""

import datetime
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors, sql

from recsys.errors import RecsysError
from recsys.pipelines.errors import BadInput
from recsys.pipelines.sources.config import PostgresDocument
from recsys.pipelines.sources.errors import SourceAway, SourceDenied
from recsys.pipelines.sources.port import Fetched, SourceCheck, new_file
from recsys.progress import Progress

__all__ = ["PostgresEvents"]

_SAFE: Mapping[str, Any] = {
    "connect_timeout": 10,
    "application_name": "recsys pipelines",
    "keepalives_idle": 10,
    "tcp_user_timeout": 30_000,
}
"""A server that is gone is noticed within half a minute, also while it streams."""
_ROWS_A_STEP = 10_000
_MOST_COUNTED = 1_000_000
"""A check counts no further: it is to take seconds."""
_CHECK_S = 60.0
"""And if a statement of it takes longer, an index is missing that fetches need too."""
_DENIED = ("28", "42501")
_THEIRS = ("0A", "22", "25006", "42")
"""How the codes begin of what is wrong with the document: another database, values, writing, names and syntax."""
_SAYS_DENIED = re.compile(
    r"authentication failed|no password supplied|no pg_hba.conf entry|role .* does not exist|permission denied"
)
"""What a server says before there is a session, where its codes are not passed on."""
_NO_SERVICE = re.compile(r"definition of service .* not found")
_KEEP_IT_ELSEWHERE = (
    "keep it in a password file (~/.pgpass) or PGPASSWORD, or put the whole address into a variable: dsn_env"
)


class PostgresEvents:
    """A table, view or query of a database.

    Parameters
    ----------
    environment
        Where ``dsn_env`` is looked up; what else libpq reads (``PGPASSWORD``, password and service files) it finds
        itself.

    Raises
    ------
    BadInput
        The variable is not set, the address is none, or the document holds a password.
    """

    def __init__(self, document: PostgresDocument, *, environment: Mapping[str, str]) -> None:
        self._document = document
        given = document.dsn
        if document.dsn_env is not None:
            given = environment.get(document.dsn_env)
            if not given:
                raise BadInput(
                    f"source: {document.dsn_env} is not set", next_step="it holds the connection string of PostgreSQL"
                )
        try:
            known = psycopg.conninfo.conninfo_to_dict(given or "")
        except psycopg.ProgrammingError:
            where = document.dsn_env or "dsn"
            raise BadInput(
                f"source: {where} is not an address of PostgreSQL", next_step="like postgresql://reader@db:5432/shop"
            ) from None
        if document.dsn is not None and "password" in known:
            raise BadInput(
                "source: `dsn` holds a password, and a document holds no secret", next_step=_KEEP_IT_ELSEWHERE
            )
        self._settings: dict[str, Any] = {**_SAFE, **known, "client_encoding": "utf8"}
        self.credentials = _credentials(known, document.dsn_env, environment)
        self.name = _name(known)
        self.feed = f"postgresql {document.table or document.query} by {document.time}, {document.key}"

    def fetch(
        self,
        into: Path,
        *,
        first: datetime.date,
        last: datetime.date,
        since: Mapping[str, Any] | None,
        progress: Progress,
    ) -> Fetched:
        """Lay the rows down as one JSONL file, in no order. The position is the time and key of the newest of them, or
        the one that was given when there are none.
        """
        path = into / "rows.jsonl"
        with self._session() as connection:
            newest = connection.execute(self._newest(first, last, since)).fetchone()
            with (
                progress("fetch") as advance,
                new_file(path) as file,
                connection.cursor() as cursor,
                cursor.copy(self._rows(first, last, since)) as copy,
            ):
                for n, row in enumerate(copy, 1):
                    file.write(row)
                    if n % _ROWS_A_STEP == 0:
                        advance(_ROWS_A_STEP)
        position = since or {} if newest is None else {"time": newest[0], "key": newest[1]}
        return Fetched(files=(path,), position=position, whole_days=not since)

    def confirm(self, position: Mapping[str, Any]) -> None:
        """The database keeps no position of ours."""

    def check(self) -> SourceCheck:
        with self._session(at_most_s=_CHECK_S) as connection:
            counted = connection.execute(
                sql.SQL("select count(*) from (select 1 from {} limit {}) as counted").format(
                    self._from(), sql.Literal(_MOST_COUNTED + 1)
                )
            ).fetchone()
            time = sql.Identifier(self._document.time)
            ages = sql.SQL("select min({time})::text, max({time})::text from {rows}")
            oldest, newest = connection.execute(ages.format(time=time, rows=self._from())).fetchone() or (None, None)
            described = connection.execute(
                sql.SQL("select {} from {} limit 0").format(self._columns(), self._from())
            ).description
        rows = int(counted[0]) if counted else 0
        return SourceCheck(
            source=self.name,
            credentials=self.credentials,
            found={
                "rows": f"more than {_MOST_COUNTED}" if rows > _MOST_COUNTED else rows,
                "oldest": oldest or "none",
                "newest": newest or "none",
            },
            fields=tuple(column.name for column in described or ()),
        )

    @contextmanager
    def _session(self, *, at_most_s: float = math.inf) -> Iterator[psycopg.Connection[Any]]:
        """Open one snapshot that writes nothing; its errors come out as ours."""
        reached, timeout_s = False, min(at_most_s, self._document.statement_timeout_s)
        try:
            with psycopg.connect(**self._settings) as connection:
                reached = True
                connection.read_only = True
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                for setting, value in _of_session(timeout_s).items():
                    connection.execute("select set_config(%s, %s, true)", [setting, value])
                yield connection
        except psycopg.Error as error:
            raise self._explained(error, reached=reached, timeout_s=timeout_s) from None

    def _explained(self, error: psycopg.Error, *, reached: bool, timeout_s: float) -> RecsysError:
        said, code = _said(error), error.sqlstate or ""
        if code.startswith(_DENIED) or (not reached and _SAYS_DENIED.search(said)):
            return SourceDenied(self.name, said, credentials=self.credentials)
        if code.startswith(_THEIRS):
            return BadInput(f"{self.name}: {said}", next_step="check table, query, columns, time and key of the source")
        if isinstance(error, errors.QueryCanceled):
            said = f"{said}: one may take {timeout_s:g} s"
            hint = "make an index over the time and the key; or, for a run, raise statement_timeout_s"
            return SourceAway(self.name, said, credentials=self.credentials, next_step=hint)
        hint = "name a service that the file of services has (PGSERVICEFILE)" if _NO_SERVICE.search(said) else ""
        return SourceAway(self.name, said, credentials=self.credentials, next_step=hint)

    def _from(self) -> sql.Composable:
        if self._document.query is not None:
            query: Any = self._document.query.strip().rstrip(";")  # the operator's own
            return sql.SQL("({}\n) as source").format(sql.SQL(query))  # it may end with a comment
        return sql.SQL("{} as source").format(sql.Identifier(*str(self._document.table).split(".")))

    def _columns(self) -> sql.Composable:
        return (
            sql.SQL(", ").join(map(sql.Identifier, self._document.columns)) if self._document.columns else sql.SQL("*")
        )

    def _until(self, last: datetime.date) -> sql.Composed:
        """Write the condition of what may be read: settled rows up to the end of the last day, that have a key to go
        on from.

        Bounds are text that takes the type of its column: a time without a zone is one in UTC.
        """
        after = last + datetime.timedelta(days=1)
        return sql.SQL(
            "{time} < {after} and {time} <= now() - make_interval(secs => {lag_s}) and {key} is not null"
        ).format(
            time=sql.Identifier(self._document.time),
            key=sql.Identifier(self._document.key),
            after=sql.Literal(f"{after} 00:00:00+00"),
            lag_s=sql.Literal(self._document.lag_s),
        )

    def _newest(self, first: datetime.date, last: datetime.date, since: Mapping[str, Any] | None) -> sql.Composed:
        return sql.SQL(
            "select {time}::text, {key}::text from {rows} where {begin} and {until} "
            "order by {time} desc, {key} desc limit 1"
        ).format(
            time=sql.Identifier(self._document.time),
            key=sql.Identifier(self._document.key),
            rows=self._from(),
            begin=self._begin(first, since),
            until=self._until(last),
        )

    def _rows(self, first: datetime.date, last: datetime.date, since: Mapping[str, Any] | None) -> sql.Composed:
        """Write the statement that streams rows as JSON, one a line.

        Quote and delimiter are characters that JSON never holds, so nothing is quoted; and a line end that a `json`
        column may hold between its words is a space to JSON too.
        """
        return sql.SQL(
            "copy (select translate(row_to_json(event)::text, e'\\n\\r', '  ') from "
            "(select {columns} from {rows} where {begin} and {until}) as event) "
            "to stdout (format csv, quote e'\\x01', delimiter e'\\x02')"
        ).format(columns=self._columns(), rows=self._from(), begin=self._begin(first, since), until=self._until(last))

    def _begin(self, first: datetime.date, since: Mapping[str, Any] | None) -> sql.Composed:
        time, key = sql.Identifier(self._document.time), sql.Identifier(self._document.key)
        if not since:
            return sql.SQL("{} >= {}").format(time, sql.Literal(f"{first} 00:00:00+00"))
        after = sql.SQL("({}, {}) > ({}, {})")
        return after.format(time, key, *map(sql.Literal, _read_position(since, self.name)))


def _of_session(timeout_s: float) -> Mapping[str, str]:
    """Return settings of the transaction; positions are text, and must mean the same in every one."""
    return {"TimeZone": "UTC", "DateStyle": "ISO, YMD", "statement_timeout": str(int(timeout_s * 1000))}


def _read_position(since: Mapping[str, Any], name: str) -> tuple[str, str]:
    try:
        return str(since["time"]), str(since["key"])
    except KeyError:
        raise BadInput(
            f"the position {dict(since)} is not one of {name}", next_step="read the whole window again: --rebuild"
        ) from None


def _name(known: Mapping[str, Any]) -> str:
    """Name the connection as libpq understands it, without the password."""
    defaults: dict[str, str] = {}
    for option in psycopg.pq.Conninfo.get_defaults():
        if option.val is not None:
            defaults[option.keyword.decode()] = option.val.decode(errors="replace")
    if known.get("service") or defaults.get("service"):
        return f"PostgreSQL service {known.get('service') or defaults['service']}"
    set_to = {**defaults, **known}
    user, host = set_to.get("user") or "", set_to.get("host") or "local socket"
    return f"postgresql://{user}@{host}:{set_to.get('port') or 5432}/{set_to.get('dbname') or user}"


def _credentials(known: Mapping[str, Any], variable: str | None, environment: Mapping[str, str]) -> str:
    """Say where libpq finds the password, in its own order; never what it is."""
    if "password" in known:
        return f"the password in {variable}"
    if environment.get("PGPASSWORD"):
        return "PGPASSWORD"
    passfile = known.get("passfile") or environment.get("PGPASSFILE") or "~/.pgpass"
    if Path(str(passfile)).expanduser().is_file():
        return f"password file {passfile}"
    return "no password is given"


def _said(error: psycopg.Error) -> str:
    """Say the first line of an error: the rest may quote what was sent."""
    first = str(error).strip().splitlines()
    said = error.diag.message_primary or (first[0] if first else type(error).__name__)
    return said.rpartition("failed: ")[2][:200]
