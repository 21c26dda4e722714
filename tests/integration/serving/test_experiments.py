"""What a running service drew, compared or interleaved is computed again from what it wrote down, all of it."""

import threading

import pytest
from tests.integration.serving.shops import served

from recsys.encoding import canonical
from recsys.events import Assignment, Exposure, read_spool
from recsys.serving.answering import answer_digest
from recsys.snapshot import open_release, replay

ANSWERS = 200
EXPLORE = {"policy": "plackett_luce", "temperature": 5.0, "slots": 3}
UNSEEN = {"exclude_seen": {"events": ["view"]}}
CONFIGS = {
    "explored": {"exploration": EXPLORE},
    "ab": {
        "experiments": {
            "e1": {
                "type": "ab",
                "variants": {"plain": {"share": 0.5}, "drawn": {"share": 0.5, "exploration": EXPLORE, **UNSEEN}},
            }
        }
    },
    "interleaved": {
        "experiments": {
            "e1": {"type": "interleave", "variants": {"unseen": UNSEEN, "popular": {"algorithm": "popularity"}}}
        }
    },
}


@pytest.mark.long
@pytest.mark.parametrize("kind", CONFIGS)
def test_every_answer_of_a_running_service_is_computed_again_from_its_record(shop, kind):
    generation = shop.releases.put_config(canonical(CONFIGS[kind])).release.generation
    told: dict[str, tuple[list[str], str | None]] = {}
    with served(shop, confirm_s=30.0) as service:
        service.answers_from(generation)

        def ask(first: int) -> None:
            for number in range(first, ANSWERS, 4):
                user = {"anonymous_id": f"browser-{number % 50}", "history": [{"item_id": f"a-{number % 7:03d}"}]}
                answer = service.recommend(user=user, k=10).json
                ids = [item["item_id"] for item in answer["items"]]
                told[answer["meta"]["request_id"]] = ids, answer["meta"].get("variant")

        askers = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    assert len(told) == ANSWERS
    spool = shop.root / "host" / "spool"
    exposures = {one.request_id: one for one in read_spool(spool, Exposure, tenant="demo")}
    assigned = {one.request_id: one for one in read_spool(spool, Assignment, tenant="demo")}
    snapshot = open_release(shop.store, "demo", generation=generation, root=shop.root / "replay")
    for request_id, (ids, variant) in told.items():
        exposure = exposures[request_id]
        again = replay(snapshot, exposure.decision)
        assert [item.item_id for item in again.items] == ids
        assert answer_digest(again.items) == exposure.decision.answer
        shown = [item.propensity for item in exposure.items]
        assert shown == list(again.propensities or [None] * len(ids))
        assert exposure.decision.teams == (again.teams or ())
        assert exposure.context.get("experiment_variant") == variant
        found = assigned.get(request_id)
        assert (None if found is None else found.variant) == variant
    assert {variant for _, variant in told.values()} == {
        "explored": {None},
        "ab": {"plain", "drawn"},
        "interleaved": {"interleaved"},
    }[kind]
