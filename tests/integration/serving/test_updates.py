"""Updates of items in a running service."""

from typing import Any

import msgspec
import pytest
from tests.integration.serving.shops import Served, Shop, served

from recsys.catalog import ItemUpdate, checked_update
from recsys.events import Exposure, read_spool
from recsys.ranking.request import RecommendRequest
from recsys.releases import collect_garbage
from recsys.serving.answering import answer_digest
from recsys.snapshot import open_release, recommend

pytestmark = pytest.mark.long

ITEMS = "/v1/admin/tenants/demo/items"


def patch(service: Served, *rows: dict[str, Any], **more: Any) -> int:
    answer = service.admin(ITEMS, {"items": rows, **more}, method="PATCH")
    assert answer.status == 200, answer.json
    return answer.json["generation"]


def shown(service: Served, **request: Any) -> list[str]:
    return [item["item_id"] for item in service.recommend(**request).json["items"]]


def test_answers_follow_an_update_and_its_undo(shop: Shop) -> None:
    with served(shop, confirm_s=30.0) as service:
        before = service.answers_from(2).json["items"]
        updated = patch(
            service,
            {"item_id": "a-000", "available": False},
            {"item_id": "a-007", "tags": ["sale"]},
            {"item_id": "a-009", "price": 500},
        )
        service.answers_from(updated)
        assert shown(service, k=5) == [f"a-{n:03d}" for n in range(1, 6)]
        assert shown(service, constraints={"required_tags": ["sale"]}) == ["a-007"]
        assert "a-007" not in shown(service, k=20, constraints={"required_tags": ["t"]})
        assert shown(service, constraints={"min_price": 400}) == ["a-009"]
        undone = service.admin("/v1/admin/tenants/demo/undo", {"generation": updated}, method="POST").json["generation"]
        assert service.answers_from(undone).json["items"] == before


def test_an_answer_from_under_an_overlay_is_computed_again_exactly(shop: Shop) -> None:
    with served(shop, confirm_s=30.0) as service:
        updated = patch(service, {"item_id": "a-001", "available": False}, {"item_id": "a-002", "tags": ["sale"]})
        service.answers_from(updated)
        service.recommend(k=7, constraints={"forbidden_tags": ["sale"]})
        service.answers_from(patch(service, clear=True))
    collect_garbage(shop.store, "demo", actor="tests", grace_s=0.0)
    spool = read_spool(shop.root / "host" / "spool", Exposure, tenant="demo")
    exposures = [one for one in spool if one.context["generation"] == str(updated)]
    assert exposures[-1].items[0].item_id == "a-000"
    snapshot = open_release(shop.store, "demo", generation=updated, root=shop.root / "replay")
    for exposure in exposures:
        assert exposure.decision is not None
        request = msgspec.convert(exposure.decision.request, RecommendRequest)
        again = recommend(snapshot, request, now=exposure.decision.now)
        assert answer_digest(again.items) == exposure.decision.answer
        assert "a-001" not in [item.item_id for item in again.items]


def test_what_is_sold_out_stays_out_when_the_store_is_away_and_from_the_floor(shop: Shop) -> None:
    shop.releases.update_items(checked_update([ItemUpdate(item_id="a-000", available=False)]))
    with served(shop, confirm_s=30.0) as service:
        service.answers_from(3)
    shop.take_store_away()
    with served(shop) as service:
        assert "a-000" not in shown(service, k=20)
    for files in ("snapshots", "shelves"):
        for path in (shop.root / "host").rglob(files):
            path.rename(path.with_name(f"{files}-away"))
    with served(shop) as service:
        answer = service.recommend(k=20)
        assert answer.rung == "floor"
        assert "a-000" not in [item["item_id"] for item in answer.json["items"]]
