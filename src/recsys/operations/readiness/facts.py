"""What is known of an installation: read once, judged by every item."""

import http.client
import ipaddress
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from recsys.access import Directory
from recsys.documents import Config, read_config
from recsys.errors import RecsysError
from recsys.operations.readiness.limits import LIMITS, Limits
from recsys.operations.readiness.reports import DrillReport, LoadReport
from recsys.pipelines import LastRun
from recsys.pipelines.report import last_runs
from recsys.progress import Progress, silent
from recsys.releases import Release, Verification
from recsys.releases.history import History
from recsys.releases.verify import verify
from recsys.replicas import Heartbeat, read_heartbeats
from recsys.serving.host_state import Places
from recsys.serving.processes import read_processes
from recsys.serving.settings import Settings
from recsys.store import Denied, Store, Unavailable

__all__ = ["Facts", "TenantFacts", "Urls", "gathered", "is_inside", "seen_at"]

_PATIENCE_S = 3.0
_MOST_BYTES = 1 << 20
_DAY_S = 86_400.0


class TenantFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant: its log newest first, its config as written and as read, and its surfaces' last runs,
    ``None`` where a record cannot be read.
    """

    name: str
    releases: tuple[Release, ...]
    written: Mapping[str, Any]
    config: Config
    runs: Mapping[str, LastRun | None]
    verification: Verification

    @property
    def head(self) -> Release:
        return self.releases[0]

    @property
    def served(self) -> tuple[str, ...]:
        """Return the surfaces that serve artifacts, sorted."""
        return tuple(name for name, of in sorted(self.head.surfaces.items()) if of.manifest is not None)


class Urls(msgspec.Struct, frozen=True, kw_only=True):
    """Where a service is asked: the product's port and the operators' port."""

    product: str
    operators: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the items are judged by. ``settings`` are as the service of this environment would start with, or
    ``None`` with why not in ``settings_problem``. ``unread``: tenants whose newest release cannot be read, with why.
    """

    store: Store
    directory: Directory
    tenants: tuple[TenantFacts, ...]
    unread: Mapping[str, str]
    heartbeats: tuple[Heartbeat, ...]
    places: Places
    urls: Urls
    now_s: float
    settings: Settings | None
    settings_problem: str = ""
    drills: DrillReport | None = None
    load: LoadReport | None = None
    limits: Limits = LIMITS

    def age_d(self, at_s: float) -> float:
        """Return how many days ago a moment is."""
        return (self.now_s - at_s) / _DAY_S

    def recent(self, at_s: float) -> bool:
        """Tell whether evidence of a moment still counts. What lies ahead of now is no evidence."""
        return -1.0 <= self.age_d(at_s) <= self.limits.evidence_age_d


def gathered(
    store: Store,
    directory: Directory,
    tenants: Sequence[str],
    *,
    host_dir: Path,
    settings: Settings | None,
    settings_problem: str,
    now_s: float,
    urls: Urls | None = None,
    drills: DrillReport | None = None,
    load: LoadReport | None = None,
    limits: Limits = LIMITS,
    progress: Progress = silent,
) -> Facts:
    """Read what there is to know: every record and blob of the tenants too. Raises as the store where that is away."""
    places = Places(host_dir)
    read: list[TenantFacts] = []
    unread: dict[str, str] = {}
    with progress("verifying tenants", total=len(tenants)) as advance:
        for name in tenants:
            try:
                read.append(_tenant(store, name))
            except (Unavailable, Denied):
                raise
            except RecsysError as error:
                unread[name] = error.message
            advance(1)
    return Facts(
        store=store,
        directory=directory,
        tenants=tuple(read),
        unread=unread,
        heartbeats=tuple(read_heartbeats(store.objects)),
        places=places,
        urls=urls or _urls(places, settings or Settings()),
        now_s=now_s,
        settings=settings,
        settings_problem=settings_problem,
        drills=drills,
        load=load,
        limits=limits,
    )


def _tenant(store: Store, name: str) -> TenantFacts:
    history = History(store.releases, store.blobs, name)
    releases = tuple(_readable(history))
    written = history.document(releases[0].config)
    return TenantFacts(
        name=name,
        releases=releases,
        written=msgspec.json.decode(written),
        config=read_config(written),
        runs=last_runs(store, name),
        verification=verify(store, name),
    )


def _readable(history: History) -> Iterator[Release]:
    """Yield releases from the newest down to the first that cannot be read: verifying tells of that."""
    yield history.head().release
    try:
        yield from history.back_from(history.head().release.generation - 1)
    except (Unavailable, Denied):
        raise
    except RecsysError:
        return


def _urls(places: Places, settings: Settings) -> Urls:
    """Take the ports of the service that runs on this host, else those of the settings."""
    running = read_processes(places.processes)
    here = running or settings
    return Urls(
        product=f"http://{_reachable(here.host)}:{here.port}",
        operators=f"http://{_reachable(here.admin_host)}:{here.admin_port}",
    )


def _reachable(host: str) -> str:
    bare = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - what is not bound here
    return f"[{bare}]" if ":" in bare else bare


def is_inside(host: str) -> bool | None:
    """Tell whether an address is of this machine or of a private network; ``None`` for a name."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return not address.is_unspecified and (address.is_loopback or address.is_private)


class _Stays(urllib.request.HTTPRedirectHandler):
    """What is asked is this port: where it sends others is no answer of it."""

    def redirect_request(self, *_: object) -> None:
        return None


_straight = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stays())
"""Whatever proxy the environment names: it does not reach a port that listens inside."""


def seen_at(url: str) -> tuple[int, bytes] | None:
    """Return status and body of what answers there; ``None`` where nothing does within seconds."""
    if not url.startswith(("http://", "https://")):
        return None
    try:
        with _straight.open(url, timeout=_PATIENCE_S) as answer:
            return answer.status, answer.read(_MOST_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_MOST_BYTES)
    except (OSError, ValueError, http.client.HTTPException):
        return None
