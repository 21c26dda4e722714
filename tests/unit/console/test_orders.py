"""What becomes of orders, asked in this process: done once, nothing to do, or known to be unknown."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.console.doors import ORIGIN, Door
from tests.unit.releases.shop import publish

from recsys.encoding import canonical
from recsys.errors import OutcomeUnknown
from recsys.releases import Releases


def post(door: Door, path: str, **form: str) -> Any:
    sent = {"form_token": door.token(), "reason": "because", "key": "k1", **form}
    return door.client.post(f"/console/t/demo/{path}", data=sent, headers={"Origin": ORIGIN})


def get(door: Door, path: str) -> Any:
    return door.client.get(f"/console/t/demo/{path}")


@pytest.fixture
def signed_in(door: Door) -> Door:
    door.sign_in("operator")
    return door


def manifest(door: Door, likes: int) -> str:
    return publish(door.releases.store, likes=likes)


def ship(door: Door, likes: int) -> None:
    door.releases.ship("home", manifest(door, likes), reason=f"likes {likes}")


@pytest.mark.parametrize("lever", ["config", "rules", "all"])
def test_every_lever_is_shown_for_every_surface(signed_in: Door, lever: str) -> None:
    door = signed_in
    door.releases.put_rules(canonical([{"id": "r", "action": "block", "item_ids": ["a"]}]))
    page = get(door, f"rollback?lever={lever}&surface=")
    assert page.status_code == 200
    assert "would bring back" in page.text


def test_what_is_so_already_is_not_told_as_done_nor_its_undo_offered(signed_in: Door) -> None:
    door = signed_in
    assert post(door, "holds", do="hold", artifacts="on").status_code == 303
    again = post(door, "holds", do="hold", artifacts="on", key="k2")
    assert again.status_code == 409
    assert "nothing was changed" in again.text
    assert "It is committed" not in again.text
    gone = post(door, "holds", do="resume", config="on", key="k3")
    assert "nothing was changed" in gone.text


def test_a_hold_of_nothing_holds_nothing(signed_in: Door) -> None:
    answer = post(signed_in, "holds", do="hold")
    assert (answer.status_code, signed_in.releases.current().holds) == (422, ())
    assert "choose what may not change" in answer.text


def test_a_resume_that_fails_does_not_fill_in_the_hold(signed_in: Door) -> None:
    door = signed_in
    post(door, "holds", do="hold", artifacts="on", surface="home", reason="count")
    page = post(door, "holds", do="resume", config="on", surface="home", reason="it is over", key="k2").text
    hold = page.split("<h2>Hold</h2>")[1]
    assert "it is over" not in hold
    assert re.search(r'name="config"[^>]* checked', hold) is None
    assert 'value="it is over"' in page


def test_a_surface_that_is_not_served_yet_stays_chosen(signed_in: Door) -> None:
    assert "<option selected>pdp</option>" in get(signed_in, "holds?surface=pdp").text


def test_a_share_is_given_to_the_candidate_that_was_looked_at_or_to_none(signed_in: Door) -> None:
    door = signed_in
    ship(door, 1)
    first, second = manifest(door, 2), manifest(door, 3)
    name = f"home-{door.releases.candidates.start('home', share=0.1, manifest=first).release.generation}"
    door.releases.candidates.abort("home")
    door.releases.candidates.start("home", share=0.2, manifest=second)
    answer = post(door, "candidates", do="share", surface="home", name=name, percent="50")
    assert answer.status_code == 409
    assert "does not run on home any more" in answer.text
    assert door.releases.candidates.running()[0].candidate.share == 0.2


def test_a_number_that_is_none_is_said(signed_in: Door) -> None:
    answer = post(signed_in, "rollback", lever="config", typed="demo", to="9" * 5_000)
    assert answer.status_code == 422


def test_what_is_not_known_to_be_done_is_offered_again_as_the_same_attempt(
    signed_in: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, real = signed_in, Releases.hold

    def lost(self: Releases, **asked: Any) -> Any:
        real(self, **asked)
        raise OutcomeUnknown("the store did not say whether it was written", attempt="x")

    monkeypatch.setattr(Releases, "hold", lost)
    page = post(door, "holds", do="hold", artifacts="on")
    assert page.status_code == 504
    assert "It is not known whether this was done" in page.text
    kept = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text.split("<h1>")[1]))
    monkeypatch.setattr(Releases, "hold", real)
    done = door.client.post("/console/t/demo/holds", data=kept, headers={"Origin": ORIGIN})
    assert done.headers["location"] == "/console/t/demo/releases/3?pulled=true"
    assert door.releases.current().generation == 3


def test_a_rollback_says_that_the_store_went_away_and_keeps_the_order(signed_in: Door, tmp_path: Path) -> None:
    door = signed_in
    token = door.token()
    (tmp_path / "store").rename(tmp_path / "away")
    form = {"form_token": token, "reason": "because", "key": "k1", "lever": "config", "typed": "demo", "to": "1"}
    page = door.client.post("/console/t/demo/rollback", data=form, headers={"Origin": ORIGIN})
    assert page.status_code >= 500
    assert "This was not done" in page.text
    (tmp_path / "away").rename(tmp_path / "store")
    kept = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text.split("<h1>")[1]))
    done = door.client.post("/console/t/demo/rollback", data=kept, headers={"Origin": ORIGIN})
    assert done.headers["location"].startswith("/console/t/demo/releases/3?pulled=true")


def test_a_hold_that_stood_already_is_not_told_as_made_by_the_rollback(signed_in: Door) -> None:
    door = signed_in
    door.releases.hold(surface="home", levers=["artifacts"], reason="count")
    generation = door.releases.rollback("config", reason="back").release.generation
    assert "What was rolled back is held" not in get(door, f"releases/{generation}?pulled=true").text


def test_a_viewer_is_told_which_parts_changed_and_an_operator_the_values(door: Door) -> None:
    door.sign_in("viewer")
    for path in ("releases/2", "compare?a=1&b=2"):
        page = get(door, path).text
        assert "config changed" in page
        assert "max_k" not in page
    door.sign_in("operator")
    for path in ("releases/2", "compare?a=1&b=2"):
        assert "limits.max_k: none → 7" in get(door, path).text


def test_progress_goes_on_when_the_store_does_not_answer_once(signed_in: Door, tmp_path: Path) -> None:
    door = signed_in
    get(door, "releases/2/served")
    (tmp_path / "store").rename(tmp_path / "away")
    part = get(door, "releases/2/served?looks=40")
    assert part.status_code == 200
    assert "Not known now" in part.text
    assert "looks=41" in part.text
    assert 'hx-trigger="every 5s"' in part.text


def test_no_proof_is_made_up_where_nothing_was_looked_at(signed_in: Door) -> None:
    door = signed_in
    ship(door, 1)
    ship(door, 2)
    generation = door.releases.rollback("artifacts", surface="home", reason="odd").release.generation
    for symptom in ("latency", "regressed", "eval-wrong"):
        part = get(door, f"releases/{generation}/proof?symptom={symptom}&surface=home").text
        assert "Nothing can be looked at yet" in part, symptom
        assert "Verified" not in part
    assert get(door, f"releases/{generation}/proof?surface=nowhere").status_code == 404
