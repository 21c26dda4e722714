"""A host seen from its own directory and its own ports: what there is to go by when the store does not answer.

Nothing here needs the store, and the directory is enough when no process of the service runs any more.
"""

import http.client
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from recsys.encoding import Invalid
from recsys.errors import NotFound
from recsys.serving.clock import boot_id, since_boot
from recsys.serving.counters import read_counters
from recsys.serving.health import Health, look_at_host
from recsys.serving.host_state import HostState, Places, TenantState, read_host_state
from recsys.serving.ladder import Rung, rung_of
from recsys.serving.processes import Processes, read_processes
from recsys.serving.settings import Settings, read_settings

__all__ = ["Here", "Refused", "look_here"]

_PATIENCE_S = 2.0
"""A service that takes longer to say that it is there is not there for its clients either."""
_LARGEST_BYTES = 8 << 20
"""Of an answer of the operators' port: a thousand tenants take a twentieth of it."""
_LIMITS = frozenset(("OVERLOADED", "RATE_LIMITED", "TOO_LARGE", "TOO_DEEP", "TOO_MANY_IDS", "NOT_DURABLE"))


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Requests this host refused for one reason: ``count`` since its counters began, ``last_s`` the last one in seconds
    since 1970, ``tenants`` whose they were, where that was known.
    """

    code: str
    count: int
    last_s: float
    tenants: tuple[str, ...] = ()


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """One host as it shows itself.

    ``running``: a supervisor of this directory is alive. ``unready``: why ``/readyz`` says no, empty where it says yes,
    ``None`` where nobody answers. ``began_s``: when it was started, seconds since 1970. ``health``: what
    ``/health/detailed`` says, read from the files where the operators' port does not answer. ``refused`` by code.
    ``answers``: all that were served since the counters began.
    """

    places: Places
    host: str
    state: HostState | None
    processes: Processes | None
    running: bool
    began_s: float | None
    unready: tuple[str, ...] | None
    health: Health
    refused: Mapping[str, Refused]
    answers: int
    settings: Settings

    @property
    def spool(self) -> Path | None:
        """Return where this host's newest events are; ``None`` where it has none."""
        return self.places.spool if self.places.spool.is_dir() else None

    @property
    def known(self) -> bool:
        """Whether a service ever ran in this directory."""
        return self.state is not None

    def of(self, tenant: str) -> "Here":
        """Return the same with nothing of other tenants in it."""
        if self.state is None:
            return self
        state = msgspec.structs.replace(
            self.state, tenants={name: one for name, one in self.state.tenants.items() if name == tenant}
        )
        refused = {
            code: msgspec.structs.replace(one, tenants=tuple(name for name in one.tenants if name == tenant))
            for code, one in self.refused.items()
            if not one.tenants or tenant in one.tenants
        }
        return msgspec.structs.replace(self, state=state, refused=refused)

    def tenants(self) -> dict[str, TenantState]:
        """Return what this host knows of each tenant."""
        return dict(sorted(self.state.tenants.items())) if self.state else {}

    def named(self, tenant: str | None) -> list[str]:
        """Return this tenant, or all for ``None``; raises :class:`~recsys.errors.NotFound` for one not served here."""
        names = list(self.tenants())
        if tenant is not None and tenant not in names:
            served = f"it serves: {', '.join(names)}" if names else "ask a host that serves it"
            raise NotFound(f"this host serves no tenant {tenant}", next_step=served)
        return names if tenant is None else [tenant]

    def rung(self, tenant: str) -> Rung:
        """Tell the rung on which this host answers a tenant, or would if it ran."""
        known = self.tenants()[tenant]
        unconfirmed_s = self.unconfirmed_s(tenant)
        now = since_boot()
        return rung_of(
            readable=bool(known.kept),
            newest=known.rejected is None and known.served == known.generation,
            confirmed_at=None if unconfirmed_s is None else now - unconfirmed_s,
            now=now,
            confirm_s=self.settings.confirm_s,
        )

    def unconfirmed_s(self, tenant: str) -> float | None:
        """Return for how long this host has not seen the head of a tenant; ``None``: not since its service started."""
        assert self.state is not None
        confirmed_at = self.tenants()[tenant].confirmed_at
        ours = self.state.boot == boot_id() and self.processes is not None and self.state.run == self.processes.run
        return since_boot() - confirmed_at if ours and confirmed_at is not None else None


