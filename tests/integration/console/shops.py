"""What the console shows in tests: a shop with a past, its service, and small tenants beside it to break."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.serving.shops import Answer, Served, Shop, call, served, until

from recsys.access import Role, create_key
from recsys.encoding import canonical, rfc3339
from recsys.lab import shop as lab
from recsys.operations.thresholds import THRESHOLDS

__all__ = ["Console", "Guest", "console"]

_ANSWERS = 30
"""Too few to judge by: how busy the machine of the tests is must not become a reason of its own."""

_ENOUGH = THRESHOLDS.min_answers + 10


class Guest:
    """A tenant of the console's store, with a key of every role. ``home`` serves items of the mark ``a``.

    What a test breaks in it, no other test meets.
    """

    def __init__(self, running: Served, shop: Shop) -> None:
        self.shop, self.tenant, self.releases = shop, shop.tenant, shop.releases
        self._served = Served(shop, running.process)
        self.keys: dict[Role, str] = {"client": shop.client, "operator": shop.operator}
        self.keys |= _keys(shop, "viewer", "admin")
        _known(running, self.keys["admin"])

    def recommend(self, count: int = 1, **body: object) -> list[Answer]:
        """Ask as its client, and return what is answered."""
        return [self._served.recommend(**body) for _ in range(count)]

    def served_from(self, generation: int) -> None:
        """Wait until a generation is what is served."""
        _wait(self._served, generation)

    def block_everything(self) -> int:
        """Ship the rule of the oldest incident there is, wait until it is served, and return its generation."""
        item_ids = [f"a-{number:03d}" for number in range(30)]
        rule = {"id": "recall", "action": "block", "target_type": "item", "item_ids": item_ids}
        generation = self.releases.put_rules(canonical([rule]), reason="product recall").release.generation
        self.served_from(generation)
        return generation


class Console:
    """The tenant ``demo`` of :func:`recsys.lab.shop.make_shop`, served, with a key of every role.

    Its generations: 1 made; 2 and 3 shipped by pipeline runs; 4 a rule. It has answered, and its users clicked. Tests
    look at it; what they want to change they change in a :meth:`guest`.
    """

    def __init__(self, past: lab.Shop, running: Served, keys: dict[Role, str]) -> None:
        self.past, self.served, self.keys, self.tenant = past, running, keys, lab.TENANT
        self._names = (f"guest-{number}" for number in itertools.count(1))

    @property
    def url(self) -> str:
        """Return where the operators' port is."""
        return self.served.process.admin_url

    def broken_guest(self) -> Guest:
        """Make a tenant whose answers are empty since a rule of generation 3, with enough of them to judge by."""
        guest = self.guest()
        guest.recommend(_ENOUGH)
        guest.block_everything()
        guest.recommend(_ENOUGH)
        return guest

    def guest(self, *, mark: str = "a") -> Guest:
        """Make another tenant, for one test."""
        shop = Shop(self.past.folder, store=str(self.past.store_path), tenant=next(self._names))
        guest = Guest(self.served, shop)
        guest.served_from(shop.ship(mark))
        return guest


@contextmanager
def console(folder: Path) -> Iterator[Console]:
    """Make the shop and run its service for a while."""
    lab.make_shop(folder)
    past = lab.Shop(folder)
    past.build(days=21, reason="three weeks are enough", force=True)
    past.put_rules(
        [{"id": "garden", "action": "boost", "target_type": "tag", "target_key": "garden", "boost_value": 0.2}],
        reason="spring",
    )
    shop = Shop(folder, store=str(past.store_path))
    with served(shop, host_dir=str(past.host_path), access_poll_s=0.05, workers=1) as running:
        keys: dict[Role, str] = {"client": shop.client, "operator": shop.operator, **_keys(shop, "viewer", "admin")}
        _known(running, keys["admin"])
        _wait(running, past.tenant.releases.current().generation)
        _visit(running)
        yield Console(past, running, keys)


def _keys(shop: Shop, *roles: Role) -> dict[Role, str]:
    return {role: create_key(shop.store, shop.tenant, role, actor="tests").secret for role in roles}


def _known(running: Served, key: str) -> None:
    """Wait until the service has read that a key was made."""
    url = running.process.admin_url + "/v1/admin/tenants"
    until(lambda: call(url, x_api_key=key).status == 200, "a new key to be known")


def _wait(running: Served, generation: int) -> None:
    """Wait until a generation is served, by asking as nobody's page does: such answers count for nothing."""

    def there() -> bool:
        answers = [running.recommend(traffic="internal") for _ in range(4)]
        return all(one.status == 200 and (one.generation, one.rung) == (generation, "live") for one in answers)

    until(there, f"generation {generation} to be served")


def _visit(running: Served) -> None:
    """Ask as users do, and click on the first item of each answer."""
    for number in range(_ANSWERS):
        user = f"u{number % 7}"
        answer = running.recommend(user={"user_id": user})
        click = {
            "request_id": answer.json["meta"]["request_id"],
            "user_id": user,
            "item_id": answer.json["items"][0]["item_id"],
            "event_type": "click",
            "event_id": f"click-{number}",
            "ts": rfc3339(time.time()),
        }
        told = running.post("/v1/events", click)
        assert told.status in (200, 202), told.body
