"""The process that follows the heads of the log, one a host, and lets workers have only what it has verified.

Its loop never waits for a load: a release is prepared aside, in a thread, while heads go on being confirmed.
Whatever fails is written into ``host.json`` with its reason; the release before it keeps serving. If this
process dies, answers go on from what it last wrote.
"""

import logging
import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from recsys.access import load_directory
from recsys.encoding import rfc3339
from recsys.errors import RecsysError
from recsys.releases.record import FORMAT, Release
from recsys.serving.clock import boot_id, since_boot
from recsys.serving.heads import newest_of
from recsys.serving.heartbeat import Heartbeat, Replica, write_heartbeat
from recsys.serving.host_copies import directory_copy, tenants_before, write_private
from recsys.serving.host_state import (
    HostState,
    Kept,
    Places,
    Rejected,
    TenantState,
    write_host_state,
)
from recsys.serving.role import Role, begin
from recsys.serving.settings import Settings
from recsys.serving.shipper import Shipper
from recsys.snapshot import SnapshotRejected, collect, open_snapshot, prepare, write_floor
from recsys.snapshot.withdrawn import Withdrawn, read_withdrawn, write_withdrawn
from recsys.store import CopyFailed, Denied, Store, Unavailable, open_store

__all__ = ["Follower", "main"]

_log = logging.getLogger(__name__)

_CONFIRM_WRITE_S = 1.0
"""How often confirmations are written when nothing else changes."""
_REREAD_S = 1.0
"""How often the record that is served is read again: its number alone does not tell a log that was put back."""
_RETRY_HOST_S = 5.0
"""How often a release is tried again that this host's disk did not take: nothing is known against it."""


