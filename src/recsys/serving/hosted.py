"""What a worker serves from: one immutable view a tenant, swapped whole when the follower says so."""

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from recsys.access import AccessBroken, Directory
from recsys.serving.clock import boot_id, since_boot
from recsys.serving.host_state import HostState, Places, TenantState, read_host_state
from recsys.serving.ladder import Rung, rung_of
from recsys.snapshot import Floor, Snapshot, SnapshotRejected, open_floor, open_snapshot
from recsys.snapshot.withdrawn import read_withdrawn

__all__ = ["Hosted", "View"]

_log = logging.getLogger(__name__)

_Seen = tuple[int, int, int] | None


class SurfaceFacts(msgspec.Struct, frozen=True):
    """What an answer says about a surface's release, looked up once per view."""

    manifest_version: str | None
    data_until: float | None
    freshness_slo_h: float


class View:
    """One tenant's release as this worker holds it. A request takes one reference and keeps to it."""

    __slots__ = (
        "_facts",
        "_open_floor",
        "confirmed_at",
        "contexts",
        "floor",
        "generation",
        "newest",
        "path",
        "snapshot",
        "tenant",
        "withdrawn",
    )

    def __init__(
        self,
        tenant: str,
        *,
        snapshot: Snapshot | None,
        path: str,
        floor: Floor | None = None,
        open_floor: Callable[[], Floor | None] = lambda: None,
        newest: bool,
        confirmed_at: float | None,
        withdrawn: frozenset[str] = frozenset(),
    ) -> None:
        self.withdrawn = withdrawn
        self.tenant, self.snapshot, self.path, self.floor = tenant, snapshot, path, floor
        self.newest, self.confirmed_at = newest, confirmed_at
        self._open_floor = open_floor
        self.generation = snapshot.generation if snapshot else (floor.generation if floor else 0)
        self._facts: dict[str, SurfaceFacts] = {}
        self.contexts: dict[tuple[str, str | None, str, str, int], msgspec.Raw] = {}
        """Encoded contexts of exposures by surface, segment, rung, traffic and generation."""

    def rung(self, *, confirm_s: float) -> Rung:
        """Tell the rung an answer of this moment stands on."""
        return rung_of(
            readable=self.snapshot is not None,
            newest=self.newest,
            confirmed_at=self.confirmed_at,
            now=since_boot(),
            confirm_s=confirm_s,
        )

    def lowest(self) -> Floor | None:
        """Return the floor, read from the disk when it is first needed: what a snapshot that opens, and then
        cannot answer, falls to.
        """
        if self.floor is None:
            self.floor = self._open_floor()
        return self.floor

    def facts(self, surface: str) -> SurfaceFacts:
        """Return what is known of a surface; empty where the release does not know it."""
        facts = self._facts.get(surface)
        if facts is None:
            facts = self._look_up(surface)
            if len(self._facts) < 1000:  # clients choose the names
                self._facts[surface] = facts
        return facts

    def _look_up(self, surface: str) -> SurfaceFacts:
        if self.snapshot is None:
            return SurfaceFacts(None, None, 24.0)
        return SurfaceFacts(
            self.snapshot.manifest_version(surface),
            self.snapshot.data_until(surface),
            self.snapshot.config.at(surface).freshness_slo_h,
        )


