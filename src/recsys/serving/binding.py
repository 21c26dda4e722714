"""What the newest release binds on every rung, kept on this host: items withdrawn, users erased."""

import logging
from pathlib import Path
from typing import Literal

import msgspec

from recsys.errors import RecsysError
from recsys.releases.record import Release
from recsys.serving.host_state import Places
from recsys.snapshot import SnapshotRejected
from recsys.snapshot.bound import Bound, read_bound, write_bound
from recsys.store import Store, Unavailable

__all__ = ["Binding"]

_log = logging.getLogger(__name__)

_What = Literal["withdrawn", "erased"]


class Binding:
    """Keeps it where workers find it, before and whether or not the release that says it can be served."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._kept: dict[tuple[str, _What], Bound | None] = {}
        self._unkept: dict[tuple[str, _What], int] = {}

    def bind(self, store: Store, newest: Release) -> bool:
        """Keep what a tenant's newest release withdraws and erases; tell whether anything is new.

        What cannot be read or kept is said, and tried again at the next call: its release is rejected for the same, or
        binds it itself.

        Raises
        ------
        Unavailable
            When the store does not answer.
        """
        withdrawn = self._bind(store, newest, "withdrawn")
        return self._bind(store, newest, "erased") or withdrawn

    def forget(self, tenant: str) -> None:
        """Know nothing of a tenant any more: its files are gone."""
        self._kept = {key: bound for key, bound in self._kept.items() if key[0] != tenant}

    def _bind(self, store: Store, newest: Release, what: _What) -> bool:
        tenant, named = newest.tenant, newest.withdrawn if what == "withdrawn" else newest.erased
        path = self._places.withdrawn(tenant) if what == "withdrawn" else self._places.erased(tenant)
        known = self._known(tenant, what, path)
        if known.digest == named if known else named is None:
            return False
        try:
            data = b"[]" if named is None else store.blobs.read(tenant, named)
            ids = msgspec.json.decode(data, type=frozenset[str])
            if what == "erased" and known:
                ids = self._with_those_before(newest, ids, known.ids)
            bound = write_bound(path, generation=newest.generation, digest=named, ids=ids)
        except Unavailable:
            raise
        except (RecsysError, msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
            self._say_unkept(newest, what, error)
            return False
        self._kept[tenant, what] = bound
        return True

    @staticmethod
    def _with_those_before(newest: Release, ids: frozenset[str], before: frozenset[str]) -> frozenset[str]:
        """Nobody is erased any less: a log may be restored from a copy that does not know of them, this host does."""
        if before - ids:
            where = f"generation {newest.generation} of {newest.tenant}"
            _log.error("%s erases %d users fewer; here they stay erased: erase them again", where, len(before - ids))
        return before | ids

    def _known(self, tenant: str, what: _What, path: Path) -> Bound | None:
        if (tenant, what) not in self._kept:
            try:
                self._kept[tenant, what] = read_bound(path)
            except SnapshotRejected as error:
                _log.error("%s; it is written anew", error)
        return self._kept.get((tenant, what))

    def _say_unkept(self, newest: Release, what: _What, error: Exception) -> None:
        if self._unkept.get((newest.tenant, what)) != newest.generation:  # it is tried each second
            self._unkept[newest.tenant, what] = newest.generation
            _log.error(
                "what is %s by generation %d of %s is not kept: %s", what, newest.generation, newest.tenant, error
            )
