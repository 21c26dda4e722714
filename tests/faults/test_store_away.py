"""F9 and F10: the store is down, hangs or is slow under load; hosts start without it."""

import shutil
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contract.servers import new_bucket, new_database, s3_options
from tests.faults.conftest import Counting
from tests.faults.counts import FULL, Count
from tests.faults.crowds import Told, ask
from tests.faults.wires import Break, HttpWire, PostgresWire, listening
from tests.integration.serving.shops import Served, Shop, served, until

pytestmark = pytest.mark.long

REQUESTS = 10_000 if FULL else 120
"""Of each kind of trouble."""
STARTS = 100 if FULL else 1
FLOOR_STARTS = 25 if FULL else 1
KINDS = {"down": Break.NEVER, "hung": Break.HUNG, "slow": Break.SLOW}


class Bucket:
    """A bucket behind a wire that can be told how to behave; ``address`` is of the store in it."""

    def __init__(self) -> None:
        options = s3_options()
        self.endpoint = str(options["endpoint"])
        url = urllib.parse.urlsplit(self.endpoint)
        if url.scheme != "http":
            pytest.skip("the wire speaks plain HTTP, and the server at RECSYS_TEST_S3_ENDPOINT does not")
        self.address = f"s3://{new_bucket()}/shop"
        self.now = Break.NONE
        self.wire = HttpWire(url.netloc, lambda _method, _path: self.now)
        self.wire.slow_s = 2.0

    def mend(self) -> None:
        """Behave well again, towards those who wait for an answer too."""
        self.now = Break.NONE
        self.wire.cut()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    options = s3_options()
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(options["endpoint"]))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(options["access_key_id"]))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(options["secret_access_key"]))
    return Bucket()


def test_no_request_fails_while_the_bucket_is_down_hung_or_slow_and_an_alarm_is_raised(
    tmp_path: Path, counting: Counting, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counting("F9", "requests while the bucket is down, hung or slow; each answered, alarm raised") as count:
        shop = Shop(tmp_path, store=bucket.address)
        shop.ship("a")
        with listening(bucket.wire) as port:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            with served(shop, workers=1, confirm_s=1.0) as service:
                service.answers_from(2)
                for name, kind in KINDS.items():
                    bucket.now = kind
                    told = _ask(service, REQUESTS // 2)
                    count.notes[f"alarm when {name}"] = until(lambda: _alarm(service), f"an alarm: {name}")
                    told += _ask(service, REQUESTS - len(told))
                    _judge(told, name, count)
                    bucket.mend()
                    service.answers_from(2)
                shop.ship("b")
                service.answers_from(3)
        count.notes["struck"] = bucket.wire.struck


def _ask(service: Served, times: int) -> list[Told]:
    return ask(service.process.base_url, service.shop.client, times)


def _alarm(service: Served) -> str:
    """Return what health says is wrong, once the metrics say it too."""
    health = service.admin("/health/detailed").json
    if health["state"] == "healthy":
        return ""
    lines = service.admin("/metrics").body.decode().splitlines()
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    unconfirmed_s = values['recsys_unconfirmed_seconds{tenant="demo"}']
    return str(health["state"]) if unconfirmed_s > service.process.settings.confirm_s else ""


def _judge(told: list[Told], when: str, count: Count) -> None:
    count.survived(len(told))
    for number, one in enumerate(told):
        if one.status != 200 or one.marks != {"a"}:
            count.wrong(f"{when}, request {number}: {one}")
    good = [one for one in told if one.status == 200]
    count.notes[f"rungs when {when}"] = ", ".join(f"{n} {rung}" for rung, n in Counter(o.rung for o in good).items())


@pytest.mark.parametrize("log", ["store", "database"])
def test_a_host_that_starts_without_store_and_log_answers_from_its_disk_or_its_floor(
    tmp_path: Path, counting: Counting, log: str
) -> None:
    if log == "database" and not FULL:
        pytest.skip("the short form starts without the store alone: tests/integration/serving stops a database")
    away = "the store" if log == "store" else "the store and the log's database"
    with counting("F10", f"cold starts without {away}: ready from disk, or from the floor") as count:
        if log == "store":
            _start_often(Shop(tmp_path), count)
            return
        known = urllib.parse.urlsplit(new_database())
        there = threading.Event()
        there.set()
        folder = urllib.parse.parse_qs(known.query)["host"][0]
        wire = PostgresWire(f"{folder}/.s.PGSQL.5432", lambda: Break.NONE, there.is_set)

        def cut() -> None:
            there.clear()
            wire.cut()

        with listening(wire) as port:
            address = f"postgresql://postgres@127.0.0.1:{port}{known.path}?sslmode=disable&gssencmode=disable"
            shop = Shop(tmp_path, log=address)
            _start_often(shop, count, cut=cut)
            shop.store.close()


def _start_often(shop: Shop, count: Count, *, cut: Callable[[], None] = lambda: None) -> None:
    shop.ship("a")
    with served(shop, workers=1) as service:
        service.answers_from(2)
    shop.take_store_away()
    cut()
    for number in range(STARTS):
        _start(shop, "disk", number, count)
    host = shop.root / "host"
    for kind in ("copies", "shelves"):
        for path in (host / kind / "demo").iterdir():
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    kept = host.with_name("kept")
    shutil.copytree(host, kept, ignore=shutil.ignore_patterns("tails"))  # sockets of workers
    for number in range(FLOOR_STARTS):
        _start(shop, "floor", number, count)
        shutil.rmtree(host)
        shutil.copytree(kept, host)  # as if each were the first start on what is damaged
    count.notes |= {"from disk": STARTS, "from the floor": FLOOR_STARTS}


def _start(shop: Shop, rung: str, number: int, count: Count) -> None:
    with served(shop, workers=1) as service:
        (told,) = ask(service.process.base_url, shop.client, 1)
        if told.status != 200 or (told.rung, told.marks) != (rung, {"a"}):
            count.wrong(f"start {number}, {rung}: {told}")
        count.survived()
        service.process.kill()  # as a machine that loses its power: there is no time to put things in order
