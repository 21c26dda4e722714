"""The issuer's keys (JWKS) on this host: the follower fetches them, every process reads the copy, no request waits.

``jwks.json`` holds the last good set, and what became of the newest try. A set that is no good never displaces a good
one, and the copy goes on working for as long as the issuer is away; its age is told in ``/health/detailed``.
"""

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from recsys.access.errors import KeySetRefused
from recsys.access.token_rules import TokenRules, is_url
from recsys.encoding import canonical, is_whole, with_check
from recsys.serving.clock import since_boot
from recsys.serving.host_state import Places

__all__ = ["KeySetCopy", "KeySetKeeper", "read_key_set_copy"]

_log = logging.getLogger(__name__)

_FETCH_S = 10.0
"""Longest a fetch may take in all, and longest it may be silent half of that."""
_ASKED_S = 10.0
"""A token that names an unknown key asks for a fetch; strangers can write such tokens, so this often at most."""
_RETRY_S = 5.0
"""How soon a failed fetch is tried again."""


class KeySetCopy(msgspec.Struct, frozen=True, kw_only=True):
    """``keys`` is the JWKS document as it was fetched at ``fetched_at`` (seconds since 1970; 0: never) from ``source``.

    ``problem`` is why the newest try brought nothing; empty when it did.
    """

    source: str
    fetched_at: float = 0.0
    keys: str = ""
    problem: str = ""


def read_key_set_copy(path: Path, *, source: str) -> KeySetCopy | None:
    """Read this host's copy; ``None`` when there is none, it is damaged, or it is of another source."""
    try:
        data = path.read_bytes()
        copy = msgspec.json.decode(data, type=KeySetCopy)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return copy if is_whole(data) and copy.source == source else None


class KeySetKeeper:
    """Keeps the copy of one host fresh. Its fetches have a thread of their own.

    Parameters
    ----------
    rules
        ``None``: no tokens are taken here, and nothing is ever fetched.
    wall
        Seconds since 1970.
    """

    def __init__(
        self, rules: TokenRules | None, places: Places, *, refresh_s: float, wall: Callable[[], float] = time.time
    ) -> None:
        self._rules, self._places, self._refresh_s, self._wall = rules, places, refresh_s, wall
        self._copy: KeySetCopy | None = None
        self._fetching: Future[str] | None = None
        self._began_at = self._due_at = 0.0
        self._thread: ThreadPoolExecutor | None = None
        if rules is not None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="key-set")
            self._copy = read_key_set_copy(places.key_set, source=rules.source) or KeySetCopy(source=rules.source)
            self._began_at = -_ASKED_S

    def step(self) -> None:
        """Take over what was fetched; begin to fetch when it is time, or when a token asked for it."""
        if self._rules is None or self._thread is None:
            return
        if self._fetching is not None:
            if not self._fetching.done():
                return
            begun, self._fetching = self._fetching, None
            self._take(begun)
        now = since_boot()
        asked = now >= self._began_at + _ASKED_S and _asked(self._places.key_set_wanted)
        if asked or now >= self._due_at:
            self._began_at = now
            self._fetching = self._thread.submit(_fetch, self._rules.source)

    def close(self) -> None:
        """Stop, without waiting for a fetch that is under way."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _take(self, begun: "Future[str]") -> None:
        assert self._copy is not None
        try:
            keys, problem = begun.result(), ""
        except Exception as error:  # whatever it is, the keys of before go on working
            keys, problem = "", str(error)[:300] or type(error).__name__
        self._due_at = since_boot() + (min(_RETRY_S, self._refresh_s) if problem else self._refresh_s)
        if problem != self._copy.problem:
            _log.log(logging.WARNING if problem else logging.INFO, "keys of the issuer: %s", problem or "fetched")
        if problem:
            copy = msgspec.structs.replace(self._copy, problem=problem)
        else:
            copy = KeySetCopy(source=self._copy.source, fetched_at=self._wall(), keys=keys)
        if copy != self._copy:
            self._copy = copy
            _replace(self._places.key_set, with_check(canonical(copy)))


def _fetch(source: str) -> str:
    """Return a JWKS document that could be read; raises whatever went wrong."""
    from recsys.access.tokens import MAX_KEY_SET_BYTES, KeySet  # with its library, only where tokens are taken

    if is_url(source):
        data = _download(source, most=MAX_KEY_SET_BYTES)
    else:
        with Path(source).expanduser().open("rb") as file:
            data = file.read(MAX_KEY_SET_BYTES + 1)
    KeySet.read(data)
    return data.decode()


def _download(url: str, *, most: int) -> bytes:
    """Return what is at a URL. No redirect is followed: it could lead to a host that nobody allowed."""
    import httpx2

    until = time.monotonic() + _FETCH_S
    data = b""
    with httpx2.stream("GET", url, timeout=_FETCH_S / 2, follow_redirects=False) as answer:
        if answer.status_code != 200:
            raise KeySetRefused(f"{url} answered {answer.status_code}")
        for part in answer.iter_bytes():
            data += part
            if len(data) > most:
                break  # the reader says it
            if time.monotonic() > until:
                raise KeySetRefused(f"{url} took longer than {_FETCH_S:g} s")
    return data


def _asked(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