class Follower:
    """Follows every tenant of one store for one host.

    Parameters
    ----------
    run
        This start of the service; what was confirmed under another is not confirmed.
    """

    def __init__(self, settings: Settings, *, run: str) -> None:
        self._settings = settings
        self._places = Places(settings.host_path)
        self._places.root.mkdir(parents=True, exist_ok=True)
        self._run = run
        self._boot = boot_id()
        self._store: Store | None = None
        self._directory = directory_copy(self._places)
        self._tenants = tenants_before(self._places, run=run, boot=self._boot)
        self._withdrawn: dict[str, Withdrawn | None] = {}
        self._unbound: dict[str, int] = {}
        self._reread_at: dict[str, float] = {}
        self._held_up: dict[str, tuple[float, str]] = {}
        """Tenants whose newest release this host could not take, whatever it is: since when, why."""
        self._loads: dict[str, Future[Kept]] = {}
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._problem = "not opened yet"
        self._shipper = Shipper(self._places.spool, keep_s=settings.spool_keep_s)
        self._changed = True
        self._written_at = 0.0
        self._due: dict[str, float] = {}
        self._hurry = False

    def step(self) -> None:
        """Do once what is due: follow, take over what is loaded, write the state, beat, ship."""
        if _asked(self._places):
            self._due.clear()
            self._hurry = True
        if self._opened() and self._store is not None:
            self._if_due("access", self._settings.access_poll_s, self._follow_access)
            for tenant in sorted(self._directory.tenants):
                try:
                    self._follow(self._store, tenant)
                except Exception as error:  # one tenant's trouble is not the others'
                    _log.exception("tenant %s is not followed", tenant)
                    self._note(tenant, problem=f"{type(error).__name__}: {error}")
        for tenant, load in list(self._loads.items()):
            if load.done():
                del self._loads[tenant]
                self._take(tenant, load)
        self._hurry = False
        self._write()
        self._if_due("ship", self._settings.ship_s, lambda: self._shipper.start(self._store))
        self._if_due("beat", self._settings.heartbeat_s, self._beat)

    def close(self) -> None:
        """Ship what can be shipped, and stop."""
        self._loader.shutdown(wait=False, cancel_futures=True)
        self._shipper.close(self._store)

    def _opened(self) -> bool:
        if self._store is None:
            try:
                self._store = open_store(self._settings.store, create=False)
            except (RecsysError, OSError) as error:
                self._say(str(error))
                return False
        return True

    def _follow_access(self) -> None:
        assert self._store is not None
        try:
            directory = load_directory(self._store, self._directory)
        except (RecsysError, OSError) as error:
            self._say(str(error))
            return
        if directory is not self._directory or not self._places.access.exists():
            try:
                write_private(self._places.access, directory.encode())
            except OSError as error:
                _log.error("tenants and keys were not copied: %s", error)
                return  # not taken over, so that it is tried again
            self._directory = directory

    def _follow(self, store: Store, tenant: str) -> None:
        """Read one tenant's head, and either confirm it or start to load it."""
        known = self._tenants.get(tenant, TenantState())
        newest: Release | None = None
        try:
            head = store.releases.head(tenant, at_least=known.head if known.log else 0)
            if head and (self._reread_due(tenant, known, head) or self._load_due(tenant, known, head)):
                newest = newest_of(store, tenant, known, head)
                self._bind_withdrawn(store, newest)
                self._reread_at[tenant] = since_boot()
        except SnapshotRejected as error:
            self._say("")
            self._note(tenant, head=head)
            self._reject(tenant, known, error.generation, error.reason)
            return
        except (RecsysError, OSError) as error:
            if isinstance(error, Unavailable | OSError):
                self._say(str(error))
            else:
                self._note(tenant, problem=str(error))
            return
        self._say("")
        if head == 0:
            return
        if head == known.generation:
            self._tenants[tenant] = msgspec.structs.replace(
                known, confirmed_at=since_boot(), head=head, rejected=None, problem=""
            )
            self._held_up.pop(tenant, None)
            if known.head != head or known.rejected or known.problem or known.confirmed_at is None:
                self._changed = True
            return
        self._note(tenant, head=head, problem=self._held_up.get(tenant, (0.0, ""))[1])
        if newest is not None and self._load_due(tenant, known, head):
            self._loads[tenant] = self._loader.submit(self._load, store, newest)

    def _reread_due(self, tenant: str, known: TenantState, head: int) -> bool:
        late = since_boot() >= self._reread_at.get(tenant, 0.0) + _REREAD_S
        return late or head != known.head or bool(known.problem)

    def _load_due(self, tenant: str, known: TenantState, head: int) -> bool:
        if head == known.generation or tenant in self._loads:
            return False
        if tenant in self._held_up and not self._hurry:
            return since_boot() >= self._held_up[tenant][0] + min(_RETRY_HOST_S, self._settings.retry_rejected_s)
        rejected = known.rejected
        return rejected is None or rejected.generation != head or self._retry_due(rejected)

    def _bind_withdrawn(self, store: Store, newest: Release) -> None:
        """Keep what the newest release withdraws where workers find it, before and whether or not it can be served."""
        tenant = newest.tenant
        path = self._places.withdrawn(tenant)
        if tenant not in self._withdrawn:
            try:
                self._withdrawn[tenant] = read_withdrawn(path)
            except SnapshotRejected as error:
                _log.error("%s; it is written anew", error)
        known = self._withdrawn.get(tenant)
        if known.digest == newest.withdrawn if known else newest.withdrawn is None:
            return
        ids: frozenset[str] = frozenset()
        if newest.withdrawn is not None:
            try:
                ids = msgspec.json.decode(store.blobs.read(tenant, newest.withdrawn), type=frozenset[str])
            except Unavailable:
                raise
            except (RecsysError, msgspec.DecodeError) as error:  # then its release is rejected for the same
                self._say_unbound(newest, error)
                return
        try:
            kept = write_withdrawn(path, generation=newest.generation, digest=newest.withdrawn, ids=ids)
        except OSError as error:  # the release itself may still bind it
            self._say_unbound(newest, error)
            return
        self._withdrawn[tenant] = kept
        self._changed = True

    def _say_unbound(self, newest: Release, error: Exception) -> None:
        if self._unbound.get(newest.tenant) != newest.generation:  # it is tried each second
            self._unbound[newest.tenant] = newest.generation
            _log.error("what generation %d of %s withdraws is not kept: %s", newest.generation, newest.tenant, error)

    def _load(self, store: Store, release: Release) -> Kept:
        """Copy, verify, compile, open and write the floor of one release, aside. Runs in the loader's
        thread.
        """
        tenant = release.tenant
        if release.requires.format > FORMAT:
            raise SnapshotRejected(
                tenant=tenant,
                generation=release.generation,
                reason=f"it needs format {release.requires.format}, this is {FORMAT}",
            )
        path = prepare(release, blobs=store.blobs, root=self._places.root)
        snapshot = open_snapshot(path)
        floor = self._places.floor(tenant)
        floor.parent.mkdir(parents=True, exist_ok=True)
        write_floor(snapshot, floor)
        relative = str(path.relative_to(self._places.root))
        return Kept(generation=release.generation, path=relative, log=release.log, attempt=release.attempt)

    def _take(self, tenant: str, load: "Future[Kept]") -> None:
        """Switch to what was loaded, or say why not."""
        known = self._tenants.get(tenant, TenantState())
        try:
            loaded = load.result()
        except SnapshotRejected as error:
            self._reject(tenant, known, error.generation, error.reason)
            return
        except Unavailable as error:
            self._say(str(error))
            return
        except (CopyFailed, Denied, OSError) as error:
            problem = f"generation {known.head} is not on this host: {error}"
            if tenant not in self._held_up:
                _log.error("tenant %s: %s", tenant, problem)
            self._held_up[tenant] = (since_boot(), problem)
            self._note(tenant, problem=problem)
            return
        except Exception as error:
            _log.exception("the newest release of %s was not loaded", tenant)
            self._reject(tenant, known, known.head, f"{type(error).__name__}: {error}")
            return
        self._held_up.pop(tenant, None)
        self._reread_at.pop(tenant, None)  # what happened to the log while this was loaded is looked at next
        kept = tuple(k for k in known.kept if k.generation != loaded.generation)
        self._tenants[tenant] = TenantState(
            kept=(loaded, *kept)[: self._settings.keep_generations],
            log=loaded.log,
            confirmed_at=since_boot(),
            head=max(known.head, loaded.generation),
        )
        _log.info("serving generation %d of %s", loaded.generation, tenant)
        self._changed = True
        self._write()
        self._due.pop("beat", None)  # a switch is news: others need not wait for the next beat
        self._collect()

    def _reject(self, tenant: str, known: TenantState, generation: int, reason: str) -> None:
        if known.rejected is None or known.rejected.reason != reason:
            _log.error("generation %d of %s is not served: %s", generation, tenant, reason)
        self._note(tenant, rejected=Rejected(generation=generation, reason=reason, at=since_boot()))

    def _retry_due(self, rejected: Rejected) -> bool:
        return self._hurry or since_boot() >= rejected.at + self._settings.retry_rejected_s

    def _collect(self) -> None:
        keep = [self._places.root / kept.path for state in self._tenants.values() for kept in state.kept]
        try:
            collect(self._places.root, keep=keep)
        except Exception as error:  # a damaged one among the kept: then nothing goes
            _log.warning("old snapshots were not removed: %s", error)

    def _note(self, tenant: str, **what: Any) -> None:
        known = self._tenants.get(tenant, TenantState())
        self._tenants[tenant] = msgspec.structs.replace(known, **what)
        self._changed = self._changed or self._tenants[tenant] != known

    def _say(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._changed = True
            _log.log(logging.WARNING if problem else logging.INFO, "store: %s", problem or "reached")

    def _write(self) -> None:
        now = since_boot()
        pace = min(_CONFIRM_WRITE_S, self._settings.confirm_s / 4)
        if not self._changed and now - self._written_at < pace:
            return
        state = HostState(
            run=self._run,
            boot=self._boot,
            written_at=now,
            follower=os.getpid(),
            store=self._settings.store,
            store_problem=self._problem,
            ship_problem=self._shipper.last.problem,
            waiting_files=self._shipper.last.waiting,
            tenants=self._tenants,
        )
        try:
            write_host_state(self._places.state, state, durable=self._changed)
        except OSError as error:
            _log.error("host.json was not written: %s", error)
            return
        self._changed = False
        self._written_at = now

    def _beat(self) -> None:
        """Tell the others which generations this host serves. Advisory: nothing depends on it being there."""
        if self._store is None:
            return
        replicas = {
            tenant: Replica(
                generation=state.generation,
                head=state.head,
                unconfirmed_s=None if state.confirmed_at is None else round(since_boot() - state.confirmed_at, 1),
                rejected=state.rejected.reason if state.rejected else None,
                problem=state.problem or None,
            )
            for tenant, state in self._tenants.items()
        }
        beat = Heartbeat(host=self._settings.machine, at=rfc3339(time.time()), format=FORMAT, tenants=replicas)
        try:
            write_heartbeat(self._store.objects, beat)
        except (RecsysError, OSError) as error:
            _log.debug("no heartbeat: %s", error)

    def _if_due(self, what: str, every_s: float, do: Any) -> None:
        now = since_boot()
        if now >= self._due.get(what, 0.0):
            self._due[what] = now + every_s
            do()


def _asked(places: Places) -> bool:
    """Tell whether somebody asked to follow now (``/refresh``), and take the request."""
    try:
        places.refresh.unlink()
    except OSError:
        return False
    return True


def main() -> None:
    """Follow until told to stop, or until the supervisor is gone."""
    role = begin()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    follower = Follower(role.settings, run=role.run)
    while not ended.wait(role.settings.poll_s) and os.getppid() == role.parent:
        _step(follower, role)
    follower.close()


def _step(follower: Follower, role: Role) -> None:
    try:
        follower.step()
    except Exception:
        _log.exception("%s stumbled and goes on", role.name)


if __name__ == "__main__":
    main()
