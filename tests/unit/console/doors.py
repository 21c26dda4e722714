"""A console in this process, with a key of every role."""

import re
from typing import Any, NamedTuple

from litestar.testing import TestClient

from recsys.access import load_directory
from recsys.releases import Releases
from recsys.serving import Settings
from recsys.serving.host_state import Places
from recsys.store import open_store

__all__ = ["ORIGIN", "Door"]

ORIGIN = "http://testserver.local"


class Door(NamedTuple):
    client: TestClient[Any]
    keys: dict[str, str]
    releases: Releases
    settings: Settings

    def sign_in(self, role: str, **headers: str) -> Any:
        form = {"credential": self.keys[role]}
        return self.client.post("/console/sign-in", data=form, headers={"Origin": ORIGIN, **headers})

    def hold(self, token: str, **headers: str) -> Any:
        form = {"do": "hold", "artifacts": "on", "reason": "incident", "key": "k1", "form_token": token}
        return self.client.post("/console/t/demo/holds", data=form, headers={"Origin": ORIGIN, **headers})

    def token(self) -> str:
        page = self.client.get("/console/t/demo/holds").text
        return re.search(r'name="form_token" value="(\w+)"', page)[1]  # type: ignore[index]

    def read_keys_again(self) -> None:
        copy = Places(self.settings.host_path).access  # what the follower of this host keeps
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(load_directory(open_store(self.settings.store)).encode())
