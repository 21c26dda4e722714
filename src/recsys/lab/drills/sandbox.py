"""Where a drill plays: a small shop with its own store, the real service in its own processes, and people who come."""

import os
import shlex
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from recsys.lab.drills.crowd import Crowd, Served
from recsys.lab.shell import Shell
from recsys.lab.shop import SURFACE, TENANT, Shop, make_shop
from recsys.lab.simulate import Shopper, stream
from recsys.lab.visitors import Visitors
from recsys.serving import Settings
from recsys.serving.process import ServiceProcess

__all__ = ["NIGHTLY_H", "Sandbox", "make_template"]

_K = 10
_CROWD_SEED = 2
NIGHTLY_H = 36.0
"""The objective of a shop whose nightly run ends some hours after midnight."""


def make_template(folder: Path) -> None:
    """Make what every sandbox begins as: the shop, one release, and a key."""
    make_shop(folder)
    shop = Shop(folder)
    shop.put_config({"freshness_slo_h": NIGHTLY_H}, reason="the nightly run ends some hours after midnight")


class Sandbox(Shop):
    """A copy of the template with a service that runs; a context manager.

    ``recsys`` types commands as the person on call does, on this host. ``typed`` are the commands so far.
    """

    def __init__(self, template: Path, folder: Path) -> None:
        shutil.copytree(template, folder)
        super().__init__(folder)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
        here = {
            "RECSYS_STORE": str(self.store_path),
            "RECSYS_HOST_DIR": str(self.host_path),
            "RECSYS_TENANT": TENANT,
            "RECSYS_ACTOR": "on-call",
        }
        self.typed: list[str] = []
        self.recsys = Shell({**inherited, **here}, says=self.typed.append)
        head = self.tenant.releases.current()
        served = head.surfaces[SURFACE].manifest
        assert served is not None
        self.good, self.began = served, head.generation
        """The manifest and the generation that it began with."""
        self.served = Served()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        secret = self.recsys.run("keys", "create", "--role", "client")["secret"]
        settings = Settings(
            store=str(self.store_path),
            host_dir=str(self.host_path),
            port=0,
            admin_port=0,
            workers=2,
            spool_rotate_s=2.0,
            ship_s=1.0,
            heartbeat_s=1.0,
            access_poll_s=0.3,
            confirm_s=2.0,
            record_wait_s=1.0,  # a machine that plays all of this at once is not a hung disk
        )
        with ExitStack() as opening:
            self.service = opening.enter_context(ServiceProcess(settings, log=self.folder / "service.log"))
            self.service.wait_ready()
            self.key = secret
            self.probes = self.visitors(secret)
            opening.callback(self.probes.close)
            crowd = Shopper(self.world, stream(_CROWD_SEED, "visits"), surfaces={SURFACE: 1.0})
            self.crowd = opening.enter_context(Crowd(self.visitors(secret, crowd)))
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        self.served = self.crowd.served

    def visitors(self, secret: str, shopper: Shopper | None = None) -> Visitors:
        """Return people at the door of the service, let in by a key."""
        return Visitors(shopper or self.shopper, base_url=self.service.base_url, api_key=secret, k=_K)

    def pull(self, command: str) -> Any:
        """Run a whole command line that was printed, as it was printed."""
        words = shlex.split(command)
        return self.recsys.run(*words[1:])

    @property
    def head(self) -> Mapping[str, Any]:
        """The newest release, as ``recsys releases list --json`` shows it."""
        newest: Mapping[str, Any] = self.recsys.run("releases", "list", "--limit", "1")["releases"][0]
        return newest
