"""When this host last reached the store's tenants and keys: what the operators' port asks before it lets anybody in.

Client keys work on for as long as the store is away. An operator's key might have been revoked meanwhile, and this host
could not know: so after an hour nobody changes anything here over HTTP, and whoever may log in to the host itself does
it there.
"""

import logging
import math
import time
from collections.abc import Callable

import msgspec

from recsys.encoding import canonical, is_whole, with_check
from recsys.serving.clock import boot_id, since_boot
from recsys.serving.host_state import Places

__all__ = ["AccessSeen"]

_log = logging.getLogger(__name__)


class _Seen(msgspec.Struct, frozen=True):
    """``at`` in seconds since ``boot``; ``wall`` in seconds since 1970."""

    boot: str
    at: float
    wall: float


class AccessSeen:
    """One small file; the follower writes, the admin process reads.

    Parameters
    ----------
    write_s
        How often it is written down: a small part of the limit.
    wall
        Seconds since 1970.
    """

    def __init__(self, places: Places, *, write_s: float = 10.0, wall: Callable[[], float] = time.time) -> None:
        self._path, self._copy, self._wall = places.access_seen, places.access, wall
        self._write_s, self._written_at = write_s, -math.inf

    def note(self) -> None:
        """Write down that the store was reached just now."""
        now = since_boot()
        if now < self._written_at + self._write_s:
            return
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(with_check(canonical(_Seen(boot=boot_id(), at=now, wall=self._wall()))))
            fresh.replace(self._path)
            self._written_at = now
        except OSError as error:
            _log.warning("%s was not written: %s", self._path.name, error)

    def unseen_s(self) -> float:
        """Return how long ago it was; infinity when that is not known.

        Within one start of the machine no clock can be set; over a restart the wall clock has to do, and one that was
        set back makes it infinity. A host that has not written it down yet was there when its copy was written.
        """
        try:
            data = self._path.read_bytes()
            seen = msgspec.json.decode(data, type=_Seen)
        except FileNotFoundError:
            age_s, whole = self._since_the_copy_s(), True
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return math.inf
        else:
            age_s = since_boot() - seen.at if seen.boot == boot_id() else self._wall() - seen.wall
            whole = is_whole(data)
        return age_s if whole and age_s >= 0 else math.inf

    def _since_the_copy_s(self) -> float:
        try:
            return self._wall() - self._copy.stat().st_mtime
        except OSError:
            return math.inf
