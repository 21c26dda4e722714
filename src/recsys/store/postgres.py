"""The log in PostgreSQL: the primary key is the create-if-absent, and a commit that was acknowledged is on disk.

Records alone live here; blobs, events and heartbeats stay in the store. Heads are asked of the primary. A notification
goes with each commit, so that followers need not ask often; it is a hint, and asking remains.
"""

import os
import socket
import threading
import urllib.parse
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.resources import files
from typing import Any, ClassVar, Final, TypeVar

import psycopg
from psycopg import errors

from recsys.errors import Refused, UsageError
from recsys.store.names import check_name
from recsys.store.port import Commit, Creation, Denied, Gap, Missing, Unavailable
from recsys.store.settling import Settling, settle

__all__ = ["Database", "ForeignLog", "PostgresLog"]

_T = TypeVar("_T")

PACE_S: Final = 1.0
"""How often a follower asks for a head it has no hint about."""
_CHANNEL: Final = "recsys_log"
_SAFE: Final = {
    "connect_timeout": 5,
    "application_name": "recsys",
    "target_session_attrs": "read-write",  # of several hosts the primary: a standby's head may be an old one
    "keepalives_idle": 10,
    "tcp_user_timeout": 10_000,
    "options": "-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s",
}
_REPLY_S = 15.0
"""More than the server itself gives a statement: one that has not answered by then hangs. libpq would wait for ever."""
_DENIED = (errors.InsufficientPrivilege, errors.InvalidPassword, errors.InvalidAuthorizationSpecification)
_PROMISES: Final = {
    "fsync": "commits are forced to disk (fsync)",
    "full_page_writes": "pages torn by a power loss are mended (full_page_writes)",
    "synchronous_commit": "a commit is answered when it is durable (synchronous_commit)",
}


class ForeignLog(Refused):
    """The database holds the log of another store: one log, one store."""

    code = "FOREIGN_LOG"


class Database:
    """One database, one connection a process, used by one thread at a time. Connected at the first use.

    Raises :class:`~recsys.errors.UsageError` for an address that is none. No message ever holds the password.
    """

    def __init__(self, dsn: str, *, store_id: str) -> None:
        try:
            known = psycopg.conninfo.conninfo_to_dict(dsn)
        except psycopg.ProgrammingError:
            raise UsageError("the log's address is not one of PostgreSQL", next_step=_LIKE) from None
        self._settings: dict[str, Any] = {**_SAFE, **known}
        self._store_id = store_id
        self._open = _Open()
        self._lock = threading.Lock()
        weakref.finalize(self, self._open.close)
        where = f"{known.get('host') or 'localhost'}/{known.get('dbname') or ''}".rstrip("/")
        self.name = f"postgresql://{urllib.parse.quote(where, safe='/:,.-_')}"

    @contextmanager
    def session(self, *, what: str) -> Iterator[psycopg.Connection[Any]]:
        """Lend the connection; errors come out as the store's, and a connection that failed is not used again."""
        with self._lock:
            connection = self._connected()
            try:
                with _cut_when_hung(connection):
                    yield connection
            except _DENIED:
                raise Denied(self.name, what) from None
            except psycopg.Error as error:
                self._drop()
                raise Unavailable(self.name, _why(error)) from None

    def close(self) -> None:
        """Close what is open; the next use connects anew."""
        with self._lock:
            self._open.close()

    def listener(self) -> psycopg.Connection[Any]:
        """Open a connection of its own that hears of commits; raises :class:`Unavailable`, :class:`Denied`."""
        with self._reached():
            connection = psycopg.connect(**self._settings, autocommit=True)
            with _cut_when_hung(connection):
                connection.execute(f"listen {_CHANNEL}")
            return self._open.kept("listener", connection)

    def _connected(self) -> psycopg.Connection[Any]:
        connection = self._open.get("asking")
        if connection is not None:
            return connection
        with self._reached():
            connection = psycopg.connect(**self._settings, autocommit=True)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return self._open.kept("asking", connection)

    def _prepare(self, connection: psycopg.Connection[Any]) -> None:
        """Make the tables where they are missing, and make sure that the log is this store's."""
        with self._reached(), _cut_when_hung(connection):
            if connection.execute("select to_regclass('recsys_log')").fetchone() == (None,):
                _make(connection)
            connection.execute("insert into recsys_store (id) values (%s) on conflict do nothing", [self._store_id])
            found = connection.execute("select id from recsys_store").fetchone()
        if found is None or found[0] != self._store_id:
            raise ForeignLog(
                f"{self.name} holds the log of store {found[0] if found else '?'}, not of {self._store_id}",
                next_step="give the store that belongs to it with --store, or another database with --log",
            )

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Say why a connection did not come about; nothing was sent by then."""
        try:
            yield
        except _DENIED:
            raise Denied(self.name, "its log") from None
        except psycopg.Error as error:
            raise Unavailable(self.name, _why(error), untouched=True) from None

    def _drop(self) -> None:
        self._open.close("asking")


@contextmanager
def _cut_when_hung(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Cut the connection under a block that takes too long: what waits for the server is told that it went."""
    with socket.socket(fileno=os.dup(connection.fileno())) as line:

        def cut() -> None:
            with suppress(OSError):  # it may have gone by itself
                line.shutdown(socket.SHUT_RDWR)

        patience = threading.Timer(_REPLY_S, cut)
        patience.daemon = True
        patience.start()
        try:
            yield
        finally:
            patience.cancel()
            patience.join()  # before the line is closed


