"""With the store away every page that needs it says so, with what still works; and so after a start without it."""

from pathlib import Path

import pytest
from litestar.testing import TestClient
from tests.unit.console.test_door import ORIGIN, Door

from recsys.console import PAGES
from recsys.operations.admin import ROUTES
from recsys.serving.admin import admin_app

_NEED_IT = ("releases", "releases/2", "rollback?lever=config", "rollback", "undo/2", "holds", "candidates", "compare")


def _check(status: int, text: str) -> None:
    assert status == 503
    assert "The store is away, and this needs it:" in text
    assert "People are answered from each host's own copies" in text
    assert "What to do: check the path, the mount or the network." in text
    for way in ('href="/console/t/demo/health"', 'href="/console/t/demo/incident"', "recsys pin --tenant demo"):
        assert way in text
    assert "tenants create" not in text


@pytest.mark.parametrize("path", _NEED_IT)
def test_pages_of_levers_say_that_the_store_is_away(door: Door, tmp_path: Path, path: str) -> None:
    door.sign_in("operator")
    assert door.client.get(f"/console/t/demo/{path}").status_code in (200, 409)  # it was there
    (tmp_path / "store").rename(tmp_path / "away")
    answer = door.client.get(f"/console/t/demo/{path}")
    _check(answer.status_code, answer.text)
    part = door.client.get(f"/console/t/demo/{path}", headers={"HX-Request": "true"})
    _check(part.status_code, part.text)
    assert "<html" not in part.text


@pytest.mark.parametrize("path", _NEED_IT)
def test_a_process_that_never_saw_the_store_says_the_same(door: Door, tmp_path: Path, path: str) -> None:
    (tmp_path / "store").rename(tmp_path / "away")
    with TestClient(admin_app(door.settings, more=ROUTES, pages=(PAGES,)), raise_server_exceptions=False) as client:
        client.post("/console/sign-in", data={"credential": door.keys["operator"]}, headers={"Origin": ORIGIN})
        answer = client.get(f"/console/t/demo/{path}")
        _check(answer.status_code, answer.text)
        told = client.get("/v1/admin/tenants/demo/releases", headers={"X-API-Key": door.keys["operator"]})
        assert (told.status_code, told.json()["code"]) == (503, "STORE_UNAVAILABLE")
        assert "mount" in told.json()["next_step"]


def test_who_sent_an_order_is_told_that_it_was_not_done_and_may_press_again(door: Door, tmp_path: Path) -> None:
    door.sign_in("operator")
    token = door.token()
    (tmp_path / "store").rename(tmp_path / "away")
    looked = door.client.get("/console/t/demo/holds")
    answer = door.hold(token)
    assert "This was not done" in answer.text
    assert "press again" in answer.text
    assert "press again" not in looked.text
    _check(answer.status_code, answer.text)
