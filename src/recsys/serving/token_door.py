"""Tokens at the door of one process: verified once, then known until they expire."""

import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from recsys.access import Principal
from recsys.access.errors import KeySetRefused, TokenRefused, UnknownTokenKey
from recsys.access.token_rules import TokenRules
from recsys.access.tokens import KeySet, Verified, verify_token
from recsys.serving.host_state import Places
from recsys.serving.key_sets import read_key_set_copy

__all__ = ["TokenDoor"]

_log = logging.getLogger(__name__)

_MAX_KNOWN = 10_000
"""Tokens known at once, about 3 MB. The one let in first is forgotten first; it is verified again when shown."""
_ASK_S = 1.0
"""How often one process asks the follower for keys; the follower has a limit of its own for all of them."""


class TokenDoor:
    """Believes tokens by the host's copy of the issuer's keys.

    Parameters
    ----------
    wall
        Seconds since 1970.
    """

    def __init__(self, rules: TokenRules, places: Places, *, wall: Callable[[], float] = time.time) -> None:
        self._rules, self._places, self._wall = rules, places, wall
        self._known: dict[bytes, Verified] = {}
        self._keys: KeySet | None = None
        self._read = ""
        self._seen: tuple[int, int] | None = None
        self._asked_at = -_ASK_S
        self.look()

    def look(self) -> None:
        """Take over the host's keys if they changed: one look at the file system, called by the tick, not a request.

        Whoever was let in by a key that is gone is not let in any more.
        """
        seen = _seen(self._places.key_set)
        if seen is None or seen == self._seen:
            return
        self._seen = seen
        copy = read_key_set_copy(self._places.key_set, source=self._rules.source)
        if copy is None or not copy.keys or copy.keys == self._read:
            return
        try:
            self._keys = KeySet.read(copy.keys.encode())
        except KeySetRefused as error:
            _log.error("%s", error)
            return
        self._read = copy.keys
        self._known = {}

    def principal(self, token: str) -> Principal:
        """Return who a token says is asking; raises :class:`~recsys.access.errors.TokenRefused`.

        A known token is found by its SHA-256, so the time that takes tells nothing about tokens.
        """
        now = self._wall()
        name = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._known.get(name)
        if known is None or known.expires_at <= now:
            known = self._verify(token, now)
            if len(self._known) >= _MAX_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[name] = known
        return known.principal

    def _verify(self, token: str, now: float) -> Verified:
        if self._keys is None:
            self._ask()
            raise TokenRefused("this host has no keys of its issuer yet")
        try:
            return verify_token(token, self._keys, self._rules, now=now)
        except UnknownTokenKey:
            self._ask()
            raise

    def _ask(self) -> None:
        now = time.monotonic()
        if now >= self._asked_at + _ASK_S:
            self._asked_at = now
            try:
                self._places.key_set_wanted.touch()
            except OSError as error:
                _log.warning("the follower was not asked for keys: %s", error)


def _seen(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
