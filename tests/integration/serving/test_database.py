"""A service that follows a log in PostgreSQL, with blobs in a directory: it hears of releases, and outlives the
database.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.servers import DatabaseServer, new_database
from tests.integration.serving.shops import Shop, served


@pytest.fixture
def database() -> Iterator[DatabaseServer]:
    server = DatabaseServer()
    yield server
    server.end()


@pytest.mark.long
def test_a_release_is_served_because_the_database_said_so_and_not_because_it_was_asked(tmp_path: Path) -> None:
    shop = Shop(tmp_path, log=new_database())
    shop.ship("a")
    # The one look at heads that a minute allows is taken at the start: what comes later was heard of.
    with served(shop, workers=1, head_requests_per_s=1 / 60, confirm_s=60.0) as service:
        service.answers_from(2)
        shop.ship("b")
        assert service.answers_from(3).marks == {"b"}
        shop.releases.rollback("artifacts", surface="home", reason="b is wrong")
        assert service.answers_from(4).marks == {"a"}
    shop.store.close()


@pytest.mark.long
def test_with_the_database_stopped_answers_go_on_and_say_so_and_it_is_followed_again(
    tmp_path: Path, database: DatabaseServer
) -> None:
    shop = Shop(tmp_path, log=database.address)
    shop.ship("a")
    with served(shop, workers=1, confirm_s=3.0) as service:
        service.answers_from(2)
        database.stop()
        answer = service.answers_from(2, "last_good")
        assert "FALLBACK_LAST_GOOD" in answer.warnings
        assert answer.marks == {"a"}
        health = service.admin("/health/detailed").json
        assert health["state"] == "degraded"
        assert "postgresql://" in {check["name"]: check["reason"] for check in health["checks"]}["store"]
        database.start()
        assert service.answers_from(2).warnings == set()
        shop.ship("b")
        assert service.answers_from(3).marks == {"b"}
    shop.store.close()
