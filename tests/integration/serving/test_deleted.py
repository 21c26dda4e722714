"""A tenant is deleted under a running service: its keys open nothing any more, and nobody else notices."""

import pytest
from tests.integration.serving.shops import Shop, served, until

from recsys.access import create_key, delete_tenant
from recsys.releases import Releases, create_tenant

pytestmark = pytest.mark.timeout(120)


@pytest.mark.long
def test_every_worker_refuses_a_deleted_tenant_and_serves_the_one_made_again(tmp_path):
    shop = Shop(tmp_path)
    generation = shop.ship("a")
    with served(shop) as service:
        service.answers_from(generation)
        delete_tenant(shop.store, "demo", actor="tests", reason="contract ended")
        statuses = until(lambda: _refused(service), "every worker refuses")
        assert statuses == {401}
        admin = service.admin("/v1/admin/tenants/demo/releases")
        assert admin.status == 401
        create_tenant(shop.store, "demo", actor="tests")
        again = Releases(shop.store, "demo", actor="tests").ship("home", shop.manifest("b")).release.generation
        shop.client = create_key(shop.store, "demo", "client", actor="tests").secret
        until(lambda: all(service.recommend().status == 200 for _ in range(8)), "the new key opens")
        answer = service.answers_from(again)
        assert answer.marks == {"b"}


def _refused(service):
    """Return the statuses of answers in a row, once none is an answer."""
    statuses = {service.recommend().status for _ in range(8)}
    return statuses if 200 not in statuses and 503 not in statuses else None
