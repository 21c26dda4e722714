"""What the operators' handlers share: settings, the store when it can be opened, and who may come in."""

import math
import threading
from pathlib import Path

from recsys.access import AccessBroken, Directory, Principal, Right
from recsys.errors import NotFound, RecsysError
from recsys.releases import Releases
from recsys.releases.signing import Signer, signing
from recsys.serving.access_seen import AccessSeen
from recsys.serving.credentials import Headers, door_of, identify
from recsys.serving.guards_seen import GuardsSeen
from recsys.serving.health import Check, check_store
from recsys.serving.host_state import Places
from recsys.serving.problems import Refusal
from recsys.serving.request_ids import RequestIds
from recsys.serving.settings import Settings
from recsys.store import Store, Unavailable, open_store

__all__ = ["Office"]

_PATIENCE_S = 2.0
"""How long whoever asks waits for a store to show whether it may be published to; most do within a tenth of it."""


class Office:
    """One of each admin process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.places = Places(settings.host_path)
        self.request_ids = RequestIds()
        self._store: Store | None = None
        self._publishing: Check | None = None
        self._trial: threading.Thread | None = None
        self._turn = threading.Lock()
        self.guards = GuardsSeen(self.store)
        self._access_seen = AccessSeen(self.places)
        self._tokens = door_of(settings.token_rules, self.places)

    def store(self) -> Store:
        """Open the store, once.

        Raises
        ------
        Unavailable
            It does not answer, or is not there: this host was told where it is, and nobody who asks over HTTP is to
            make another one.
        """
        if self._store is None:
            settings = self.settings
            try:
                store = open_store(settings.store, log=settings.log or None, create=False)
            except NotFound:
                raise Unavailable(settings.store, "there is none at this address", untouched=True) from None
            except OSError as error:
                raise Unavailable(settings.store, error.strerror or str(error), untouched=True) from error
            key = settings.signing_key
            self._store = signing(store, Signer.load(Path(key))) if key else store
        return self._store

    def publishing(self) -> Check | None:
        """Tell whether the store may be published to, tried once; ``None`` while it is away or does not reply.

        It is tried in a thread: health is asked for when a store hangs, and must not hang with it.
        """
        with self._turn:
            if self._publishing is None and (self._trial is None or not self._trial.is_alive()):
                self._trial = threading.Thread(target=self._try_publishing, name="trial", daemon=True)
                self._trial.start()
            trial = self._trial
        if self._publishing is None and trial is not None:
            trial.join(_PATIENCE_S)
        return self._publishing

    def _try_publishing(self) -> None:
        try:
            self._publishing = check_store(self.store())
        except (RecsysError, OSError):
            pass  # the store's own check says why

    def identify(self, headers: Headers, *, right: Right) -> Principal:
        """Return who asks, if they may.

        Raises
        ------
        Refusal
            As :func:`~recsys.serving.credentials.identify`; and 403 for everybody once the store was away for longer
            than an hour: whether a key was revoked meanwhile is not known here.
        """
        unseen_s = self._access_seen.unseen_s()
        if unseen_s > self.settings.admin_away_s:
            raise self._unseen(unseen_s)
        if self._tokens is not None:
            self._tokens.look()
        dev_headers = self.settings.dev_headers
        return identify(headers, self.directory(), right=right, dev_headers=dev_headers, tokens=self._tokens)

    def _unseen(self, unseen_s: float) -> Refusal:
        """Say that nobody is let in, and why."""
        step = "bring the store back, or log in to this host: recsys pin works there without it"
        detail = f"this host has not read its tenants and keys for more than {self.settings.admin_away_s:g} s"
        if unseen_s == math.inf:
            detail = "this host cannot tell when it last read its tenants and keys"
        if unseen_s == math.inf and not self.places.access.exists():
            detail = "this host has not read its tenants and keys yet"
            step = (
                "it does within seconds of its start; if it stays so, see on /health/detailed why the store is not read"
            )
        return Refusal(403, "ADMIN_EXPIRED", detail, next_step=step)

    def admit(self, headers: Headers, *, tenant: str, right: Right) -> Principal:
        """Return who asks, if they may do this to this tenant."""
        principal = self.identify(headers, right=right)
        if principal.tenant != tenant:
            raise Refusal(403, "TENANT_MISMATCH", f"these credentials are not for tenant {tenant[:64]}")
        return principal

    def releases(self, principal: Principal) -> Releases:
        return Releases(self.store(), principal.tenant, actor=principal.key_id)

    def directory(self) -> Directory:
        try:
            return Directory.decode(self.places.access.read_bytes())
        except (OSError, AccessBroken):
            return Directory()
