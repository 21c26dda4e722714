"""Immutable bytes named by their own SHA-256."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from recsys.encoding import digest as digest_of
from recsys.store.names import check_digest, check_name
from recsys.store.port import CopyFailed, Corrupt, Creation, Entry, Missing, Objects

__all__ = ["Blobs"]

MOST_TAKEN: Final = 100
"""A blob that is deleted under its writer each time is fought over: someone should look."""


class Blobs:
    """A tenant's blobs over any :class:`~recsys.store.port.Objects`, under
    ``blobs/<tenant>/sha256/ab/abcdef…``.

    What was read through here has the digest it was asked by.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @staticmethod
    def key(tenant: str, digest: str) -> str:
        """Return where a blob lies."""
        hexadecimal = check_digest(digest).removeprefix("sha256:")
        return f"blobs/{check_name(tenant, what='tenant')}/sha256/{hexadecimal[:2]}/{hexadecimal}"

    def put(self, tenant: str, data: bytes) -> str:
        """Write bytes and return their digest; durable on return, whoever wrote them first.

        Bytes that are already there are verified and confirmed, because the other writer may have died before
        they were durable, and renewed, because whoever collects old blobs must see that they are wanted again.
        Damaged ones are written anew: we hold what the digest names. Deleted ones too, when whoever collects was
        quicker than our look.
        """
        digest = digest_of(data)
        key = self.key(tenant, digest)
        for _ in range(MOST_TAKEN):
            if self._objects.create(key, data) is Creation.CREATED:
                return digest
            try:
                if self._objects.read(key) == data:
                    self._objects.confirm(key)
                    self._objects.renew(key)
                else:
                    self._objects.replace(key, data)
            except Missing:
                continue
            return digest
        raise Missing(key, where=self._objects.name)

    def read(self, tenant: str, digest: str) -> bytes:
        """Return the bytes, verified; raises ``Missing`` or ``Corrupt``."""
        key = self.key(tenant, digest)
        data = self._objects.read(key)
        _require(key, expected=digest, found=digest_of(data))
        return data

    def fetch(self, tenant: str, digest: str, into: Path) -> None:
        """Copy the bytes into the local file ``into``, streaming.

        The file appears, or is replaced, only when the whole copy hashes right and is on this host's disk;
        otherwise nothing is left behind.
        """
        key = self.key(tenant, digest)
        part = into.with_name(f".{into.name}.{secrets.token_hex(6)}.part")
        try:
            self._objects.fetch(key, part)
            with _writing(into), part.open("rb") as file:
                found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
                _require(key, expected=digest, found=found)
                os.fsync(file.fileno())
                part.replace(into)
                _sync_directory(into.parent)
        finally:
            part.unlink(missing_ok=True)

    def exists(self, tenant: str, digest: str) -> bool:
        """Tell whether something lies under the digest, without reading it."""
        return self._objects.exists(self.key(tenant, digest))

    def entries(self, tenant: str) -> Iterator[tuple[str, Entry]]:
        """List a tenant's blobs by digest, with sizes and ages by the store's own time."""
        prefix = f"blobs/{check_name(tenant, what='tenant')}/sha256/"
        for entry in self._objects.entries(prefix):
            yield "sha256:" + entry.key.rpartition("/")[2], entry

    def today(self) -> date:
        """Return the day (UTC) by the store's own time."""
        return datetime.fromtimestamp(self._objects.now_s(), UTC).date()

    def delete(self, tenant: str, digest: str) -> None:
        """Remove a blob; nothing happens when it is absent."""
        self._objects.delete(self.key(tenant, digest))


def _require(key: str, *, expected: str, found: str) -> None:
    if expected != found:
        raise Corrupt(key, expected=expected, found=found)


@contextlib.contextmanager
def _writing(into: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CopyFailed(into, error.strerror or str(error)) from error


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
