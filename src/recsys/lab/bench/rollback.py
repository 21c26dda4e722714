"""``recsys bench rollback``: from the return of a rollback to the last old answer of any worker, under load.

Each rollback goes to other artifacts than the three served last. The host has got them ready, as it does with what it
may be sent back to; or, ``cold``, it never had the first: then copying and checking them is part of what is measured.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from recsys.access import create_key
from recsys.errors import Failed
from recsys.lab.bench.asking import Asking
from recsys.lab.bench.shop import publish_shop
from recsys.lab.machine import Machine, this_machine
from recsys.progress import Progress
from recsys.releases import Releases, create_tenant
from recsys.releases.manifest import read_manifest
from recsys.serving import Settings
from recsys.serving.process import ServiceProcess
from recsys.store import Store, open_store

__all__ = ["RollbackBench", "run"]

_TENANT, _SURFACE = "bench", "home"
_CONTENTS = 5
"""Contents that take turns: more than the generations a host keeps, so that none is still there when it comes back."""
_DEADLINE_S = 60.0
_BODY = b'{"surface":"home","k":20}'


class RollbackBench(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from a command's return to the last answer of an older generation, one for each rollback."""

    items: int
    artifacts_mb: float
    workers: int
    cold: bool
    effect_s: tuple[float, ...]
    command_s: tuple[float, ...]
    answers: int
    errors: int
    machine: Machine

    def table(self) -> str:
        """Write the figures for people."""
        lines = [f"{'':28}{'rollbacks':>10}{'min s':>8}{'median s':>10}{'max s':>8}"]
        for name, times in (("the command itself", self.command_s), ("to the last old answer", self.effect_s)):
            seen = sorted(times)
            lines.append(f"{name:28}{len(seen):>10}{seen[0]:>8.2f}{seen[len(seen) // 2]:>10.2f}{seen[-1]:>8.2f}")
        lines.append(
            f"{self.items:,} items, {self.artifacts_mb:.0f} MB of artifacts, {self.workers} workers, "
            f"{self.answers:,} answers meanwhile, {self.errors} errors"
        )
        lines.append(self.machine.line())
        return "\n".join(lines)


def run(*, items: int, rollbacks: int, workers: int, cold: bool, progress: Progress) -> RollbackBench:
    """Measure on this machine's cores, all of them shared by service and load."""
    with TemporaryDirectory(prefix="recsys-bench-") as folder:
        root = Path(folder)
        with progress("publishing the shop"):
            store = open_store(str(root / "store"))
            create_tenant(store, _TENANT, actor="bench")
            secret = create_key(store, _TENANT, "client", actor="bench").secret
            targets = [_publish(store, items=items, seed=seed) for seed in range(_CONTENTS)]
        settings = Settings(
            store=str(root / "store"),
            host_dir=str(root / "host"),
            port=0,
            admin_port=0,
            workers=workers,
            ready_bytes=0 if cold else Settings().ready_bytes,
        )
        releases = Releases(store, _TENANT, actor="bench")
        effect, command = [], []
        with ServiceProcess(settings, log=root / "service.log") as service:
            service.wait_ready()
            if not cold:
                _wait_for(root / "host" / "snapshots" / _TENANT, _CONTENTS)
            port = int(service.base_url.rsplit(":", 1)[1])
            with Asking(port=port, secret=secret, clients=2 * workers, body=_BODY) as asking, progress("rolling back"):
                for turn in range(rollbacks):
                    to = targets[turn % _CONTENTS]
                    began = time.perf_counter()
                    change = releases.rollback("artifacts", surface=_SURFACE, to=to, no_hold=True)
                    returned = time.perf_counter()
                    if not change.changed:
                        raise Failed("a rollback changed nothing", next_step="this is our mistake")
                    command.append(returned - began)
                    last = asking.last_before(change.release.generation, quiet_s=0.5, deadline_s=_DEADLINE_S)
                    effect.append(max(0.0, last - returned))
                answers, errors = asking.answers, asking.errors
        size_mb = _size_mb(store, releases)
    return RollbackBench(
        items=items,
        artifacts_mb=size_mb,
        workers=workers,
        cold=cold,
        effect_s=tuple(effect),
        command_s=tuple(command),
        answers=answers,
        errors=errors,
        machine=this_machine(),
    )


def _wait_for(snapshots: Path, count: int) -> None:
    until = time.monotonic() + _DEADLINE_S
    while len(list(snapshots.glob("*/snapshot.json"))) < count:
        if time.monotonic() > until:
            raise Failed("older artifacts are not ready", next_step="give fewer --items, or --cold")
        time.sleep(0.05)


def _publish(store: Store, *, items: int, seed: int) -> int:
    """Ship other artifacts; return the generation that has them."""
    day = datetime.now(UTC).date().isoformat()
    publish_shop(store, _TENANT, items=items, surface=_SURFACE, day=day, seed=seed)
    return Releases(store, _TENANT, actor="bench").current().generation


def _size_mb(store: Store, releases: Releases) -> float:
    """Return the size of the artifacts that one release names."""
    named = releases.current().surfaces[_SURFACE].manifest
    assert named is not None, "a shop was shipped"
    manifest = read_manifest(store.blobs.read(_TENANT, named))
    refs = [ref for of_signal in manifest.signals.values() for ref in of_signal]
    refs += [manifest.catalog] if manifest.catalog else []
    return sum(ref.size_bytes for ref in refs) / 1e6
