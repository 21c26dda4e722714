"""The library: what a notebook and another program do with the suite."""

import os
from pathlib import Path

import pytest
from tests.unit.snapshot.shops import Shop

import recsys
from recsys.encoding import Invalid
from recsys.errors import NotFound
from recsys.library import Suite, Tenant
from recsys.ranking import RecommendRequest


@pytest.fixture
def shop(tmp_path: Path) -> Tenant:
    made = Shop()
    suite = Suite(made.store, actor="tests", cache=tmp_path / "cache")
    suite.create_tenant("demo", reason="test")
    tenant = suite.tenant("demo")
    tenant.releases.ship("home", made.manifest(), reason="test")
    return tenant


def test_recommendations_come_with_titles_and_the_generation_they_are_of(shop: Tenant) -> None:
    answer = shop.recommend("home", k=3)
    assert [(item.rank, item.title) for item in answer.items] == [(1, "Thing 17"), (2, "Thing 16"), (3, "Thing 15")]
    assert answer.generation == 2


def test_what_the_user_dealt_with_moves_the_list(shop: Tenant) -> None:
    assert shop.recommend("home", history=["i01"], k=3) != shop.recommend("home", k=3)


def test_a_user_is_named_as_the_first_example_does(shop: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'shop.recommend("home", user_id="u1", k=10)' in (recsys.__doc__ or "")
    assert shop.recommend("home", user_id="u1", k=10, at=2) == shop.recommend("home", k=10)
    asked: list[RecommendRequest] = []
    answer = Tenant.answer
    monkeypatch.setattr(
        Tenant, "answer", lambda self, request, **more: asked.append(request) or answer(self, request, **more)
    )
    shop.recommend("home", user_id="u1", history=["i01"], user={"session_id": "s"})
    user = asked[0].user
    assert (user.user_id, user.session_id, [event.item_id for event in user.history]) == ("u1", "s", ["i01"])


def test_neighbours_are_asked_by_item(shop: Tenant) -> None:
    assert [item.item_id for item in shop.similar("i01", surface="home", k=2).items] == ["i02", "i03"]


def test_an_older_generation_answers_as_it_did(shop: Tenant) -> None:
    before = shop.recommend("home", k=3)
    shop.releases.put_rules(b'[{"id":"b","action":"block","target_type":"item","item_ids":["i17"]}]', reason="test")
    assert "i17" not in [item.item_id for item in shop.recommend("home", k=3).items]
    assert shop.recommend("home", k=3, at=2) == before


def test_a_rollback_is_one_call_and_prints_its_undo(shop: Tenant) -> None:
    shop.releases.put_config(b'{"limits":{"max_k":2}}', reason="test")
    change = shop.rollback(lever="config", reason="too short")
    assert shop.releases.current().config == shop.releases.read(2).config
    assert change.undo == "recsys releases undo 4 --tenant demo"


def test_many_requests_are_ranked_from_one_release(shop: Tenant) -> None:
    requests = [(f"r{number}", RecommendRequest(surface="home", k=number)) for number in (1, 2, 3)]
    assert [(name, len(answer.items)) for name, answer in shop.rank_all(requests)] == [("r1", 1), ("r2", 2), ("r3", 3)]


def test_a_misspelt_field_of_a_request_is_refused_with_the_nearest_name(shop: Tenant) -> None:
    with pytest.raises(Invalid, match="did you mean `constraints`"):
        shop.recommend("home", constraint={"required_tags": ["red"]})


def test_an_unknown_tenant_says_how_to_make_it(shop: Tenant, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="recsys tenants create nobody"):
        Suite(shop.store, actor="tests", cache=tmp_path).tenant("nobody")


def test_a_store_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        recsys.open(tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_an_answer_is_a_frame_where_pandas_is(shop: Tenant) -> None:
    frame = shop.recommend("home", k=3).to_frame()
    assert list(frame["title"]) == ["Thing 17", "Thing 16", "Thing 15"]


def test_an_answer_shows_itself_in_a_notebook_and_escapes_what_it_shows(shop: Tenant) -> None:
    assert "<td>Thing 17</td>" in shop.recommend("home", k=1)._repr_html_()


def test_a_suite_is_a_context_manager(tmp_path: Path) -> None:
    with recsys.open(tmp_path / "store", create=True) as suite:
        assert suite.tenants() == []


def test_an_id_that_nothing_served_knows_is_told(shop: Tenant) -> None:
    assert shop.unknown_items(["i01", "nosuch"]) == ["nosuch"]


def test_a_user_whom_the_system_has_no_name_for_is_named_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.delenv("RECSYS_ACTOR", raising=False)
    monkeypatch.setattr("getpass.getuser", nobody)
    made = recsys.open(tmp_path / "store", create=True).create_tenant("demo")
    assert made.release.actor.startswith(f"uid-{os.getuid()}@")
