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

from recsys.access import Directory, load_directory
from recsys.encoding import rfc3339
from recsys.errors import RecsysError
from recsys.events import recover, ship
from recsys.releases.record import FORMAT, Release
from recsys.serving.clock import boot_id, since_boot
from recsys.serving.heartbeat import Heartbeat, Replica, write_heartbeat
from recsys.serving.host_state import (
    HostState,
    Kept,
    Places,
    Rejected,
    TenantState,
    read_host_state,
    write_host_state,
)
from recsys.serving.role import Role, begin
from recsys.serving.settings import Settings
from recsys.snapshot import SnapshotRejected, collect, open_snapshot, prepare, write_floor
from recsys.store import Store, Unavailable, open_store

__all__ = ["Follower", "main"]

_log = logging.getLogger(__name__)

_CONFIRM_WRITE_S = 1.0
"""How often confirmations are written when nothing else changes."""


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
        self._directory = _directory_copy(self._places)
        self._tenants = dict(_tenants_before(self._places, run=run, boot=self._boot))
        self._loads: dict[str, Future[Kept]] = {}
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._problem = "not opened yet"
        self._ship_problem = ""
        self._waiting_files = 0
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
        self._if_due("ship", self._settings.ship_s, self._ship)
        self._if_due("beat", self._settings.heartbeat_s, self._beat)

    def close(self) -> None:
        """Ship what can be shipped, and stop."""
        self._loader.shutdown(wait=False, cancel_futures=True)
        recover(self._places.spool)
        self._ship()

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
                _write_private(self._places.access, directory.encode())
            except OSError as error:
                _log.error("tenants and keys were not copied: %s", error)
                return  # not taken over, so that it is tried again
            self._directory = directory

    def _follow(self, store: Store, tenant: str) -> None:
        """Read one tenant's head, and either confirm it or start to load it."""
        known = self._tenants.get(tenant, TenantState())
        try:
            head = store.releases.head(tenant, at_least=known.head if known.log else 0)
            if known.kept and head != known.generation:
                _require_same_record(store, tenant, known.kept[0])
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
            if known.head != head or known.rejected or known.problem or known.confirmed_at is None:
                self._changed = True
            return
        if head != known.head:
            self._note(tenant, head=head)
        rejected = known.rejected
        waits = rejected is not None and rejected.generation == head and not self._retry_due(rejected)
        if tenant not in self._loads and not waits:
            self._loads[tenant] = self._loader.submit(self._load, store, tenant, head)

    def _load(self, store: Store, tenant: str, head: int) -> Kept:
        """Copy, verify, compile, open and write the floor of one release, aside. Runs in the loader's
        thread.
        """
        release = _read_release(store, tenant, head)
        known = self._tenants.get(tenant, TenantState())
        if known.log and release.log != known.log:
            raise _forked(tenant, f"is {release.log}, this host serves from {known.log}")
        if release.requires.format > FORMAT:
            raise SnapshotRejected(
                tenant=tenant,
                generation=head,
                reason=f"it needs format {release.requires.format}, this is {FORMAT}",
            )
        path = prepare(release, blobs=store.blobs, root=self._places.root)
        snapshot = open_snapshot(path)
        floor = self._places.floor(tenant)
        floor.parent.mkdir(parents=True, exist_ok=True)
        write_floor(snapshot, floor)
        relative = str(path.relative_to(self._places.root))
        return Kept(generation=head, path=relative, log=release.log, attempt=release.attempt)

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
        except Exception as error:
            _log.exception("the newest release of %s was not loaded", tenant)
            self._reject(tenant, known, known.head, f"{type(error).__name__}: {error}")
            return
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
        self._tenants[tenant] = msgspec.structs.replace(self._tenants.get(tenant, TenantState()), **what)
        self._changed = True

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
            ship_problem=self._ship_problem,
            waiting_files=self._waiting_files,
            tenants=self._tenants,
        )
        try:
            write_host_state(self._places.state, state, durable=self._changed)
        except OSError as error:
            _log.error("host.json was not written: %s", error)
            return
        self._changed = False
        self._written_at = now

    def _ship(self) -> None:
        """Carry finished event files, and what dead workers left, into the store."""
        try:
            cut = recover(self._places.spool).cut_bytes
            if cut:
                _log.warning("cut %d bytes of torn lines from event files of a worker that died", cut)
            if self._store is not None:
                done = ship(self._places.spool, self._store.objects, keep_s=self._settings.spool_keep_s)
                self._ship_problem, self._waiting_files = done.problem, done.waiting
        except OSError as error:
            self._ship_problem = str(error)

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


class _ForkedError(RecsysError):
    code = "LOG_FORKED"


def _require_same_record(store: Store, tenant: str, served: Kept) -> None:
    """Re-read the record that is served before leaving it: another log under our feet is not followed.

    A store put back from an older copy keeps the log's identity and goes on differently, so the attempt counts too.
    """
    record = _read_release(store, tenant, served.generation)
    if (record.log, record.attempt) != (served.log, served.attempt):
        raise _forked(tenant, f"has another generation {served.generation} than the one this host serves")


def _forked(tenant: str, what: str) -> _ForkedError:
    return _ForkedError(
        f"LOG_FORKED: the log of {tenant} {what}",
        next_step="the store was restored or replaced; what was served goes on. See: recsys releases verify",
    )


def _read_release(store: Store, tenant: str, generation: int) -> Release:
    data = store.releases.read(tenant, generation)
    try:
        release = msgspec.json.decode(data, type=Release)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotRejected(
            tenant=tenant, generation=generation, reason=f"its record cannot be read: {error}"
        ) from None
    if (release.tenant, release.generation) != (tenant, generation):
        reason = f"its record says generation {release.generation} of {release.tenant}"
        raise SnapshotRejected(tenant=tenant, generation=generation, reason=reason)
    return release


def _directory_copy(places: Places) -> Directory:
    """Read this host's copy: keys go on working with the store away."""
    try:
        return Directory.decode(places.access.read_bytes())
    except (OSError, RecsysError):
        return Directory()


def _tenants_before(places: Places, *, run: str, boot: str) -> dict[str, TenantState]:
    """Read what this host served before; what does not open any more is left out, to be fetched again."""
    state = read_host_state(places.state)
    if state is None:
        return {}
    same = state.run == run and state.boot == boot
    tenants = {}
    for tenant, known in state.tenants.items():
        kept = tuple(one for one in known.kept if _opens(places, one))
        tenants[tenant] = msgspec.structs.replace(
            known, kept=kept, confirmed_at=known.confirmed_at if same else None, rejected=None
        )
    return tenants


def _opens(places: Places, kept: Kept) -> bool:
    try:
        open_snapshot(places.root / kept.path, verify=True)
    except (SnapshotRejected, OSError) as error:
        _log.error("this host's copy of generation %d is not used: %s", kept.generation, error)
        return False
    return True


def _write_private(path: Any, data: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


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
