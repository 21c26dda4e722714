"""Files in buckets: found by a glob, brought here, and told when they changed under our hands."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import obstore
from obstore.exceptions import BaseError, InvalidPathError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from recsys.pipelines.errors import BadInput
from recsys.pipelines.sources.errors import SourceAway, SourceDenied
from recsys.pipelines.sources.port import new_file
from recsys.progress import Advance, Progress
from recsys.store.bucket import answer_of, options_from

__all__ = ["BucketFiles", "Found", "credentials_of", "fits"]

_AT_ONCE = 8
"""Downloads side by side: many small files wait for answers, and each holds a chunk in memory."""
_CHUNK_BYTES = 8 << 20
_LOOK_BYTES = 256 << 10
"""Holds the first lines of any file of events."""
_CLIENT: Any = {"timeout": "30m", "connect_timeout": "5s"}
_RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
_MAGIC = re.compile(r"[*?\[]")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A file as a listing shows it."""

    key: str
    size_bytes: int
    etag: str | None


class BucketFiles:
    """What one URL names: ``s3://bucket/key``, or a glob in place of the key (``**`` for any folders).

    ``credentials`` says where they are from, in words.
    """

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        self._bucket, _, self._pattern = url.removeprefix("s3://").partition("/")
        if not self._bucket or "@" in self._bucket or not self._pattern:
            raise BadInput(
                "files in a bucket are named by the bucket and a key or glob, and nothing else",
                next_step="like s3://my-bucket/events/*.parquet; credentials come from AWS_ACCESS_KEY_ID and its kin",
            )
        self.credentials = credentials_of(environment)
        options = options_from(environment)
        client = _CLIENT | ({"allow_http": True} if options.pop("allow_http", False) else {})
        self._store = S3Store(self._bucket, client_options=client, retry_config=_RETRIES, **options)

    def find(self) -> list[Found]:
        """List what there is, sorted; raises :class:`BadInput` when that is nothing."""
        magic = _MAGIC.search(self._pattern)
        if magic is None:
            with self._told(self._pattern):
                return [_found(obstore.head(self._store, self._pattern))]
        below = self._pattern[: magic.start()].rpartition("/")[0]
        with self._told(self._pattern):
            listed = [_found(one) for page in obstore.list(self._store, prefix=below or None) for one in page]
        found = sorted((one for one in listed if fits(one.key, self._pattern)), key=lambda one: one.key)
        if not found:
            raise BadInput(
                f"s3://{self._bucket}/{self._pattern} matches none of {len(listed)} files below `{below}`",
                next_step="check the prefix; `*` stays within a folder, `**` does not",
            )
        return found

    def begin(self, found: Found, into: Path) -> Path:
        """Bring the first of a file's bytes here, for a look."""
        path = into / PurePosixPath(found.key).name
        with self._told(found.key):
            path.write_bytes(bytes(obstore.get_range(self._store, found.key, start=0, length=_LOOK_BYTES)))
        return path

    def url(self, found: Found) -> str:
        """Name a file."""
        return f"s3://{self._bucket}/{found.key}"

    def download(self, found: Sequence[Found], into: Path, *, progress: Progress) -> list[Path]:
        """Bring files here, a few at a time; return them in their order. One that is here already stays as it is."""
        placed = [(one, self.place(into, one.key)) for one in found]
        new = [(one, path) for one, path in placed if not path.exists()]
        stop = threading.Event()
        lock = threading.Lock()
        with progress("fetch", total=sum(one.size_bytes for one, _ in new)) as advance:

            def one_by_one(size_bytes: int) -> None:
                with lock:
                    advance(size_bytes)

            with ThreadPoolExecutor(_AT_ONCE) as pool:
                waiting = [pool.submit(self._copy, one, path, one_by_one, stop) for one, path in new]
                try:
                    for copy in waiting:
                        copy.result()
                except BaseException:
                    stop.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        return [path for _, path in placed]

    def _copy(self, found: Found, path: Path, advance: Advance, stop: threading.Event) -> None:
        with self._told(found.key):
            answer = obstore.get(self._store, found.key)
            if found.etag is not None and answer.meta["e_tag"] not in (None, found.etag):
                raise BadInput(
                    f"s3://{self._bucket}/{found.key} changed while it was being read",
                    next_step="wait until it is written to its end, and run again; better give each export a new name",
                )
            with new_file(path) as target:
                for chunk in answer.stream(min_chunk_size=_CHUNK_BYTES):
                    if stop.is_set():
                        return
                    target.write(chunk)
                    advance(len(chunk))

    def place(self, into: Path, key: str) -> Path:
        """Give a file the place that errors can name: the bucket and its key, below the folder."""
        if any(part in ("", ".", "..") for part in key.split("/")):
            raise BadInput(
                f"s3://{self._bucket}/{key}: a key like this is no path", next_step="rename it, or leave it out"
            )
        path = into / self._bucket / PurePosixPath(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Say an error of the service in our words, with the bucket, the key and whose credentials were used."""
        where = f"s3://{self._bucket}/{key}"
        try:
            yield
        except InvalidPathError as error:
            raise BadInput(
                f"{where}: {str(error).splitlines()[0]}", next_step="rename that key, or name a folder without it"
            ) from None
        except (BaseError, FileNotFoundError) as error:
            said = answer_of(error)
            if "NoSuchBucket" in said:
                raise BadInput(
                    f"there is no bucket {self._bucket} (credentials: {self.credentials})",
                    next_step="check its name, AWS_REGION and AWS_ENDPOINT_URL",
                ) from None
            if isinstance(error, FileNotFoundError):
                raise BadInput(
                    f"{where} does not exist (credentials: {self.credentials})",
                    next_step="check the key; a glob shows what there is",
                ) from None
            denied = isinstance(error, PermissionDeniedError | UnauthenticatedError) or said.startswith(("401", "403"))
            kind = SourceDenied if denied else SourceAway  # a listing that is refused comes without a kind of its own
            raise kind(where, said, credentials=self.credentials) from None


def credentials_of(environment: Mapping[str, str]) -> str:
    """Say where the client finds its credentials, in its own order; never what they are."""
    if environment.get("AWS_SKIP_SIGNATURE", "").lower() in ("1", "true"):
        return "none, as AWS_SKIP_SIGNATURE says"
    for name, where in (
        ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID of the environment"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "the token of AWS_WEB_IDENTITY_TOKEN_FILE"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "the container's role"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "the container's role"),
    ):
        if environment.get(name):
            return where
    profile = ", and profiles are not read" if environment.get("AWS_PROFILE") else ""
    return f"this machine's role: AWS_ACCESS_KEY_ID is not set{profile}"


def _found(meta: Any) -> Found:
    return Found(key=meta["path"], size_bytes=meta["size"], etag=meta["e_tag"])


def fits(key: str, glob: str) -> bool:
    """Tell whether a key is one that a glob means: ``*``, ``?`` and ``[…]`` stay within a folder, ``**`` does not."""
    return _fit(key.split("/"), glob.split("/"))


def _fit(names: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns or not names:
        return not patterns and not names
    if patterns[0] == "**":
        rest = patterns[1:] or ["*"]  # at the end it means any file below
        return any(_fit(names[n:], rest) for n in range(len(names)))
    return fnmatchcase(names[0], patterns[0]) and _fit(names[1:], patterns[1:])
