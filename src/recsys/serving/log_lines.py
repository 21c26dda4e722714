"""What a record of the service's log becomes: a line for people, or one JSON document for machines. No output here."""

import logging
import re
import sys
import traceback
from typing import Any

import msgspec

from recsys.encoding import rfc3339

__all__ = ["About", "JsonLines", "TextLines", "about"]

_MOST_MESSAGE = 1_000
_LEAST_MESSAGE = 100
_MOST_LINE_BYTES = 4_096
"""What a pipe takes in one piece (PIPE_BUF): lines of several processes do not run into one another."""

_SECRETS = re.compile(
    r"rsk_\w+"  # keys
    r"|eyJ[\w-]+(?:\.[\w-]*)*"  # tokens
    r"|(?i:(?<=bearer )\S+)"
    r"|(?<=://)[^/\s@]+(?=@)"  # user and password in an address
)
"""Nothing of ours puts a secret into a record. What other libraries say of an error might."""

_encode = msgspec.json.Encoder().encode


class About(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a line is about, where that is known. ``surface`` and ``route`` are names of ours, never what a client
    made up; ``ms`` is milliseconds, ``bytes`` the size of the body that went out.
    """

    request_id: str | None = None
    tenant: str | None = None
    surface: str | None = None
    method: str | None = None
    route: str | None = None
    status: int | None = None
    ms: float | None = None
    rung: str | None = None
    bytes: int | None = None


def about(*, request_id: str | None = None, tenant: str | None = None, surface: str | None = None) -> dict[str, About]:
    """Return the ``extra`` of a call of the log that says what its line is about."""
    return {"about": About(request_id=request_id, tenant=tenant, surface=surface)}


class TextLines(logging.Formatter):
    """``2026-11-22 08:00:00,000 worker-0 INFO what happened [request_id=… tenant=…]``, and an error's stack below."""

    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s {process} %(levelname)s %(message)s%(facts)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return everything, without secrets."""
        facts = " ".join(f"{name}={value}" for name, value in _facts(record).items())
        record.facts = f" [{facts}]" if facts else ""
        return _SECRETS.sub("…", super().format(record))


class JsonLines(logging.Formatter):
    """One JSON document a record, of at most ``PIPE_BUF`` bytes: the oldest part of a long stack is left out."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the document."""
        line: dict[str, Any] = {
            "ts": rfc3339(record.created),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": _logger(record),
            "message": _safe(record.getMessage(), _MOST_MESSAGE),
            **_facts(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            stack = _safe("".join(traceback.format_exception(error)), None)
            line["error"] = {"type": type(error).__name__, "message": _safe(str(error), _MOST_MESSAGE), "stack": stack}
        return _fitting(line).decode()


def _fitting(line: dict[str, Any]) -> bytes:
    """Encode a line within its bound: cut the stack, and where that is not enough, texts that are all escapes."""
    error = line.get("error", {})
    over = len(_encode(line)) + 1 - _MOST_LINE_BYTES
    if over > 0 and error:
        error["stack"] = "…" + error["stack"][over + len("…".encode()) :]
        over = len(_encode(line)) + 1 - _MOST_LINE_BYTES
    if over > 0:
        line["message"] = line["message"][:_LEAST_MESSAGE]
        if error:
            error["message"] = error["message"][:_LEAST_MESSAGE]
    return _encode(line)


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record is about, and the span that was open when it was made."""
    facts: dict[str, Any] = msgspec.to_builtins(getattr(record, "about", About()))
    for name in ("trace_id", "span_id"):
        if found := getattr(record, name, None):
            facts[name] = found
    return facts


def _logger(record: logging.LogRecord) -> str:
    """Return the logger's name; a program's own is its module's."""
    if record.name != "__main__":
        return record.name
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return "recsys" if spec is None else str(spec.name)


def _safe(text: str, most: int | None) -> str:
    """Return text without secrets and without what is no Unicode, cut to its bound."""
    return _SECRETS.sub("…", text.encode("utf-8", "backslashreplace").decode())[:most]