class _Open:
    """Connections of this process, by what they are for. What a parent opened is left to it: it goes on using it."""

    _inherited: ClassVar[list[psycopg.Connection[Any]]] = []

    def __init__(self) -> None:
        self._by_use: dict[str, psycopg.Connection[Any]] = {}
        self._owner = os.getpid()

    def get(self, use: str) -> psycopg.Connection[Any] | None:
        self._leave_inherited()
        connection = self._by_use.get(use)
        return None if connection is None or connection.closed else connection

    def kept(self, use: str, connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
        self._leave_inherited()
        self.close(use)
        self._by_use[use] = connection
        return connection

    def close(self, *uses: str) -> None:
        self._leave_inherited()
        for use in uses or tuple(self._by_use):
            connection = self._by_use.pop(use, None)
            if connection is not None:
                connection.close()

    def _leave_inherited(self) -> None:
        if self._owner != os.getpid():
            self._inherited.extend(self._by_use.values())  # collected, they would say good-bye in the parent's name
            self._by_use.clear()
            self._owner = os.getpid()


class PostgresLog:
    """:class:`~recsys.store.port.Log` in one table of a database; ``log`` tells its logs apart (``releases``)."""

    pace_s = PACE_S

    def __init__(self, database: Database, log: str, *, time: Settling | None = None) -> None:
        self._database = database
        self._log = log
        self._time = time or Settling()
        self._listener: psycopg.Connection[Any] | None = None

    @property
    def name(self) -> str:
        return f"{self._database.name}/{self._log}"

    def append(self, stream: str, number: int, data: bytes, *, patience_s: float = 10.0) -> Commit:
        if number < 1:
            raise ValueError(f"records count from 1, not {number}")
        if number > 1 and not self._stands(check_name(stream, what="stream"), number - 1):
            raise Gap(stream, number)
        return settle(
            number,
            data,
            create=partial(self._create, check_name(stream, what="stream"), number, data),
            read=partial(self.read, stream, number),
            confirm=lambda: None,  # what can be read was committed, and commits are on disk
            patience_s=patience_s,
            time=self._time,
        )

    def read(self, stream: str, number: int) -> bytes:
        found = self._ask(
            stream, lambda c: c.execute(_READ, [self._log, check_name(stream, what="stream"), number]).fetchone()
        )
        if found is None:
            raise Missing(f"{stream}/{number}", where=self.name)
        return bytes(found[0])

    def head(self, stream: str, *, at_least: int = 0) -> int:
        found = self._ask(
            stream, lambda c: c.execute(_HEAD, [self._log, check_name(stream, what="stream"), at_least]).fetchone()
        )
        return max(at_least, found[0] or 0) if found else at_least

    def streams(self) -> list[str]:
        return [row[0] for row in self._ask("streams", lambda c: c.execute(_STREAMS, [self._log]).fetchall())]

    def destroy(self, stream: str) -> None:
        def do(connection: psycopg.Connection[Any]) -> None:
            connection.execute(_DESTROY, [self._log, check_name(stream, what="stream")])

        self._ask(stream, do)

    def changed(self) -> frozenset[str] | None:
        try:
            if self._listener is None or self._listener.closed:
                self._listener = self._database.listener()
                return None  # what was said before is not known
            said = [notice.payload.partition(" ") for notice in self._listener.notifies(timeout=0)]
        except (psycopg.Error, Unavailable, Denied):
            if self._listener is not None:
                self._listener.close()
                self._listener = None
            return frozenset()  # heads are asked at their pace
        return frozenset(stream for log, _, stream in said if log == self._log)

    def pointer_damaged(self, stream: str) -> bool:  # noqa: ARG002 - a database needs none
        return False

    def close(self) -> None:
        self._database.close()

    def promises(self) -> Iterator[tuple[str, str]]:
        """Yield what the server is set to, as (promise, how it is broken; empty when it is kept)."""
        rows = self._ask("its settings", lambda c: c.execute(_SETTINGS, [list(_PROMISES)]).fetchall())
        for setting, value in sorted(rows):
            yield _PROMISES[setting], f"{setting} is {value}" if value in ("off", "local") else ""

    def _create(self, stream: str, number: int, data: bytes) -> Creation:
        def do(connection: psycopg.Connection[Any]) -> int:
            with connection.transaction():
                rows = connection.execute(_INSERT, [self._log, stream, number, data]).rowcount
                if rows:
                    connection.execute("select pg_notify(%s, %s)", [_CHANNEL, f"{self._log} {stream}"])
            return rows

        return Creation.CREATED if self._once(stream, do) else Creation.EXISTS

    def _stands(self, stream: str, number: int) -> bool:
        return self._ask(stream, lambda c: c.execute(_STANDS, [self._log, stream, number]).fetchone()) is not None

    def _ask(self, what: str, do: Callable[[psycopg.Connection[Any]], _T]) -> _T:
        """Ask what may be asked twice: a connection that lay idle may have been cut without a word."""
        try:
            return self._once(what, do)
        except Unavailable as error:
            if error.untouched:
                raise  # there is no connection to be had
            return self._once(what, do)

    def _once(self, what: str, do: Callable[[psycopg.Connection[Any]], _T]) -> _T:
        with self._database.session(what=what) as connection:
            return do(connection)


def _make(connection: psycopg.Connection[Any]) -> None:
    sql = files("recsys.store").joinpath("postgres.sql").read_text()
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(7263737973)")  # of racing makers one makes
        connection.execute(sql)


def _why(error: psycopg.Error) -> str:
    """Say the first line of an error: the rest may quote what was sent."""
    first = str(error).strip().splitlines()
    said = error.diag.message_primary or (first[0] if first else type(error).__name__)
    return said.rpartition("failed: ")[2][:200]


_LIKE: Final = "like postgresql://user@host:5432/database; the password from PGPASSWORD or a password file"
_READ: Final = "select data from recsys_log where log = %s and stream = %s and number = %s"
_STANDS: Final = "select 1 from recsys_log where log = %s and stream = %s and number = %s"
_HEAD: Final = "select max(number) from recsys_log where log = %s and stream = %s and number >= %s"
_STREAMS: Final = 'select distinct stream collate "C" as stream from recsys_log where log = %s order by stream'
_DESTROY: Final = "delete from recsys_log where log = %s and stream = %s"
_INSERT: Final = "insert into recsys_log values (%s, %s, %s, %s) on conflict do nothing"
_SETTINGS: Final = "select name, setting from pg_settings where name = any(%s)"
