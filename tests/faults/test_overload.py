"""F9: more requests than a worker takes, workers that stand still, and a service that is replaced under its clients."""

import http.client
import os
import signal
import threading
from pathlib import Path

import msgspec
import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL, Count
from tests.faults.crowds import Told, ask, post
from tests.integration.serving.shops import Served, Shop, call, served, until

from recsys.serving.clock import since_boot
from recsys.serving.counters import read_counters
from recsys.serving.process import ServiceProcess

REFUSED = 2_000 if FULL else 50
CROWD = 5_000 if FULL else 200
ROUNDS = 20 if FULL else 1
_PLACES = 4
_BODY = b'{"surface":"home","k":5}'
_CLIENTS = 4
_BETWEEN = 20
"""So many answers at least are given from one trouble to the next."""


class Slow:
    """A request that is open: the service waits for the rest of its body."""

    def __init__(self, service: Served) -> None:
        self._connection = http.client.HTTPConnection(service.process.base_url.removeprefix("http://"), timeout=60)
        self._connection.putrequest("POST", "/v1/recommend")
        self._connection.putheader("x-api-key", service.shop.client)
        self._connection.putheader("content-length", str(len(_BODY)))
        self._connection.endheaders(_BODY[:5])

    def finish(self) -> int:
        """Send the rest; return the status of the answer."""
        self._connection.send(_BODY[5:])
        reply = self._connection.getresponse()
        reply.read()
        self._connection.close()
        return reply.status


@pytest.mark.long
def test_what_is_too_much_is_refused_at_once_while_the_open_ones_are_answered(
    tmp_path: Path, counting: Counting
) -> None:
    with counting(
        "F9b", "requests above max_in_flight: 503 with Retry-After, /healthz up, open ones answered"
    ) as count:
        shop = Shop(tmp_path)
        shop.ship("a")
        with served(shop, workers=1, max_in_flight=_PLACES) as service:
            service.answers_from(2)
            idle = [_idle(service) for _ in range(8 * _PLACES)]  # clients that keep their connection take no place
            slow = [Slow(service) for _ in range(_PLACES)]
            until(lambda: service.recommend().status == 503, "every place to be taken")
            for number, told in enumerate(_ask(service, REFUSED)):
                if not _refused(told):
                    count.wrong(f"request {number} above the bound: {told}")
                count.survived()
            if (health := call(f"{service.process.base_url}/healthz")).status != 200:
                count.wrong(f"/healthz: {health.status}")
            for number, one in enumerate(slow):
                if (status := one.finish()) != 200:
                    count.wrong(f"open request {number}: {status}")
                count.survived()
            for connection in idle:
                connection.close()
            for number, told in enumerate(_ask(service, CROWD, clients=4 * _PLACES)):
                if told.status != 200 and not _refused(told):
                    count.wrong(f"request {number} of a crowd: {told}")
                count.survived()
            service.answers_from(2)


def _ask(service: Served, times: int, *, clients: int = 4) -> list[Told]:
    return ask(service.process.base_url, service.shop.client, times, clients=clients)


def _idle(service: Served) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(service.process.base_url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/version")
    connection.getresponse().read()
    return connection


def _refused(told: Told) -> bool:
    return told.status == 503 and b'"OVERLOADED"' in told.body and int(told.headers.get("retry-after", 0)) >= 1


class Patient:
    """Clients that try again when a connection breaks, stays silent, or is told to come back later."""

    def __init__(self, service: Served, count: Count) -> None:
        self._host = service.process.base_url.removeprefix("http://")
        self._key, self._count = service.shop.client, count
        self._done = threading.Event()
        self._turn = threading.Lock()
        self.answered = 0
        self.again = 0
        self._threads = [threading.Thread(target=self._go) for _ in range(_CLIENTS)]

    def __enter__(self) -> "Patient":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
        self._count.survived(self.answered)
        self._count.notes["tried again"] = self.again

    def some(self) -> None:
        """Wait until some more requests were answered."""
        enough = self.answered + _BETWEEN
        until(lambda: self.answered >= enough, "more answers", timeout_s=60.0)

    def _go(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=2)
        while not self._done.is_set():
            told = post(connection, "/v1/recommend", {"surface": "home", "k": 5}, self._key)
            with self._turn:
                if told.status == 200 and told.marks == {"a"}:
                    self.answered += 1
                elif told.status == 0 or (told.status == 503 and "retry-after" in told.headers):
                    self.again += 1
                else:
                    self._count.wrong(str(told))
            if told.status != 200:
                self._done.wait(0.02)
        connection.close()


def test_a_worker_that_stands_still_is_replaced_and_a_restart_fails_nobody_who_tries_again(
    tmp_path: Path, counting: Counting
) -> None:
    if not FULL:
        pytest.skip("the short form replaces workers in tests/integration/serving/test_availability.py")
    with counting("F9c", "requests while workers are stopped and the service is restarted, tried again") as count:
        shop = Shop(tmp_path)
        shop.ship("a")
        with served(shop, hung_s=3.0) as service:
            service.answers_from(2)
            port = int(service.process.base_url.rpartition(":")[2])
            with Patient(service, count) as clients:
                for number in range(ROUNDS):
                    _stand_still(service, f"worker-{number % 2}")
                    clients.some()
                    _restart(service, port, count)
                    clients.some()
        count.notes |= {"stopped and replaced": ROUNDS, "restarts": ROUNDS}


def _stand_still(service: Served, name: str) -> None:
    until(lambda: _ticks(service, name), f"{name} to be up")  # one that starts is left its time
    before = service.process.pid(name)
    os.kill(before, signal.SIGSTOP)
    until(lambda: service.process.pid(name) != before, f"{name} to be replaced", timeout_s=60.0)


def _ticks(service: Served, name: str) -> bool:
    series = read_counters(service.process.places.counters.glob("*.cells"))
    ticks = [one.values[0] for one in series if one.name == "recsys_worker_tick" and one.labels["worker"] == name]
    return any(since_boot() - tick < 0.5 for tick in ticks)


def _restart(service: Served, port: int, count: Count) -> None:
    """Stop by SIGTERM with requests open, which are answered; start again on the same port."""
    slow = [Slow(service) for _ in range(4)]
    process: ServiceProcess = service.process
    ended: list[int] = []
    stopping = threading.Thread(target=lambda: ended.append(process.stop(timeout_s=60.0)))
    stopping.start()
    until(lambda: _closed(port), "new connections to be refused")
    for number, one in enumerate(slow):
        if (status := one.finish()) != 200:
            count.wrong(f"open request {number} at SIGTERM: {status}")
        count.survived()
    stopping.join()
    if ended != [0]:
        count.wrong(f"the service ended with {ended}")
    process.settings = msgspec.structs.replace(process.settings, port=port)
    process.start()
    process.wait_ready()


def _closed(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.connect()
    except ConnectionRefusedError:
        return True
    finally:
        connection.close()
    return False
