"""A release of all signals: prepared, kept, and answered from by each of them."""

from pathlib import Path

import pytest
from tests.unit.signals import artifacts
from tests.unit.snapshot.shops import NOW, Shop

from recsys.encoding import digest
from recsys.ranking import Answer, RecommendRequest, SimilarRequest
from recsys.ranking.request import Anchors, HistoryEvent, Options, User
from recsys.signals import COSINES, NEIGHBOURS, SIGNALS
from recsys.snapshot import (
    Snapshot,
    SnapshotRejected,
    collect,
    open_floor,
    open_snapshot,
    prepare,
    recommend,
    similar,
    write_floor,
)

NEAR = {
    "implicit": {"i01": {"i10": 0.9, "i11": 0.2}, "i02": {"i11": 0.4}},
    "content_sim": {"i01": {"i12": 0.8}, "i16": {"i12": 0.5}},
    "session_seq": {"i01": {"i13": 0.6}, "i02": {"i14": 0.6}, "unsold": {"i13": 0.5}},
}


def artifact(signal: str) -> bytes:
    pairs = {(a, b): weight for a, row in NEAR[signal].items() for b, weight in row.items()}
    return SIGNALS[signal].finish(artifacts.neighbours(pairs), artifacts.HEADING)


def prepared(shop: Shop, root: Path, **release: object) -> Path:
    manifest = shop.manifest(more={signal: (shop.ref(artifact(signal)),) for signal in COSINES})
    return prepare(shop.release(manifests={"home": manifest}, **release), blobs=shop.store.blobs, root=root)


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return open_snapshot(prepared(Shop(), tmp_path), verify=True)


def asked(snapshot: Snapshot, **request: object) -> Answer:
    return recommend(snapshot, RecommendRequest(surface="home", **request), now=NOW)  # type: ignore[arg-type]


def first(answer: Answer) -> str:
    return answer.items[0].item_id


@pytest.mark.parametrize(
    ("signal", "best"), {"cooc": "i02", "implicit": "i10", "content_sim": "i12", "session_seq": "i13"}.items()
)
def test_each_signal_ranks_by_its_own_artifact(snapshot: Snapshot, signal: str, best: str) -> None:
    answer = asked(snapshot, algorithm=signal, anchors=Anchors(item_ids=("i01",)), options=Options(explain="summary"))
    assert first(answer) == best
    assert answer.items[0].explain is not None
    assert answer.items[0].explain.signals == {signal: answer.items[0].score}


def test_the_blend_counts_every_signal_the_release_has(snapshot: Snapshot) -> None:
    answer = asked(snapshot, anchors=Anchors(item_ids=("i01",)), options=Options(explain="full", include_trace=True))
    assert answer.trace is not None
    assert set(answer.trace[2]["weights"]) == {"popularity", *NEIGHBOURS}
    assert {"i02", "i10", "i12", "i13"} <= {item.item_id for item in answer.items}
    assert [warning.code for warning in answer.warnings] == []


def test_the_newest_of_the_history_leads_to_what_comes_next(snapshot: Snapshot) -> None:
    user = User(history=tuple(HistoryEvent(item_id=name) for name in ("i02", "i01")))
    assert first(asked(snapshot, user=user, algorithm="session_seq")) == "i14"


def test_a_cold_item_has_similar_ones(snapshot: Snapshot) -> None:
    assert first(similar(snapshot, SimilarRequest(item_id="i16", surface="home"), now=NOW)) == "i12"


def test_collecting_keeps_the_neighbours_of_every_signal(tmp_path: Path) -> None:
    path = prepared(Shop(), tmp_path)
    collect(tmp_path, keep=[path], grace_s=-1)
    snapshot = open_snapshot(path, verify=True)
    assert first(asked(snapshot, algorithm="implicit", anchors=Anchors(item_ids=("i01",)))) == "i10"


@pytest.mark.parametrize("signal", COSINES)
def test_damaged_neighbours_are_not_opened(tmp_path: Path, signal: str) -> None:
    path = prepared(Shop(), tmp_path)
    copy = tmp_path / "copies/demo" / digest(artifact(signal)).removeprefix("sha256:")
    data = bytearray(copy.read_bytes())
    data[-1] ^= 1
    copy.write_bytes(data)
    with pytest.raises(SnapshotRejected, match="does not hash"):
        open_snapshot(path, verify=True)


def test_what_was_seen_is_left_out_on_the_floor_too(tmp_path: Path) -> None:
    config = {"exclude_seen": {"events": ["purchase"]}}
    snapshot = open_snapshot(prepared(Shop(), tmp_path, config=config, withdrawn=["i16"]))
    write_floor(snapshot, tmp_path / "floor.json")
    request = RecommendRequest(
        surface="home",
        anchors=Anchors(item_ids=("i01",)),
        user=User(history=(HistoryEvent(item_id="i17", event_type="purchase"),)),
    )
    for answer in (
        recommend(snapshot, request, now=NOW),
        open_floor(tmp_path / "floor.json").answer(request, now=NOW),
    ):
        assert not {"i16", "i17", "i01", "i07"} & {item.item_id for item in answer.items}
    assert first(open_floor(tmp_path / "floor.json").answer(request, now=NOW)) == "i15"
