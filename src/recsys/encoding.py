"""Canonical bytes out, strict values in.

Everything that is hashed, signed or compared goes through :func:`canonical`; everything a person or another program
wrote comes in through :func:`decode`, which refuses unknown fields and suggests the nearest name.
"""

import difflib
import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from recsys.errors import UsageError

__all__ = [
    "Invalid",
    "canonical",
    "convert",
    "decode",
    "did_you_mean",
    "digest",
    "digest_of",
    "is_whole",
    "parse_rfc3339",
    "rfc3339",
    "with_check",
]

T = TypeVar("T")

_CANONICAL = msgspec.json.Encoder(order="sorted")
_CHECK_BEGINS, _CHECK_DIGITS = b'{"check":"', 16
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(?P<name>.*?)`(?: - at `(?P<path>.*)`)?$")
_UNKNOWN_WORD = re.compile(r"Invalid enum value '(?P<word>.*?)'(?: - at `(?P<path>.*)`)?$")


class Invalid(UsageError):
    """A value that is not of the form it must have.

    Parameters
    ----------
    what
        The thing that was read, in the reader's words: ``"config document"``.
    problem
        What is wrong with it, with the path inside it.
    suggestion
        The nearest right name, where a name was wrong.
    """

    def __init__(self, what: str, problem: str, *, suggestion: str = "") -> None:
        super().__init__(f"{what}: {problem}", next_step=suggestion)
        self.what = what
        self.problem = problem


def canonical(value: object) -> bytes:
    """Encode a value as canonical JSON: keys sorted, no white space, UTF-8, shortest floats. Same value, same bytes."""
    return _CANONICAL.encode(value)


def digest(data: bytes | memoryview) -> str:
    """Name bytes by their content: ``sha256:`` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of(path: Path) -> str:
    """Name a file by its content, as :func:`digest` does bytes; it is read piece by piece."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def with_check(data: bytes) -> bytes:
    """Put a digest of a JSON object's bytes before its first field, as ``check``: then a flipped bit shows, also one
    that leaves JSON that reads well.
    """
    return _CHECK_BEGINS + _check_of(data) + (b'"}' if data == b"{}" else b'",' + data[1:])


def is_whole(data: bytes) -> bool:
    """Tell whether an object still has the bytes over which :func:`with_check` wrote its check; true without one."""
    if not data.startswith(_CHECK_BEGINS):
        return True
    start = len(_CHECK_BEGINS)
    end = start + _CHECK_DIGITS
    rest = b"{" + data[end + 2 :] if data[end : end + 2] == b'",' else b"{" + data[end + 1 :]
    return data[start:end] == _check_of(rest) and data == with_check(rest)


def _check_of(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest()[:_CHECK_DIGITS].encode()


def decode(data: bytes | str, kind: type[T], *, what: str) -> T:
    """Read JSON as ``kind``.

    Raises
    ------
    Invalid
        When the JSON is malformed or does not fit; says where, and the nearest name for an unknown field.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise _explained(error, kind, what) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(what, f"not JSON: {error}") from None


def convert(value: object, kind: type[T], *, what: str) -> T:
    """Read plain Python values (from YAML, say) as ``kind``; raises as :func:`decode`."""
    try:
        return msgspec.convert(value, type=kind)
    except msgspec.ValidationError as error:
        raise _explained(error, kind, what) from None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say the nearest known name as a sentence, or list the known ones when none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    return "known: " + ", ".join(names) if names else ""


def rfc3339(seconds: float) -> str:
    """Write a moment (seconds since 1970, UTC) as RFC 3339 with milliseconds and ``Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str, *, what: str = "time") -> float:
    """Read an RFC 3339 moment as seconds since 1970, UTC. A time without a zone is refused: it could mean anything."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(what, f"`{text}` is not an RFC 3339 time", suggestion="like 2026-11-22T08:00:00Z") from None
    if moment.tzinfo is None:
        raise Invalid(what, f"`{text}` has no time zone", suggestion=f"write {text}Z if it is UTC")
    return moment.timestamp()


def _explained(error: msgspec.ValidationError, kind: type, what: str) -> Invalid:
    unknown = _UNKNOWN_FIELD.match(str(error))
    if unknown is None:
        word = _UNKNOWN_WORD.match(str(error))
        near = did_you_mean(word["word"], _words_at(kind, word["path"] or "$")) if word else ""
        return Invalid(what, str(error), suggestion=near)
    name, path = unknown["name"], unknown["path"] or "$"
    where = path.removeprefix("$").removeprefix(".")
    problem = f"unknown field `{name}`" + (f" in `{where}`" if where else "")
    return Invalid(what, problem, suggestion=did_you_mean(name, _fields_at(kind, path)))


def _fields_at(kind: type, path: str) -> set[str]:
    """Collect the field names of every struct that can stand at a msgspec error path such as ``$.limits[...]``."""
    return {field.encode_name for t in _types_at(kind, path) for field in getattr(t, "fields", ())}


def _words_at(kind: type, path: str) -> set[str]:
    """Collect the words that can stand at such a path, where it takes some words only."""
    return {str(word) for t in _types_at(kind, path) for word in getattr(t, "values", ())}


def _types_at(kind: type, path: str) -> list[Any]:
    types = [msgspec.inspect.type_info(kind)]
    for step in re.findall(r"\.(\w+)|(\[)", path):
        types = [inner for outer in types for inner in _inside(outer, step[0])]
    return _flat(types)


def _flat(types: list[Any]) -> list[Any]:
    return [inner for t in types for inner in (t.types if isinstance(t, msgspec.inspect.UnionType) else (t,))]


def _inside(outer: Any, name: str) -> list[Any]:
    found: list[Any] = []
    for t in _flat([outer]):
        if name:
            found += [field.type for field in getattr(t, "fields", ()) if field.encode_name == name]
        elif isinstance(t, msgspec.inspect.DictType):
            found.append(t.value_type)
        else:
            found += [t.item_type] if hasattr(t, "item_type") else list(getattr(t, "item_types", ()))
    return found
