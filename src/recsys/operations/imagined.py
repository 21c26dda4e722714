"""Blobs that exist only here, so that "what would come out?" writes nothing to the store."""

from pathlib import Path

import msgspec

from recsys.documents import Rules
from recsys.encoding import canonical, digest
from recsys.releases import Release
from recsys.snapshot import BlobSource

__all__ = ["Imagined"]


class Imagined:
    """The store's blobs, and documents that exist only here: asking "what if" writes nothing to the store."""

    def __init__(self, blobs: BlobSource) -> None:
        self._blobs = blobs
        self._imagined: dict[str, bytes] = {}

    def with_rules(self, release: Release, rules: Rules) -> Release:
        """Return the release as it would be with other rules."""
        return msgspec.structs.replace(release, rules=self.imagine(canonical(rules)))

    def imagine(self, data: bytes) -> str:
        """Keep a document here, and return its digest."""
        self._imagined[digest(data)] = data
        return digest(data)

    def read(self, tenant: str, digest: str) -> bytes:
        """Read a blob, the imagined ones first."""
        return self._imagined.get(digest) or self._blobs.read(tenant, digest)

    def fetch(self, tenant: str, digest: str, into: Path) -> None:
        """Copy a blob into a file."""
        if digest in self._imagined:
            into.write_bytes(self._imagined[digest])
        else:
            self._blobs.fetch(tenant, digest, into)

    def exists(self, tenant: str, digest: str) -> bool:
        """Tell whether a blob is there, or imagined."""
        return digest in self._imagined or self._blobs.exists(tenant, digest)
