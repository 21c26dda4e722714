"""F20: whatever is sent to the two ports, the answer is one that the OpenAPI has."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL, seed_of
from tests.faults.raw_http import answer_to, malformed, oversized, slow
from tests.integration.serving.shops import Shop, served

BODY = b'{"surface":"home","k":5,"user":{"user_id":"u1"},"constraints":{"required_tags":["t"]}}'
MOST = 1 << 20


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.ship("a")
    with served(shop, workers=1) as running:
        running.answers_from(2)
        yield running


@pytest.mark.long
@pytest.mark.parametrize("port", ["product", "operators"])
def test_every_answer_is_one_that_the_openapi_has(service, counting: Counting, port: str) -> None:
    from tests.faults.conforming import ask

    url = service.process.base_url if port == "product" else service.process.admin_url
    with counting(
        "F20", f"requests to the port for {port} that its OpenAPI allows or forbids; every answer is in it"
    ) as count:
        tally = ask(
            url,
            service.shop.operator,
            examples=100 if FULL else 5,
            seed=seed_of("F20"),
            whole=FULL,
            accepts=port == "product",
        )
        count.survived(tally.cases)
        count.notes |= {f"{status // 100}xx": 0 for status in tally.statuses}
        for status, times in tally.statuses.items():
            count.notes[f"{status // 100}xx"] += times
        for wrong in tally.wrong:
            count.wrong(wrong)
        assert tally.statuses[200] > 5


def test_bodies_too_large_too_deep_or_broken_are_refused_and_never_fail(service, counting: Counting) -> None:
    with counting(
        "F20", "oversized, deep and malformed requests by raw sockets; no server error, and it answers on"
    ) as count:
        key, url = service.shop.client, service.process.base_url
        times = 2_000 if FULL else 60
        for path in ("/v1/recommend", "/v1/events"):
            raws = [*oversized(path, key, MOST), *malformed(path, key, BODY, count.seed, times)]
            for raw in raws:
                status = answer_to(url, raw, timeout_s=15)
                count.survived()
                if status not in raw.answers:
                    count.wrong(f"{path}, {raw.what}: {status}")
        assert service.recommend().status == 200


@pytest.mark.long
def test_clients_that_send_slowly_hold_nobody_up_and_are_let_go(service, counting: Counting) -> None:
    with counting("F20", "clients that drip, or send no body at all; others are answered meanwhile") as count:
        key, url = service.shop.client, service.process.base_url
        # fewer at once than a worker takes: above that, 503 is the right answer (F9b)
        raws = [raw for _ in range(100 if FULL else 8) for raw in slow("/v1/recommend", key, BODY)]
        with ThreadPoolExecutor(len(raws)) as pool:
            asked = [(raw, pool.submit(answer_to, url, raw)) for raw in raws]
            while not all(answer.done() for _, answer in asked):
                assert service.recommend().status == 200
        for raw, answer in asked:
            count.survived()
            if answer.result() not in raw.answers:
                count.wrong(f"{raw.what}: {answer.result()}")
