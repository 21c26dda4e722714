"""The process that follows the heads of the log, one a host, and lets workers have only what it has verified.

Its loop never waits for a load: a release is prepared aside, in a thread, while heads go on being confirmed.
Whatever fails is written into ``host.json`` with its reason; the release before it keeps serving. If this
process dies, answers go on from what it last wrote.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from recsys.access import Directory, load_directory
from recsys.encoding import rfc3339
from recsys.errors import RecsysError
from recsys.releases.record import FORMAT, Release
from recsys.replicas import Heartbeat, write_heartbeat
from recsys.serving.access_seen import AccessSeen
from recsys.serving.binding import Binding
from recsys.serving.clock import boot_id, since_boot
from recsys.serving.departures import forget, take_over
from recsys.serving.following import FollowWatch
from recsys.serving.heads import newest_of, said_restored
from recsys.serving.host_copies import directory_copy, tenants_before, unreleased_before
from recsys.serving.host_state import (
    HostState,
    Kept,
    Pin,
    Places,
    Rejected,
    TenantState,
    write_host_state,
)
from recsys.serving.key_sets import KeySetKeeper
from recsys.serving.leftovers import Leftovers
from recsys.serving.loading import load, renew_floor
from recsys.serving.log_lines import about
from recsys.serving.pacing import Pacing
from recsys.serving.pins import Pins
from recsys.serving.readying import Readying
from recsys.serving.role import Role, begin
from recsys.serving.settings import Settings
from recsys.serving.shipper import Shipper
from recsys.serving.stopping import Stopping
from recsys.serving.tracing import open_tracing
from recsys.snapshot import SnapshotRejected
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
    load
        As :func:`recsys.serving.loading.load`, which it is but for who watches.
    """

    def __init__(self, settings: Settings, *, run: str, load: Callable[[Store, Release, Places], Kept] = load) -> None:
        self._load = load
        self._settings = settings
        self._places = Places(settings.host_path)
        self._places.root.mkdir(parents=True, exist_ok=True)
        self._run, self._boot = run, boot_id()
        self._store: Store | None = None
        self._directory = directory_copy(self._places) or Directory()
        self.tenants = tenants_before(self._places, run=run, boot=self._boot)
        """What this host serves of each; changed in place."""
        self._unreleased = unreleased_before(self._places)
        self._binding = Binding(self._places)
        self._pins = Pins(self._places.pins)
        self._pinned: Mapping[str, Pin] | None = None
        self._reread_at: dict[str, float] = {}
        self._held_up: dict[str, tuple[float, str]] = {}
        """Tenants whose newest release this host could not take, whatever it is: since when, why."""
        self._loads: dict[str, Future[Kept]] = {}
        self._leftovers = Leftovers(self._places.root)
        self._readying = Readying(self._places.root, budget_bytes=settings.ready_bytes)
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._problem, self._access_problem = "not opened yet", ""
        self._access_seen = AccessSeen(self._places, write_s=min(10.0, settings.admin_away_s / 4))
        self._key_set = KeySetKeeper(settings.token_rules, self._places, refresh_s=settings.jwt_refresh_s)
        self._shipper = Shipper(self._places.spool, keep_s=settings.spool_keep_s)
        self._changed, self._written_at = True, 0.0
        self._due: dict[str, float] = {}
        self._pacing = Pacing(budget_per_s=settings.head_requests_per_s)
        self._hurry = False

    def step(self) -> None:
        """Do once what is due: follow, take over what is loaded, write the state, beat, ship."""
        if self._places.take_refresh():
            self._due.clear()
            self._hurry = True
        self._honour_pins()
        self._key_set.step()
        if self._opened() and self._store is not None:
            self._if_due("access", self._settings.access_poll_s, self._follow_access)
            for tenant in self._pacing.due(
                self._store.releases, self._directory.tenants, now=since_boot(), hurry=self._hurry
            ):
                try:
                    self._follow(self._store, tenant)
                except Exception as error:  # one tenant's trouble is not the others'
                    _log.exception("tenant %s is not followed", tenant, extra=about(tenant=tenant))
                    self._note(tenant, problem=f"{type(error).__name__}: {error}")
        for tenant, begun in list(self._loads.items()):
            if begun.done():
                del self._loads[tenant]
                if tenant in self._directory.tenants:
                    self._take(tenant, begun)
        self._hurry = False
        self._write()
        if not self._changed:  # what is written names nothing of it any more
            self._leftovers.remove(self.tenants, ready=self._readying.kept)
        if self._store is not None and not self._loads:
            self._readying.step(self._store, self.tenants)
        self._if_due("ship", self._settings.ship_s, self._ship)
        self._if_due("beat", self._settings.heartbeat_s, self._beat)

    def close(self) -> None:
        """Ship what can be shipped, and stop; also when there was no time for a first step."""
        if self._store is None and self._opened():
            self._follow_access()
        self._loader.shutdown(wait=False, cancel_futures=True)
        self._readying.close()
        self._key_set.close()
        self._shipper.close(self._store)

    def _ship(self) -> None:
        self._shipper.start(self._store, gone=self._directory.deleted)

    def _opened(self) -> bool:
        if self._store is None:
            try:
                self._store = open_store(self._settings.store, log=self._settings.log or None, create=False)
            except (RecsysError, OSError) as error:
                self._say(str(error))
        return self._store is not None

    def _follow_access(self) -> None:
        assert self._store is not None
        try:
            directory = load_directory(self._store, self._directory)
        except (Unavailable, OSError) as error:
            self._say(str(error))
            return
        except RecsysError as error:
            self._access_seen.note()  # the store is there: brakes must work then
            self._say_of_access(str(error))
            return
        self._access_seen.note()
        self._say_of_access("")
        busy = self._loads.keys() | self._readying.busy
        self._directory = take_over(
            self._places, self._directory, directory, tenants=self.tenants, loading=busy, let_go=self._forget
        )
        self._unreleased &= self._directory.tenants.keys()

    def _forget(self, names: frozenset[str]) -> None:
        """Remove everything of tenants that are gone from this host; raises ``OSError``."""
        for tenant in sorted(names):
            forget(self._places, tenant)
            self._binding.forget(tenant)
            self._readying.forget(tenant)
            for held in (self.tenants, self._reread_at, self._held_up):
                held.pop(tenant, None)
            self._changed = True
            _log.warning("tenant %s was deleted: what this host had of it is removed", tenant)
        if names:
            self._write()

    def _follow(self, store: Store, tenant: str) -> None:
        """Read one tenant's head, and either confirm it or start to load it."""
        known = self._known(tenant)
        newest: Release | None = None
        try:
            head = store.releases.head(tenant, at_least=known.head if known.log else 0)
            if head and (self._reread_due(tenant, known, head) or self._load_due(tenant, known, head)):
                newest = newest_of(store, tenant, known, head)
                self._changed |= self._binding.bind(store, newest)
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
        self._note_released(tenant, head)
        if head == 0:
            return
        if head == known.generation:
            self.tenants[tenant] = msgspec.structs.replace(
                known, confirmed_at=since_boot(), head=head, rejected=None, problem=""
            )
            self._held_up.pop(tenant, None)
            if known.head != head or known.rejected or known.problem or known.confirmed_at is None:
                self._changed = True
            return
        self._note(tenant, head=head, problem=self._held_up.get(tenant, (0.0, ""))[1])
        if newest is not None and self._load_due(tenant, known, head):
            self._loads[tenant] = self._loader.submit(self._load, store, newest, self._places)

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

    def _take(self, tenant: str, begun: "Future[Kept]") -> None:
        """Switch to what was loaded, or say why not."""
        known = self._known(tenant)
        try:
            loaded = begun.result()
        except SnapshotRejected as error:
            self._reject(tenant, known, error.generation, error.reason)
            return
        except Unavailable as error:
            self._say(str(error))
            return
        except (CopyFailed, Denied, OSError) as error:
            problem = f"generation {known.head} is not on this host: {error}"
            if tenant not in self._held_up:
                _log.error("tenant %s: %s", tenant, problem, extra=about(tenant=tenant))
            self._held_up[tenant] = (since_boot(), problem)
            self._note(tenant, problem=problem)
            return
        except Exception as error:
            _log.exception("the newest release of %s was not loaded", tenant, extra=about(tenant=tenant))
            self._reject(tenant, known, known.head, f"{type(error).__name__}: {error}")
            return
        self._held_up.pop(tenant, None)
        self._reread_at.pop(tenant, None)  # what happened to the log while this was loaded is looked at next
        pin = self._pins.held().get(tenant)
        state = known.with_newest(loaded, at=since_boot(), most=self._settings.keep_generations, pinned=pin)
        if restored := said_restored(known, loaded):
            _log.warning("tenant %s: %s", tenant, restored, extra=about(tenant=tenant))
            state = msgspec.structs.replace(state, restored=restored)
        self.tenants[tenant] = state
        if state.pinned is not None:
            renew_floor(self._places, tenant, state.serving[0])
        said = f"serving generation {state.served} of {tenant}; the newest verified is {state.generation}"
        _log.info(said, extra=about(tenant=tenant))
        self._changed = True
        self._leftovers.note(tenant)
        self._due.pop("beat", None)  # a switch is news: others need not wait for the next beat

    def _honour_pins(self) -> None:
        """Take over what operators pinned and let go on this host, store or no store."""
        pinned = self._pins.held()
        if pinned is self._pinned:
            return
        self._pinned = pinned
        for tenant, known in list(self.tenants.items()):
            pin = pinned.get(tenant)
            if pin == known.pinned:
                continue
            self._note(tenant, pinned=pin)
            state = self.tenants[tenant]
            said = f"pinned to generation {pin.generation} by {pin.actor}" if pin else "not pinned any more"
            _log.warning(
                "tenant %s is %s; it gets generation %d", tenant, said, state.served, extra=about(tenant=tenant)
            )
            if state.kept:
                renew_floor(self._places, tenant, state.serving[0])
            self._due.pop("beat", None)

    def _reject(self, tenant: str, known: TenantState, generation: int, reason: str) -> None:
        if known.rejected is None or known.rejected.reason != reason:
            said = "generation %d of %s is not served: %s"
            _log.error(said, generation, tenant, reason, extra=about(tenant=tenant))
        self._note(tenant, rejected=Rejected(generation=generation, reason=reason, at=since_boot()))

    def _retry_due(self, rejected: Rejected) -> bool:
        return self._hurry or since_boot() >= rejected.at + self._settings.retry_rejected_s

    def _known(self, tenant: str) -> TenantState:
        known = self.tenants.get(tenant, TenantState())
        now = self._directory.tenants.get(tenant)
        if known.made == 0 and now is not None:  # new here, or kept by 0.1.0
            known = msgspec.structs.replace(known, made=now.made)
        return known

    def _note(self, tenant: str, **what: Any) -> None:
        known = self._known(tenant)
        self.tenants[tenant] = msgspec.structs.replace(known, **what)
        self._changed = self._changed or self.tenants[tenant] != known

    def _note_released(self, tenant: str, head: int) -> None:
        """Tell workers who may be ready without: a tenant that never had a release."""
        if (tenant in self._unreleased) == (head > 0):
            self._unreleased ^= {tenant}
            self._changed = True

    def _say(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._changed = True
            _log.log(logging.WARNING if problem else logging.INFO, "store: %s", problem or "reached")

    def _say_of_access(self, problem: str) -> None:
        """Tell it apart from the store's own trouble: releases are followed all the same."""
        if problem != self._access_problem:
            self._access_problem, self._changed = problem, True
            _log.log(logging.ERROR if problem else logging.INFO, "tenants and keys: %s", problem or "read again")

    def _write(self) -> None:
        now = since_boot()
        if not self._changed and now - self._written_at < min(_CONFIRM_WRITE_S, self._settings.confirm_s / 4):
            return
        state = HostState(
            run=self._run,
            boot=self._boot,
            written_at=now,
            follower=os.getpid(),
            store=self._settings.store,
            store_problem=self._problem or self._access_problem,
            ship_problem=self._shipper.last.problem,
            waiting_files=self._shipper.last.waiting,
            tenants=self.tenants,
            unreleased=tuple(sorted(self._unreleased)),
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
        replicas = {tenant: state.replica(now=since_boot()) for tenant, state in self.tenants.items()}
        beat = Heartbeat(host=self._settings.machine, at=rfc3339(time.time()), format=FORMAT, tenants=replicas)
        try:
            write_heartbeat(self._store.objects, beat)
        except (RecsysError, OSError) as error:
            _log.debug("no heartbeat: %s", error)
        self._pins.tell(self._store.objects, host=self._settings.machine)

    def _if_due(self, what: str, every_s: float, do: Any) -> None:
        now = since_boot()
        if now >= self._due.get(what, 0.0):
            self._due[what] = now + every_s
            do()


def main() -> None:
    """Follow until told to stop, or until the supervisor is gone."""
    role = begin()
    stopping = Stopping(signal.SIGTERM)
    watch = FollowWatch(open_tracing(role.settings, process=role.name))
    follower = Follower(role.settings, run=role.run, load=watch.load)
    while not stopping.wait(role.settings.poll_s) and os.getppid() == role.parent:
        with watch.step(follower.tenants):
            _step(follower, role)
    follower.close()
    watch.close()


def _step(follower: Follower, role: Role) -> None:
    try:
        follower.step()
    except Exception:
        _log.exception("%s stumbled and goes on", role.name)


if __name__ == "__main__":
    main()