class Hosted:
    """All tenants of this host, and who may ask.

    Views are replaced, never changed: the loop reads, one thread writes.
    """

    def __init__(self, places: Places, *, run: str) -> None:
        self._places = places
        self._run = run
        self._boot = boot_id()
        self._state_seen: _Seen = None
        self._access_seen: _Seen = None
        self._withdrawn: dict[str, tuple[_Seen, frozenset[str]]] = {}
        self.views: dict[str, View] = {}
        self.directory = Directory()
        self._verify = False
        self.loaded = False
        """Whether the follower has spoken, now or before the start."""
        self.problems: dict[str, str] = {}
        """Why a tenant's newest snapshot does not open here."""

    def is_news(self) -> bool:
        """Tell, by two looks at the file system, whether there is something to take over."""
        return self._state_seen != _seen(self._places.state) or self._access_seen != _seen(self._places.access)

    def take_over(self, *, verify: bool = False) -> None:
        """Take over what is new in ``host.json`` and the directory. One caller at a time, in any thread.

        ``verify`` hashes what is opened: at the start, when the disk may have changed what was prepared before.
        """
        state_seen, access_seen = _seen(self._places.state), _seen(self._places.access)
        if access_seen != self._access_seen:
            self._access_seen = access_seen
            self._take_directory()
        if state_seen != self._state_seen:
            self._state_seen = state_seen
            state = read_host_state(self._places.state)
            if state is not None:
                self._verify = verify
                self._take(state)
                self.loaded = True

    def view(self, tenant: str) -> View | None:
        """Return a tenant's view; the floor alone where ``host.json`` says nothing; ``None`` where there is
        nothing.
        """
        view = self.views.get(tenant)
        if view is None:
            withdrawn = self._withdrawn_of(tenant)
            floor = self._floor(tenant)
            if floor is not None:
                view = self.views[tenant] = View(
                    tenant,
                    snapshot=None,
                    path="",
                    floor=floor,
                    newest=False,
                    confirmed_at=None,
                    withdrawn=withdrawn,
                )
        return view

    def _take_directory(self) -> None:
        try:
            self.directory = Directory.decode(self._places.access.read_bytes())
        except (OSError, AccessBroken) as error:
            _log.warning("the copy of the access directory is not taken over: %s", error)

    def _take(self, state: HostState) -> None:
        ours = state.run == self._run and state.boot == self._boot
        views: dict[str, View] = {}
        for tenant, known in state.tenants.items():
            if not (known.kept or known.head):
                continue  # it never had a release
            try:
                views[tenant] = self._viewed(tenant, known, known.confirmed_at if ours else None)
            except Exception:  # one tenant's trouble is not the others'
                _log.exception("tenant %s stays as it was", tenant)
                if tenant in self.views:
                    views[tenant] = self.views[tenant]
        self.views = views

    def _viewed(self, tenant: str, known: TenantState, confirmed_at: float | None) -> View:
        before = self.views.get(tenant)
        newest = not (known.rejected or known.problem)
        path = known.kept[0].path if known.kept else ""
        if before is not None and before.snapshot is not None and before.path == path:
            snapshot: Snapshot | None = before.snapshot
        else:
            snapshot, path = self._open(tenant, known, before)
            newest = newest and bool(known.kept) and path == known.kept[0].path
        withdrawn = self._withdrawn_of(tenant)
        if snapshot is not None:
            opened, snapshot = snapshot, snapshot.without(withdrawn)
            if snapshot is not opened:
                snapshot.warm(now=time.time())
        unchanged = before is not None and before.snapshot is snapshot and before.withdrawn == withdrawn
        if before is not None and unchanged and before.newest == newest:
            before.confirmed_at = confirmed_at
            return before
        return View(
            tenant,
            snapshot=snapshot,
            path=path,
            floor=None if snapshot is not None else self._floor(tenant),
            open_floor=partial(self._floor, tenant),
            newest=newest,
            confirmed_at=confirmed_at,
            withdrawn=withdrawn,
        )

    def _open(self, tenant: str, known: TenantState, before: View | None) -> tuple[Snapshot | None, str]:
        """Open the newest kept generation that opens, or stay with what is open."""
        self.problems.pop(tenant, None)
        for kept in known.kept:
            if before is not None and before.snapshot is not None and kept.path == before.path:
                break
            try:
                snapshot = open_snapshot(self._places.root / kept.path, verify=self._verify)
                snapshot.warm(now=time.time())
            except (SnapshotRejected, OSError) as error:
                self.problems[tenant] = str(error)
                _log.error("generation %d of %s does not open: %s", kept.generation, tenant, error)
            else:
                return snapshot, kept.path
        return (before.snapshot, before.path) if before is not None else (None, "")

    def _floor(self, tenant: str) -> Floor | None:
        try:
            return open_floor(self._places.floor(tenant)).without(self._withdrawn_of(tenant))
        except (SnapshotRejected, OSError):
            return None

    def _withdrawn_of(self, tenant: str) -> frozenset[str]:
        """Return what the newest release this host has seen withdraws: it binds on every rung, served or not."""
        path = self._places.withdrawn(tenant)
        seen = _seen(path)
        known = self._withdrawn.get(tenant)
        if known is None or known[0] != seen:
            ids = known[1] if known else frozenset()
            try:
                found = read_withdrawn(path)
                ids = found.ids if found is not None else frozenset()
            except (SnapshotRejected, OSError) as error:
                _log.error("tenant %s: %s", tenant, error)
            known = self._withdrawn[tenant] = (seen, ids)
        return known[1]


def _seen(path: Path) -> _Seen:
    try:
        found = os.stat(path)  # noqa: PTH116 - twenty times a second: a third of the price
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
