"""Clients that ask for recommendations at once, each over one connection that it keeps."""

import http.client
import json
import threading
import time
from collections.abc import Iterator

import msgspec

__all__ = ["Told", "ask", "post"]

_PATIENCE_S = 30.0


class Told(msgspec.Struct, frozen=True):
    """What one client was told. ``status`` is 0 where the connection broke; ``seconds``: until it knew."""

    status: int
    seconds: float
    headers: dict[str, str] = {}
    body: bytes = b""

    @property
    def rung(self) -> str:
        """Return the rung of an answer."""
        return str(json.loads(self.body)["meta"]["rung"])

    @property
    def request_id(self) -> str:
        """Return the id by which an answer is recorded."""
        return str(json.loads(self.body)["meta"]["request_id"])

    @property
    def marks(self) -> set[str]:
        """Return the marks of the manifests whose items are in an answer; empty where it has no items."""
        return {item["item_id"].partition("-")[0] for item in json.loads(self.body)["items"]}

    def __str__(self) -> str:
        return f"{self.status} {self.body[:200]!r}"


def post(
    connection: http.client.HTTPConnection, path: str, body: object, key: str, headers: dict[str, str] | None = None
) -> Told:
    """Send one request and read its answer. A connection that breaks is closed, for the next one to open anew."""
    began = time.perf_counter()
    try:
        connection.request("POST", path, json.dumps(body), {"x-api-key": key, **(headers or {})})
        reply = connection.getresponse()
        data = reply.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return Told(0, time.perf_counter() - began, body=repr(error).encode())
    told = {name.lower(): value for name, value in reply.getheaders()}
    return Told(reply.status, time.perf_counter() - began, told, data)


def ask(url: str, key: str, times: int, *, clients: int = 8) -> list[Told]:
    """Ask so many times in all, ``clients`` at once, and never twice for one answer."""
    told: list[list[Told]] = [[] for _ in range(clients)]

    def one(number: int) -> None:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=_PATIENCE_S)
        for turn in _turns(number, times, clients):
            body = {"surface": "home", "k": 5, "user": {"anonymous_id": f"u{turn}"}}
            told[number].append(post(connection, "/v1/recommend", body, key))
        connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [one for some in told for one in some]


def _turns(number: int, times: int, clients: int) -> Iterator[int]:
    return iter(range(number, times, clients))
