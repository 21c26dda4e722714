"""A bucket as a store: anything that speaks S3 and keeps its conditional writes.

What the service acknowledged is durable, so nothing is forced here. What it did not acknowledge is unknown; so writes
are repeated here, and not by a client that would hide an unclear answer behind the next one. Two things of a bucket
need care: a 404 can mean that the bucket is gone, and a 403 can stand for a 404. So absence is only believed while the
store's own ``store.json`` is seen, and a refusal is never read as absence.
"""

import re
import secrets
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from recsys.errors import UsageError
from recsys.store.names import check_key, check_prefix, is_key
from recsys.store.port import CopyFailed, Creation, Denied, Entry, Missing, Unavailable
from recsys.store.tree import MARKER, TMP

__all__ = ["BucketObjects", "answer_of", "bucket_at", "options_from"]

_LARGE_BYTES = 1 << 20
_BELIEVED_S = 1.0
"""For how long after ``store.json`` was seen absence is believed: readers ask for the record to come many times."""
_SMALL: Any = {"timeout": "15s", "connect_timeout": "5s"}
"""A record or a pointer that takes longer is not coming."""
_BULK: Any = {"timeout": "30m", "connect_timeout": "5s"}
"""A gigabyte over a slow line takes minutes."""
_RETRIES: Mapping[str, Any] = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}
"""Of reads that failed on the way."""
_ONCE: Mapping[str, Any] = {"max_retries": 0}
_PAUSES_S = (0.1, 0.5)
"""After how long a write is sent again whose answer was unclear. It may find itself there: every caller reads back."""
_CODE = re.compile(r"<Code>(?P<code>\w+)</Code>")
_STATUS = re.compile(r"status code: (?P<status>\d{3} [A-Za-z ]+)")
_NOT_SENT = re.compile(r"kind: (Connect|Builder)\b|dns error")
"""What the client says of a request that did not leave this host."""
_SENDING_S = 5.0
"""No write is begun again after this long: what waits for it has a patience of its own."""

_T = TypeVar("_T")


