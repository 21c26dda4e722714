"""Who is signed in: a cookie that only this host can read, with the credentials it was made from.

The credentials are shown to the same door as those of the API at every request. So a key that is revoked, a token that
expires and a store that is away for too long end a session as they end everything else, and no list is kept of them.
"""

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from recsys.serving.problems import Refusal

__all__ = ["COOKIE", "LASTS_S", "Credential", "Seal", "Session"]

COOKIE = "recsys-console"
LASTS_S = 12 * 3600
"""Seconds from signing in to signing in again: a shift."""
_MOST_BYTES = 3_900
"""What browsers keep of one cookie, with its name and what is said of it."""


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What was shown at the door: an API key, a token, or who it is where development headers are taken."""

    kind: Literal["key", "token", "dev"]
    secret: str

    def header(self, tenant: str, name: str) -> str | None:
        """Return the header of this name that an API request with this credential would have."""
        headers = {
            "key": {"x-api-key": self.secret},
            "token": {"authorization": f"Bearer {self.secret}"},
            "dev": {"x-org-id": tenant, "x-dev-user-id": self.secret},
        }[self.kind]
        return headers.get(name)

    def __repr__(self) -> str:
        return f"Credential({self.kind})"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's signing in: for each tenant one credential. ``began`` is seconds since 1970."""

    id: str
    began: float
    credentials: Mapping[str, Credential] = {}

    @staticmethod
    def new(*, now_s: float) -> "Session":
        """Begin one."""
        return Session(id=secrets.token_hex(16), began=now_s)

    @property
    def tenants(self) -> tuple[str, ...]:
        """Name the tenants that are signed in for."""
        return tuple(sorted(self.credentials))

    def headers(self, tenant: str) -> Callable[[str], str | None]:
        """Look up the headers of an API request about a tenant; none where it is not signed in for."""
        credential = self.credentials.get(tenant)
        return lambda name: None if credential is None else credential.header(tenant, name)

    def with_credential(self, tenant: str, credential: Credential) -> "Session":
        """Return the session signed in for one more tenant, or anew for one."""
        return msgspec.structs.replace(self, credentials={**self.credentials, tenant: credential})

    def without(self, tenant: str) -> "Session":
        """Return the session signed out of one tenant."""
        left = {name: credential for name, credential in self.credentials.items() if name != tenant}
        return msgspec.structs.replace(self, credentials=left)


class Seal:
    """Seals sessions into cookies with a key of this host, and makes the tokens that forms carry.

    ``key_file`` holds the key (mode 0600), and is made when it is missing: signing in lasts over restarts.
    """

    def __init__(self, key_file: Path, *, wall: Callable[[], float] = time.time) -> None:
        self._key_file, self._wall = key_file, wall
        self._key = b""

    def seal(self, session: Session) -> str:
        """Return the cookie; raises :class:`~recsys.serving.problems.Refusal` where it holds too much."""
        cookie = self._fernet().encrypt_at_time(msgspec.json.encode(session), int(session.began)).decode()
        if len(cookie) > _MOST_BYTES:
            raise Refusal(
                413,
                "TOO_LARGE",
                "one browser cannot be signed in for more tenants",
                next_step="sign out of one of them first",
            )
        return cookie

    def open(self, cookie: str) -> Session | None:
        """Return the session of a cookie; ``None`` for one that is not ours, or too old."""
        try:
            data = self._fernet().decrypt_at_time(cookie.encode(), LASTS_S, int(self._wall()))
            return msgspec.json.decode(data, type=Session)
        except (InvalidToken, msgspec.DecodeError, UnicodeError):
            return None

    def form_token(self, session: Session) -> str:
        """Return what a form of this session carries, and no other page can know."""
        return hmac.new(self._secret(), b"form:" + session.id.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, session: Session, given: str) -> bool:
        """Tell whether a form is of this session."""
        return hmac.compare_digest(self.form_token(session).encode(), given.encode())

    def _fernet(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self._secret()))

    def _secret(self) -> bytes:
        if not self._key:
            self._key = _kept_key(self._key_file)
        return self._key


def _kept_key(path: Path) -> bytes:
    """Read the key; make it first where there is none. Whoever comes second takes that of the first."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        _make_key(path)
        key = path.read_bytes()
    if len(key) != 32:
        path.unlink()  # cut short by a crash: whoever was signed in signs in again
        return _kept_key(path)
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
    finally:
        aside.unlink()
