"""What version 0.1.0 prepared and answered: it opens, and is answered from, to the same bytes.

``tests/stores/prepared.py`` says how the archive was made. That version knew popularity and co-occurrence, and ranked
by ``blend-1``, which showed nothing again that a list had started from. Where it started from a history, this one may.
"""

import tarfile
from pathlib import Path

import msgspec
import pytest
from tests.stores.prepared import Similar, Told

from recsys.encoding import canonical
from recsys.ranking import ALGO_VERSION, Answer, RecommendRequest, SimilarRequest
from recsys.snapshot import Snapshot, open_release, open_snapshot, recommend, similar
from recsys.snapshot.layout import FORMAT, Contents
from recsys.snapshot.sealed import read_sealed
from recsys.store import open_store

ARCHIVE = Path(__file__).parents[2] / "stores/prepared-1.tar.gz"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def answered(snapshot: Snapshot, told: Told) -> Answer:
    plain = {name: getattr(told.request, name) for name in told.request.__struct_fields__}
    if isinstance(told.request, Similar):
        return similar(snapshot, SimilarRequest(**plain), now=told.now)
    return recommend(snapshot, RecommendRequest(**plain), now=told.now)


def all_told(root: Path) -> list[Told]:
    """Return what was asked and answered then, where a list did not start from a history."""
    told = msgspec.json.decode((root / "answers.json").read_bytes(), type=list[Told])
    return [
        one
        for one in told
        if isinstance(one.request, Similar) or one.request.anchors.item_ids or not one.request.user.history
    ]


def prepared(root: Path) -> Path:
    return next(root.glob("host/snapshots/demo/*"))


def test_a_host_with_the_store_away_comes_up_on_what_the_older_version_prepared(before: Path) -> None:
    contents = msgspec.json.decode(read_sealed(prepared(before) / "snapshot.json"), type=Contents)
    assert (contents.format, FORMAT) == (1, 2)
    snapshot = open_snapshot(prepared(before), verify=True)
    for told in all_told(before):
        assert canonical(answered(snapshot, told)) == canonical(told.answer)


def test_a_release_of_popularity_and_cooc_prepared_anew_is_answered_to_the_same_bytes(before: Path) -> None:
    """``blend-2`` differs from ``blend-1`` in what is said in the module's first lines, and in nothing else here."""
    assert ALGO_VERSION == "blend-2"
    assert len(all_told(before)) > 80
    snapshot = open_release(open_store(before / "store"), "demo", root=before / "anew")
    for told in all_told(before):
        assert canonical(answered(snapshot, told)) == canonical(told.answer)


def test_preparing_over_what_the_older_version_left_compiles_anew_and_fetches_nothing(before: Path) -> None:
    old = set(before.glob("host/shelves/demo/*"))
    copies = {path: path.stat().st_ino for path in before.glob("host/copies/demo/*")}
    open_release(open_store(before / "store"), "demo", root=before / "host")
    assert len(set(before.glob("host/shelves/demo/*")) - old) == len(old)
    assert {path: path.stat().st_ino for path in copies} == copies
    contents = msgspec.json.decode(read_sealed(prepared(before) / "snapshot.json"), type=Contents)
    assert contents.format == FORMAT
