"""What may stand in a key: names that people give, and keys as the store takes them."""

import re

from recsys.encoding import Invalid

__all__ = ["DIGEST_PATTERN", "NAME_PATTERN", "check_digest", "check_key", "check_name", "check_prefix", "is_key"]

NAME_PATTERN = "^[a-z0-9][a-z0-9_-]{0,63}$"
DIGEST_PATTERN = "^sha256:[0-9a-f]{64}$"
"""As JSON Schema writes them."""
_NAME = re.compile(NAME_PATTERN.strip("^$"), re.ASCII)
_PART = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]{0,199}", re.ASCII)  # no leading dot: no "..", nothing hidden
_DIGEST = re.compile(DIGEST_PATTERN.strip("^$"), re.ASCII)
_MAX_KEY = 900  # a bucket takes 1,024 bytes with its own prefix


def check_name(name: str, *, what: str) -> str:
    """Return a name given by a person (``what``: tenant, surface, segment) if it may stand in paths and URLs.

    Raises
    ------
    Invalid
        Unless it is 1 to 64 of ``a-z 0-9 _ -`` and starts with a letter or a digit.
    """
    if not _NAME.fullmatch(name):
        shown = name if len(name) <= 80 else name[:80] + "…"
        raise Invalid(
            what,
            f"{shown!r} is not a name",
            suggestion="use 1 to 64 of a-z, 0-9, _ and -, starting with a letter or a digit",
        )
    return name


def is_key(key: str) -> bool:
    """Tell whether every part is plain (not empty, no leading dot, ``A-Za-z0-9._=-``), outside ``tmp/``."""
    parts = key.split("/")
    return len(key) <= _MAX_KEY and parts[0] != "tmp" and all(map(_PART.fullmatch, parts))


def check_key(key: str) -> str:
    """Return a key if it is one; see :func:`is_key`."""
    if not is_key(key):
        raise Invalid("store key", f"{key[:120]!r} is not a key")
    return key


def check_prefix(prefix: str) -> str:
    """Return a prefix if it is empty or a key followed by ``/``."""
    if prefix and not prefix.endswith("/"):
        raise Invalid("store prefix", f"{prefix[:120]!r} does not end in /")
    if prefix:
        check_key(prefix[:-1])
    return prefix


def check_digest(digest: str) -> str:
    """Return a digest if it is ``sha256:`` and 64 hexadecimal digits in lower case."""
    if not _DIGEST.fullmatch(digest):
        raise Invalid("digest", f"{digest[:80]!r} is not a digest", suggestion="like sha256: and 64 hexadecimal digits")
    return digest
