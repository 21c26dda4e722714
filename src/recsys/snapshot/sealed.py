"""Small files that know when they are damaged: the first line is the SHA-256 of the rest."""

import hashlib
import os
import secrets
from pathlib import Path

__all__ = ["Damaged", "read_sealed", "write_durably", "write_sealed"]


class Damaged(Exception):
    """A file that is not what was written."""


def write_sealed(path: Path, data: bytes) -> None:
    """Write bytes under their checksum; durable, and all or nothing."""
    write_durably(path, hashlib.sha256(data).hexdigest().encode() + b"\n" + data)


def read_sealed(path: Path) -> bytes:
    """Return what was written; raises :class:`Damaged`, also for a file that is not there."""
    try:
        whole = path.read_bytes()
    except OSError as error:
        raise Damaged(f"{path.name} cannot be read: {error.strerror}") from None
    checksum, _, data = whole.partition(b"\n")
    if hashlib.sha256(data).hexdigest().encode() != checksum:
        raise Damaged(f"{path.name} does not match its checksum")
    return data


def write_durably(path: Path, data: bytes) -> None:
    """Write a file by way of a temporary one beside it, so that a reader sees the old bytes or the new."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