class BucketObjects:
    """:class:`~recsys.store.port.Objects` in a bucket, below a prefix. Safe to share between threads; not to be used
    after a fork.

    Parameters
    ----------
    bucket, prefix
        Where; the prefix is empty or ends in no slash.
    options
        Settings of obstore's ``S3Store`` (endpoint, region, credentials); what is not given comes from ``AWS_…`` in
        the environment.
    identity
        The bytes of ``store.json``: while other bytes stand there, or none, the store is away.
    """

    def __init__(
        self, bucket: str, *, prefix: str = "", options: Mapping[str, Any] | None = None, identity: bytes | None = None
    ) -> None:
        self._name = f"s3://{bucket}/{prefix}".rstrip("/")
        self._below = f"{prefix}/" if prefix else ""
        self._identity = identity
        self._seen_at = float("-inf")
        given = dict(options or {})
        client: Any = {"allow_http": True} if given.pop("allow_http", False) else {}
        retries: Any = _RETRIES
        small, bulk = _SMALL | client, _BULK | client
        self._small = S3Store(bucket, client_options=small, retry_config=retries, **given)
        self._bulk = S3Store(bucket, client_options=bulk, retry_config=retries, **given)
        once: Any = _ONCE
        self._send_small = S3Store(bucket, client_options=small, retry_config=once, **given)
        self._send_bulk = S3Store(bucket, client_options=bulk, retry_config=once, **given)

    def __repr__(self) -> str:
        return f"BucketObjects({self._name!r})"

    @property
    def name(self) -> str:
        return self._name

    def create(self, key: str, data: bytes) -> Creation:
        path = self._path(key)

        def send() -> Creation:
            try:
                obstore.put(self._for(data), path, data, mode="create", use_multipart=False)
            except AlreadyExistsError as error:
                if "409" in (_status(error) or ""):  # it ran into another request, and says nothing of what is there
                    raise Unavailable(self._name, f"{answer_of(error)} ({key})") from None
                return Creation.EXISTS
            return Creation.CREATED

        return self._sent(key, send)

    def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:  # noqa: ARG002 - all is durable here
        path = self._path(key)
        self._sent(key, lambda: obstore.put(self._for(data), path, data, use_multipart=False))

    def read(self, key: str) -> bytes:
        path = self._path(key)
        with self._told(key):
            found = obstore.get(self._small, path)
            if found.meta["size"] > _LARGE_BYTES:  # its body may take longer than a record is given
                found = obstore.get(self._bulk, path)
            return bytes(found.bytes())

    def fetch(self, key: str, into: Path) -> None:
        path = self._path(key)
        with self._told(key):
            chunks = iter(obstore.get(self._bulk, path).stream(min_chunk_size=_LARGE_BYTES))
        try:
            with into.open("xb") as target:
                while True:
                    with self._told(key):
                        chunk = next(chunks, None)
                    if chunk is None:
                        return
                    target.write(chunk)
        except OSError as error:
            raise CopyFailed(into, error.strerror or str(error)) from error

    def exists(self, key: str) -> bool:
        path = self._path(key)
        try:
            with self._told(key):
                obstore.head(self._small, path)
        except Missing:
            return False
        return True

    def confirm(self, key: str) -> None:
        if not self.exists(key):
            raise Missing(key, where=self._name)

    def renew(self, key: str) -> None:
        self.replace(key, self.read(key))  # the one way that every service has to make an object young

    def entries(self, prefix: str) -> Iterator[Entry]:
        now_s = self.now_s()
        for found in self._listed(prefix):
            modified_s = found["last_modified"].timestamp()
            yield Entry(key=self._key(found["path"]), size_bytes=found["size"], age_s=now_s - modified_s)

    def keys(self, prefix: str) -> Iterator[str]:
        for found in self._listed(prefix):
            yield self._key(found["path"])

    def folders(self, prefix: str) -> list[str]:
        below = self._below + check_prefix(prefix)
        with self._told(prefix or "its listing"):
            found = obstore.list_with_delimiter(self._small, prefix=below)["common_prefixes"]
        names = [path.rstrip("/").removeprefix(below) for path in found]
        return sorted(name for name in names if is_key(f"{prefix}{name}"))

    def delete(self, key: str) -> None:
        path = self._path(key)
        try:
            self._sent(key, lambda: obstore.delete(self._send_small, path))
        except Missing:
            pass

    def _listed(self, prefix: str) -> Iterator[Any]:
        below = self._below + check_prefix(prefix)
        with self._told(prefix or "its listing"):
            pages = iter(obstore.list(self._small, prefix=below))
        while True:
            with self._told(prefix or "its listing"):
                page = next(pages, None)
            if page is None:
                return
            yield from (found for found in page if is_key(self._key(found["path"])))

    def now_s(self) -> float:
        """Return the service's own time, in seconds since 1970, whole seconds: what it writes on a new object."""
        mark = f"{self._below}{TMP}/{secrets.token_hex(8)}"
        with self._told(TMP):
            obstore.put(self._small, mark, b"", use_multipart=False)
            now_s = obstore.head(self._small, mark)["last_modified"].timestamp()
            obstore.delete(self._small, mark)
        return float(now_s)

    def _for(self, data: bytes) -> S3Store:
        return self._send_bulk if len(data) > _LARGE_BYTES else self._send_small

    def _sent(self, key: str, send: Callable[[], _T]) -> _T:
        """Send a write until its answer is clear; a refusal after an unclear answer says nothing of the first try."""
        began = time.monotonic()
        unclear = False
        for pause_s in (*_PAUSES_S, None):
            try:
                with self._told(key):
                    return send()
            except Denied:
                if unclear:
                    raise Unavailable(self._name, f"an earlier try may have been carried out ({key})") from None
                raise
            except Unavailable as error:
                unclear = unclear or not error.untouched
                if pause_s is None or time.monotonic() > began + _SENDING_S:
                    raise Unavailable(self._name, error.why, untouched=not unclear) from None
                time.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    def _path(self, key: str) -> str:
        return self._below + check_key(key)

    def _key(self, path: str) -> str:
        return path.removeprefix(self._below)

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Say an error of the service in our words."""
        try:
            yield
        except FileNotFoundError as error:
            self._require_there(error)
            raise Missing(key, where=self._name) from None
        except (PermissionDeniedError, UnauthenticatedError):
            raise Denied(self._name, key) from None
        except BaseError as error:
            not_sent = bool(_NOT_SENT.search(str(error)))
            raise Unavailable(self._name, f"{answer_of(error)} ({key})", untouched=not_sent) from None

    def _require_there(self, absence: Exception) -> None:
        """Believe that something is absent only while the store itself is seen to be there."""
        if "NoSuchBucket" in str(absence):
            raise Unavailable(self._name, "the bucket is not there") from None
        if self._identity is None or time.monotonic() < self._seen_at + _BELIEVED_S:
            return
        try:
            found = bytes(obstore.get(self._small, self._below + MARKER).bytes())
        except FileNotFoundError:
            raise Unavailable(self._name, f"its {MARKER} is gone") from None
        except (PermissionDeniedError, UnauthenticatedError):
            raise Denied(self._name, MARKER) from None
        except BaseError as error:
            raise Unavailable(self._name, f"{answer_of(error)} ({MARKER})") from None
        if found != self._identity:
            raise Unavailable(self._name, "another store stands in its place") from None
        self._seen_at = time.monotonic()


def bucket_at(address: str, environment: Mapping[str, str], *, identity: bytes | None = None) -> BucketObjects:
    """Open ``s3://bucket/prefix``. Endpoint, region and credentials come from ``AWS_…`` in the environment.

    Plain HTTP is spoken to an endpoint on this machine, and elsewhere only with ``AWS_ALLOW_HTTP=true``.
    """
    url = urllib.parse.urlsplit(address)
    if not url.netloc or "@" in url.netloc or url.query or url.fragment:
        raise UsageError(
            "an address of a bucket has a name and a prefix, and nothing else",
            next_step="like s3://my-bucket/recsys; credentials come from AWS_ACCESS_KEY_ID and its kin",
        )
    prefix = url.path.strip("/")
    if prefix:
        check_key(prefix)
    return BucketObjects(url.netloc, prefix=prefix, options=options_from(environment), identity=identity)


def options_from(environment: Mapping[str, str]) -> dict[str, Any]:
    """Say in obstore's words what ``AWS_…`` says of the service, beside what obstore reads of it itself."""
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""
    options: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    if "AWS_REGION" not in environment and "AWS_DEFAULT_REGION" not in environment:
        options["region"] = "us-east-1"
    here = urllib.parse.urlsplit(endpoint).hostname in ("localhost", "127.0.0.1", "::1")
    if here or environment.get("AWS_ALLOW_HTTP", "").lower() == "true":
        options["allow_http"] = True
    return options


def answer_of(error: Exception) -> str:
    """Say what a service answered in a few words: its text may hold addresses and the request itself."""
    text = str(error)
    code, status = _CODE.search(text), _status(error)
    if code or status:
        return " ".join(found for found in (status, code and code["code"]) if found)
    return "it timed out" if "timed out" in text or "operation timed out" in text.lower() else "it does not answer"


def _status(error: Exception) -> str | None:
    found = _STATUS.search(str(error))
    return found["status"].strip() if found else None