def look_here(host_dir: Path, *, settings: Settings | None = None) -> Here:
    """Look at the host whose directory this is; never raises for what is missing.

    Parameters
    ----------
    settings
        Those of the service, where they are known: then its ports are not asked, because it is the service that looks.
    """
    asked = settings is None
    settings = settings or _settings(host_dir)
    places = Places(settings.host_path)
    processes = read_processes(places.processes)
    began_s = None if processes is None else _began_s(processes.supervisor)
    running = began_s is not None
    health = _told_health(processes) if asked and running and processes else None
    health = health or look_at_host(settings)
    return Here(
        places=places,
        host=health.host,
        state=read_host_state(places.state),
        processes=processes,
        running=running,
        began_s=began_s,
        unready=_unready(processes) if asked and running and processes else () if not asked else None,
        health=health,
        refused=_refused(places),
        answers=_answers(places),
        settings=settings,
    )


def _began_s(pid: int) -> float | None:
    """Return when a process was started, in seconds since 1970; ``None`` for one that is dead, taken note of or not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        state, ticks = fields[0], int(fields[19])  # proc(5): the fields 3 and 22
    except (OSError, IndexError, ValueError):
        return None
    return None if state == "Z" else time.time() - since_boot() + ticks / os.sysconf("SC_CLK_TCK")


def _settings(host_dir: Path) -> Settings:
    """Read the settings of this shell, which are the service's unless somebody started it otherwise."""
    try:
        return read_settings(host_dir=host_dir)
    except Invalid:
        return Settings(host_dir=str(host_dir))


def _told_health(processes: Processes) -> Health | None:
    body = _get(processes.admin_host, processes.admin_port, "/health/detailed")
    try:
        return None if body is None else msgspec.json.decode(body[1], type=Health)
    except msgspec.DecodeError:
        return None


def _unready(processes: Processes) -> tuple[str, ...] | None:
    body = _get(processes.host, processes.port, "/readyz")
    if body is None:
        return None
    try:
        return () if body[0] == 200 else tuple(str(reason) for reason in json.loads(body[1])["reasons"])
    except (ValueError, KeyError, TypeError):
        return (f"it answers {body[0]}",)


def _get(host: str, port: int, path: str) -> tuple[int, bytes] | None:
    """Ask a port of this host; ``None`` where it does not answer in time."""
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it listens everywhere; we ask here
    connection = http.client.HTTPConnection(near, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(_LARGEST_BYTES)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _refused(places: Places) -> dict[str, Refused]:
    counts: dict[str, int] = {}
    last: dict[str, float] = {}
    tenants: dict[str, set[str]] = {}
    for path in sorted(places.counters.glob("*.cells")):  # one by one: moments are not added up
        for series in read_counters([path]):
            code = series.labels.get("code", "")
            if code not in _LIMITS:
                continue
            if series.name == "recsys_refusals":
                counts[code] = counts.get(code, 0) + int(series.values[0])
            elif series.name == "recsys_refused_at":
                last[code] = max(last.get(code, 0.0), series.values[0])
                tenants.setdefault(code, set()).update(filter(None, [series.labels.get("tenant")]))
    return {
        code: Refused(code=code, count=count, last_s=last.get(code, 0.0), tenants=tuple(sorted(tenants.get(code, ()))))
        for code, count in counts.items()
    }


def _answers(places: Places) -> int:
    return int(sum(s.values[0] for s in read_counters(places.counters.glob("*.cells")) if s.name == "recsys_answers"))
