"""What a worker serves from: one immutable view a tenant, swapped whole when the follower says so."""

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from recsys.access import Directory
from recsys.ranking import Warning as Notice
from recsys.serving.clock import boot_id, since_boot
from recsys.serving.host_copies import directory_copy
from recsys.serving.host_state import HostState, Places, TenantState, read_host_state
from recsys.serving.ladder import Rung, pinned, rung_of
from recsys.snapshot import Floor, Snapshot, SnapshotRejected, open_floor, open_snapshot
from recsys.snapshot.bound import read_bound

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
        "_arm_facts",
        "_facts",
        "_open_floor",
        "confirmed_at",
        "contexts",
        "erased",
        "floor",
        "generation",
        "made",
        "newest",
        "notices",
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
        erased: frozenset[str] = frozenset(),
        notices: tuple[Notice, ...] = (),
        made: int = 0,
    ) -> None:
        self.notices = notices
        self.made = made
        self.withdrawn, self.erased = withdrawn, erased
        self.tenant, self.snapshot, self.path, self.floor = tenant, snapshot, path, floor
        self.newest, self.confirmed_at = newest, confirmed_at
        self._open_floor = open_floor
        self.generation = snapshot.generation if snapshot else (floor.generation if floor else 0)
        self._facts: dict[str, SurfaceFacts] = {}
        self._arm_facts: dict[str, SurfaceFacts] = {}
        self.contexts: dict[tuple[str, str | None, str, str, int, str | None, str | None], msgspec.Raw] = {}
        """Encoded contexts of exposures by surface, segment, rung, traffic, generation, experiment and arm."""

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
            facts = _facts_of(self.snapshot, surface)
            if len(self._facts) < 1000:  # clients choose the names
                self._facts[surface] = facts
        return facts

    def named(self, surface: str) -> str:
        """Return a surface of the release by its name, any other as ``other``: clients choose those."""
        return surface if self.facts(surface).manifest_version is not None else "other"

    def facts_of_arm(self, surface: str) -> SurfaceFacts:
        """Return what is known of what the surface's candidate serves."""
        facts = self._arm_facts.get(surface)
        if facts is None:
            arm = None if self.snapshot is None else self.snapshot.arm(surface, "candidate")
            facts = self._arm_facts[surface] = _facts_of(arm, surface)
        return facts


def _facts_of(snapshot: Snapshot | None, surface: str) -> SurfaceFacts:
    if snapshot is None:
        return SurfaceFacts(None, None, 24.0)
    return SurfaceFacts(
        snapshot.manifest_version(surface),
        snapshot.data_until(surface),
        snapshot.config.at(surface).freshness_slo_h,
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
        self._bound: dict[Path, tuple[_Seen, frozenset[str]]] = {}
        self.views: dict[str, View] = {}
        self.directory = Directory()
        self._verify = False
        self.loaded = False
        """Whether the follower has spoken, now or before the start."""
        self.unreleased: frozenset[str] = frozenset()
        """Tenants whose head was asked for, and who never had a release."""
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
                self.unreleased = frozenset(state.unreleased)
                self.loaded = True

    def view(self, tenant: str) -> View | None:
        """Return a tenant's view; the floor alone where ``host.json`` says nothing; ``None`` where there is
        nothing.
        """
        view = self.views.get(tenant)
        if view is not None and self._of_another(view):
            return None
        if view is None:
            floor = self._floor(tenant)
            if floor is not None:
                view = self.views[tenant] = View(
                    tenant,
                    snapshot=None,
                    path="",
                    floor=floor,
                    newest=False,
                    confirmed_at=None,
                    withdrawn=self._withdrawn_of(tenant),
                    erased=self.erased(tenant),
                )
        return view

    def _take_directory(self) -> None:
        directory = directory_copy(self._places)
        if directory is not None:
            self.directory = directory

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
        if before is not None and before.made not in (0, known.made):
            before = None
        newest = not (known.rejected or known.problem)
        path = known.serving[0].path if known.kept else ""
        if before is not None and before.snapshot is not None and before.path == path:
            snapshot: Snapshot | None = before.snapshot
        else:
            snapshot, path = self._open(tenant, known, before)
        newest = newest and bool(known.kept) and path == known.kept[0].path
        notices = (pinned(known.pinned, snapshot),) if known.pinned is not None else ()
        withdrawn = self._withdrawn_of(tenant)
        if snapshot is not None:
            opened, snapshot = snapshot, snapshot.without(withdrawn)
            if snapshot is not opened:
                snapshot.warm(now=time.time())
        erased = self._bound_by(self._places.erased(tenant)) | (
            snapshot.erased if snapshot is not None else frozenset()
        )
        if (
            before is not None
            and before.snapshot is snapshot
            and (before.withdrawn, before.erased, before.newest) == (withdrawn, erased, newest)
            and before.notices == notices
        ):
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
            erased=erased,
            notices=notices,
            made=known.made,
        )

    def _of_another(self, view: View) -> bool:
        """Tell whether the tenant who asks was made after the one of this name whose release this is."""
        now = self.directory.tenants.get(view.tenant)
        return now is not None and 0 not in (view.made, now.made) and view.made != now.made

    def _open(self, tenant: str, known: TenantState, before: View | None) -> tuple[Snapshot | None, str]:
        """Open what is pinned, or the newest kept generation that opens, or stay with what is open."""
        self.problems.pop(tenant, None)
        for kept in known.serving:
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

    def erased(self, tenant: str) -> frozenset[str]:
        """Return the pseudonyms of users never to be used, as the newest release this host has seen says."""
        view = self.views.get(tenant)
        return view.erased if view is not None else self._bound_by(self._places.erased(tenant))

    def _withdrawn_of(self, tenant: str) -> frozenset[str]:
        """Return what the newest release this host has seen withdraws: it binds on every rung, served or not."""
        return self._bound_by(self._places.withdrawn(tenant))

    def _bound_by(self, path: Path) -> frozenset[str]:
        seen = _seen(path)
        known = self._bound.get(path)
        if known is None or known[0] != seen:
            ids = known[1] if known else frozenset()
            try:
                found = read_bound(path)
                ids = found.ids if found is not None else frozenset()
            except (SnapshotRejected, OSError) as error:
                _log.error("tenant %s: %s", path.stem, error)
            known = self._bound[path] = (seen, ids)
        return known[1]


def _seen(path: Path) -> _Seen:
    try:
        found = os.stat(path)  # noqa: PTH116 - twenty times a second: a third of the price
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
