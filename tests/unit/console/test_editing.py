"""Editing a document, asked in this process: whatever happens, the page that answers has the text somebody wrote."""

import html
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from litestar.testing import TestClient

from recsys.access import create_key, load_directory
from recsys.console import PAGES
from recsys.console.session import COOKIE
from recsys.releases import Releases, create_tenant
from recsys.serving import Settings
from recsys.serving.admin import admin_app
from recsys.serving.host_state import Places
from recsys.store import Unavailable, open_store

ORIGIN = "http://testserver.local"
PATH = "/console/t/demo/documents/edit/rules"
TEXT = json.dumps([{"id": "an hour of <work>", "action": "block", "item_ids": ["cup"]}], indent=2)


class Editor(NamedTuple):
    client: TestClient[Any]
    keys: dict[str, str]
    releases: Releases

    def sign_in(self, role: str) -> None:
        self.client.post("/console/sign-in", data={"credential": self.keys[role]}, headers={"Origin": ORIGIN})

    def begin(self) -> dict[str, str]:
        """Open the editor, and return its form with the text written into it."""
        return {**fields(self.client.get(PATH).text), "text": TEXT}

    def send(self, form: dict[str, str], act: str, **headers: str) -> Any:
        return self.client.post(PATH, data={**form, "act": act}, headers={"Origin": ORIGIN, **headers})


@pytest.fixture
def editor(tmp_path: Path) -> Any:
    store = open_store(tmp_path / "store")
    create_tenant(store, "demo", actor="tests")
    keys = {role: create_key(store, "demo", role, actor="tests").secret for role in ("viewer", "operator")}
    settings = Settings(store=str(tmp_path / "store"), host_dir=str(tmp_path / "host"))
    copy = Places(settings.host_path).access
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(load_directory(store).encode())
    with TestClient(admin_app(settings, pages=(PAGES,)), raise_server_exceptions=False) as client:
        client.follow_redirects = False
        made = Editor(client, keys, Releases(store, "demo", actor="tests"))
        made.sign_in("operator")
        yield made


def fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.partition("<main")[2]))


def text_on(answer: Any) -> str:
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", answer.text, re.DOTALL)
    assert found is not None, answer.text
    return html.unescape(found[1])


def go_away(monkeypatch: pytest.MonkeyPatch, *methods: str) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("dir", "no answer")

    for method in methods:
        monkeypatch.setattr(Releases, method, away)


@pytest.mark.parametrize("act", ["check", "keep mine"])
@pytest.mark.parametrize("method", ["current", "put_rules"])
def test_a_text_that_cannot_be_checked_stays_and_cannot_be_saved(
    editor: Editor, monkeypatch: pytest.MonkeyPatch, act: str, method: str
) -> None:
    form = editor.begin()
    go_away(monkeypatch, method)
    answer = editor.send(form, act)
    assert answer.status_code == 503
    assert "It is not saved" in answer.text
    assert text_on(answer) == TEXT
    assert 'name="checked"' not in answer.text
    monkeypatch.undo()
    again = editor.send({**fields(answer.text), "text": text_on(answer)}, "check")
    assert "It is valid" in again.text


def test_a_store_that_is_gone_keeps_no_text(editor: Editor, tmp_path: Path) -> None:
    form = editor.begin()
    (tmp_path / "store").rename(tmp_path / "away")
    assert text_on(editor.send(form, "check")) == TEXT


def test_a_text_that_could_not_be_saved_stays_and_is_the_same_attempt(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {"reason": "recall", **editor.begin()}
    form |= {**fields(editor.send(form, "check").text), "text": TEXT}
    go_away(monkeypatch, "put_rules")
    answer = editor.send(form, "save")
    assert answer.status_code == 503
    assert text_on(answer) == TEXT
    assert (fields(answer.text)["key"], fields(answer.text)["checked"]) == (form["key"], form["checked"])
    monkeypatch.undo()
    assert editor.send({**fields(answer.text), "text": TEXT, "reason": "recall"}, "save").status_code == 303
    assert editor.releases.current().reason == "recall"


def test_a_text_too_long_for_a_browser_stays(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    form = editor.begin()
    monkeypatch.setattr("recsys.console.editing.MAX_EDITED_BYTES", 10)
    answer = editor.send(form, "check")
    assert answer.status_code == 422
    assert "recsys rules put FILE" in answer.text
    assert text_on(answer) == TEXT


def test_a_session_that_is_over_leads_to_the_door_and_leaves_the_text_to_copy(editor: Editor) -> None:
    form = editor.begin()
    editor.client.cookies.delete(COOKIE)
    answer = editor.send(form, "check")
    assert answer.status_code == 401
    assert text_on(answer) == TEXT
    assert "readonly" in answer.text
    assert 'href="/console/sign-in?to=%2Fconsole%2Ft%2Fdemo%2Fdocuments%2Fedit%2Frules"' in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_a_form_of_another_session_leaves_its_text_to_copy(editor: Editor) -> None:
    form = editor.begin()
    editor.client.cookies.delete(COOKIE)
    editor.sign_in("operator")
    answer = editor.send(form, "check")
    assert answer.status_code == 403
    assert "not of your session" in answer.text
    assert text_on(answer) == TEXT


def test_so_does_one_of_who_may_not_change_any_more(editor: Editor) -> None:
    form = editor.begin()
    editor.client.cookies.delete(COOKIE)
    editor.sign_in("viewer")
    answer = editor.send(form, "check")
    assert answer.status_code == 403
    assert text_on(answer) == TEXT


def test_what_another_site_sends_is_shown_to_nobody(editor: Editor) -> None:
    answer = editor.send(editor.begin(), "check", Origin="https://evil.example")
    assert answer.status_code == 403
    assert "an hour of" not in answer.text
