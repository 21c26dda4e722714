"""F22: what a real service answered, over releases that changed in every way, is computed again from store and records
alone.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.recorded import ERASED, STAGES, Answered, Changing, people_ask, withdrawn_binds
from tests.integration.serving.shops import served

from recsys.access import load_directory
from recsys.events import Exposure, read_spool
from recsys.operations.replaying import Replayed, Replays
from recsys.operations.why import explained
from recsys.operations.why import why as explain
from recsys.serving.answering import answer_digest

ANSWERS = 10_000 if FULL else 360
_MORE_STAGES = 1 + FULL
"""A release that no host can serve; and in the full form a start without the store."""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_every_answer_is_the_same_again_from_store_and_records_alone(tmp_path: Path, counting: Counting) -> None:
    what = "answers of a real service replayed from store and records alone: the same to the last bit"
    with counting("F22", what) as count:
        shop = Changing(tmp_path, seed=count.seed)
        told: dict[str, Answered] = {}
        for answers, odd in _served(shop, seed=count.seed):
            told |= answers
            for problem in odd:
                count.wrong(problem)
        spool = shop.root / "host" / "spool"
        records = {one.request_id: one for one in read_spool(spool, Exposure, tenant="demo")}
        spool.rename(shop.root / "records")
        shutil.rmtree(shop.root / "host")
        replays = Replays(shop.store, "demo", cache=tmp_path / "replays")
        seen: Counter[Any] = Counter()
        for number, (request_id, answered) in enumerate(told.items()):
            record = records.get(request_id)
            if record is None:
                count.wrong(f"{request_id} is not recorded")
                continue
            found = replays.of(record)
            problem = _wrong(found, record, answered, explained_too=number % 10 == 0)
            if problem:
                count.wrong(f"{request_id} of generation {record.context['generation']}: {problem}")
            count.survived()
            seen.update(_kinds_of(found, record, answered))
        _nobody_erased_is_shown(shop, records, tmp_path)
        count.notes["releases"] = len({one.context["generation"] for one in records.values()})
        count.notes |= {kind: seen[kind] for kind in sorted(seen)}
        assert not _WANTED - set(seen), f"nobody asked for {_WANTED - set(seen)}"
        assert count.count >= ANSWERS


_WANTED = {
    "recommend", "similar", "from request", "from tail", "from profile", "drawn", "asked by the erased",
    "bound by a later release",
    "arm control", "arm candidate", "arm plain", "arm drawn", "arm interleaved",
    "rung live", "rung last_good", "segment", "unknown surface", *["rung disk"] * FULL,
}  # fmt: skip


def _served(shop: Changing, *, seed: int) -> Iterator[tuple[dict[str, Answered], list[str]]]:
    """Serve every stage, and yield what people were told in each."""
    each = -(-ANSWERS // (len(STAGES) + _MORE_STAGES))
    with served(shop, confirm_s=30.0) as service:  # a busy machine is not a lost store
        for name, change in STAGES:
            change(shop)
            service.answers_from(shop.releases.current().generation)
            yield people_ask(service, each, seed=f"{seed} {name}")
        shop.damaged()
        withdrawn_binds(service, "i06")
        yield people_ask(service, each, seed=f"{seed} damaged")
        good = shop.releases.current().generation - 2
        shop.releases.rollback("artifacts", surface="home", to=good, reason="what can be served")
        last = shop.releases.current().generation
        service.answers_from(last)
    if FULL:
        yield _served_from_disk(shop, last, each, seed=f"{seed} disk")


def _served_from_disk(shop: Changing, last: int, times: int, *, seed: str) -> tuple[dict[str, Answered], list[str]]:
    """Serve once more, from a start without the store."""
    shop.take_store_away()
    try:
        with served(shop) as service:
            service.answers_from(last, "disk")
            return people_ask(service, times, seed=seed)
    finally:
        shop.bring_store_back()


def _wrong(found: Replayed, record: Exposure, answered: Answered, *, explained_too: bool) -> str:
    """Say what of a replay is not the same; nothing where all is."""
    decision = record.decision
    if found.computed is None or found.result != "exact" or decision is None:
        return f"{found.result}: {found.because}"
    answer = found.computed.answer
    if [(item.item_id, item.score) for item in answer.items] != answered.items:
        return "somebody was told other items or scores than were recorded"
    if decision.request.get("options", {}).get("seed") is None:
        shown = [item.propensity for item in record.items]
        if shown != list(answer.propensities or [None] * len(shown)):
            return "other propensities than were recorded"
    if explained_too and answer_digest(explained(found.computed.snapshot, decision).items) != decision.answer:
        return "its explanation changes the answer"
    return ""


def _kinds_of(found: Replayed, record: Exposure, answered: Answered) -> Iterator[str]:
    decision = record.decision
    assert decision is not None
    yield str(decision.kind)
    yield f"rung {decision.rung}"
    yield from (f"from {source}" for source in decision.history_from)
    if decision.arm is not None:
        yield f"arm {decision.arm}"
    if decision.seed is not None:
        yield "drawn"
    if decision.request.get("segment"):
        yield "segment"
    if decision.request["surface"] == "attic":
        yield "unknown surface"
    if answered.by_erased and "user" not in decision.request:
        yield "asked by the erased"
    if found.computed is not None and found.computed.bound_by is not None:
        yield "bound by a later release"


def _nobody_erased_is_shown(shop: Changing, records: dict[str, Exposure], folder: Path) -> None:
    """Ask why of an answer that each erased user had before: it shows neither history nor them."""
    pseudonyms = load_directory(shop.store).tenant("demo").pseudonyms
    gone = {pseudonyms.of(raw_id) for raw_id in ERASED}
    theirs = {record.user_id: request_id for request_id, record in records.items() if record.user_id in gone}
    assert theirs, "no erased user has asked before"
    for request_id in theirs.values():
        found = explain(shop.store, "demo", request_id, cache=folder / "why", kept=shop.root / "records")
        assert (found.result, found.request, found.user_id) == ("unreplayable", None, None)
