"""An operator's pin: this host serves one of its verified generations, whatever the log says, until it is let go.

For the hour when the store itself is down, so it is kept on the host alone: each pin and each unpin is a small file
below ``pins/``, numbered and created if absent, and the newest of a tenant says what holds. The entries for the audit
follow when the store is back, each once: ``pins/<tenant>/<host>-<id>.json``.
"""

import hashlib
import logging
import os
import re
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from recsys.encoding import canonical, rfc3339
from recsys.errors import NotFound, RecsysError
from recsys.serving.host_state import Pin, TenantState
from recsys.snapshot.sealed import Damaged, read_sealed
from recsys.store import Objects

__all__ = ["PinAct", "PinRecord", "Pins", "read_pin_records"]

_log = logging.getLogger(__name__)

_FILE = re.compile(r"(?P<tenant>[a-z0-9][a-z0-9_-]{0,63})\.(?P<number>\d{10})\.(?P<state>new|told)")
_PREFIX = "pins/"


class PinAct(msgspec.Struct, frozen=True, kw_only=True):
    """One pin or unpin on this host. ``before``: the generation that was served when it was done; ``generation``: the
    one to be served from then on.
    """

    id: str
    tenant: str
    action: Literal["pin", "unpin"]
    before: int
    generation: int
    actor: str
    reason: str
    at: str

    def pin(self) -> Pin | None:
        """Return what holds after it; ``None`` when nothing does."""
        if self.action == "unpin":
            return None
        return Pin(generation=self.generation, actor=self.actor, reason=self.reason, at=self.at)


class PinRecord(PinAct, frozen=True, kw_only=True):
    """What the store keeps of it: whose host it was."""

    host: str


class Pins:
    """The pins of one host. Any process may pin and unpin; only the follower tells."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._names: list[str] = []
        self._held: dict[str, Pin] = {}

    def held(self) -> Mapping[str, Pin]:
        """Return what is pinned, by tenant; the same value as long as nothing changed."""
        names = sorted(name for name in self._listed() if _FILE.fullmatch(name))
        if names != self._names:
            self._names = names
            newest = {act.tenant: act for act, _ in self._acts(names)}
            self._held = {tenant: pin for tenant, act in newest.items() if (pin := act.pin()) is not None}
        return self._held

    def pin(
        self, tenant: str, state: TenantState, generation: int, *, actor: str, reason: str, dry_run: bool = False
    ) -> PinAct:
        """Pin a tenant to a generation this host has verified and kept; durable when it returns.

        Raises
        ------
        NotFound
            This host does not keep that generation.
        """
        kept = sorted((one.generation for one in state.kept), reverse=True)
        if generation not in kept:
            have = f"it keeps {', '.join(map(str, kept))}" if kept else "it keeps none"
            raise NotFound(
                f"this host has no verified generation {generation} of {tenant}: {have}",
                next_step="pin one of those" if kept else "there is nothing to pin to: see docs/how-to/pin-a-host.md",
            )
        act = self._act(tenant, "pin", state, generation, actor=actor, reason=reason)
        return act if dry_run else self._add(act)

    def unpin(self, tenant: str, state: TenantState, *, actor: str, reason: str, dry_run: bool = False) -> PinAct:
        """Let a tenant go on with its newest verified generation; durable when it returns."""
        act = self._act(tenant, "unpin", state, state.generation, actor=actor, reason=reason)
        return act if dry_run else self._add(act)

    def tell(self, objects: Objects, *, host: str) -> None:
        """Leave what was done in the store, each entry once however often this is tried; later, where it cannot."""
        names = sorted(name for name in self._listed() if _FILE.fullmatch(name))
        try:
            for act, name in self._acts([name for name in names if name.endswith(".new")]):
                self._tell(objects, act, name, host=host)
            self._sweep()
        except (RecsysError, OSError) as error:
            _log.debug("pins are not told yet: %s", error)

    def _tell(self, objects: Objects, act: PinAct, name: str, *, host: str) -> None:
        record = PinRecord(**msgspec.structs.asdict(act), host=host)
        key = f"{_PREFIX}{act.tenant}/{host}-{act.id}.json"
        objects.create(key, canonical(record))
        objects.confirm(key)  # who made it before us may have died before it was durable
        (self._folder / name).rename(self._folder / f"{name.removesuffix('.new')}.told")

    def _act(
        self, tenant: str, action: Literal["pin", "unpin"], state: TenantState, to: int, *, actor: str, reason: str
    ) -> PinAct:
        return PinAct(
            id=str(uuid.uuid4()),
            tenant=tenant,
            action=action,
            before=state.served,
            generation=to,
            actor=actor,
            reason=reason,
            at=rfc3339(self._clock()),
        )

    def _add(self, act: PinAct) -> PinAct:
        """Create the tenant's next number, as a whole or not at all; of two at once the later one stands."""
        self._folder.mkdir(parents=True, exist_ok=True)
        body = canonical(act)
        part = self._folder / f".{secrets.token_hex(8)}.part"
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
                file.flush()
                os.fsync(file.fileno())
            while not self._linked(part, act.tenant):
                pass  # somebody took that number
        finally:
            part.unlink(missing_ok=True)
        _sync_folder(self._folder)
        _sync_folder(self._folder.parent)
        return act

    def _linked(self, part: Path, tenant: str) -> bool:
        taken = [
            int(found["number"])
            for found in map(_FILE.fullmatch, self._listed())
            if found and found["tenant"] == tenant
        ]
        try:
            os.link(part, self._folder / f"{tenant}.{max(taken, default=0) + 1:010d}.new")
        except FileExistsError:
            return False
        return True

    def _acts(self, names: list[str]) -> Iterator[tuple[PinAct, str]]:
        """Read acts in their order; one that cannot be read says nothing."""
        for name in names:
            try:
                yield msgspec.json.decode(read_sealed(self._folder / name), type=PinAct), name
            except (Damaged, msgspec.MsgspecError) as error:
                if (self._folder / name).exists():  # else it was told, or swept, meanwhile
                    _log.error("pins/%s is left aside: %s", name, error)

    def _sweep(self) -> None:
        """Remove what was told, but the newest of each tenant, which says what holds."""
        newest: dict[str, str] = {}
        for name in sorted(self._listed()):
            found = _FILE.fullmatch(name)
            if found is None:
                continue
            before = newest.get(found["tenant"])
            newest[found["tenant"]] = name
            if before is not None and before.endswith(".told"):
                (self._folder / before).unlink(missing_ok=True)

    def _listed(self) -> list[str]:
        try:
            return os.listdir(self._folder)  # noqa: PTH208 - ten times a second, and only names
        except FileNotFoundError:
            return []


def read_pin_records(objects: Objects, tenant: str) -> list[PinRecord]:
    """Return what was pinned and unpinned for a tenant on any host, oldest first by the hosts' own clocks."""
    found = []
    for key in objects.keys(f"{_PREFIX}{tenant}/"):
        try:
            found.append(msgspec.json.decode(objects.read(key), type=PinRecord))
        except (RecsysError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            _log.warning("%s is left aside: %s", key, error)
    return sorted(found, key=lambda record: (record.at, record.id))


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
