"""The console's door, asked in this process: who comes in, what a form must carry, what a page lets a browser do."""

import re
from pathlib import Path

import pytest
from tests.unit.console.doors import ORIGIN, Door

from recsys import console
from recsys.access import create_key, load_directory, revoke_key
from recsys.console.session import COOKIE
from recsys.releases import Releases
from recsys.serving.office import Office
from recsys.store import open_store


def test_who_is_not_signed_in_is_led_to_the_door_and_back_again(door: Door) -> None:
    page = door.client.get("/console/t/demo/releases?before=9")
    assert page.status_code == 303
    assert page.headers["location"] == "/console/sign-in?to=%2Fconsole%2Ft%2Fdemo%2Freleases%3Fbefore%3D9"
    form = {"credential": door.keys["viewer"], "to": "/console/t/demo/releases?before=9"}
    answer = door.client.post("/console/sign-in", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/t/demo/releases?before=9")
    assert door.client.get(answer.headers["location"]).status_code == 200


def test_a_part_of_a_page_leads_the_whole_page_to_the_door(door: Door) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": ORIGIN + "/console/t/demo/releases/2"}
    part = door.client.get("/console/t/demo/releases/2/served", headers=headers)
    assert part.headers["hx-redirect"] == "/console/sign-in?to=%2Fconsole%2Ft%2Fdemo%2Freleases%2F2"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/v1/admin/tenants",
        "javascript:x",
        "/console/x\nSet-Cookie: a=b",
        "/console/x\x7f",
        "/console/a b",
        "/console/ä",
        "/console/日本",
    ],
)
def test_signing_in_leads_nowhere_else(door: Door, elsewhere: str) -> None:
    answer = door.client.post("/console/sign-in", data={"credential": door.keys["viewer"], "to": elsewhere})
    assert answer.headers["location"] == "/console/t/demo/health"


def test_the_cookie_is_for_pages_alone_and_shows_no_secret(door: Door) -> None:
    cookie = door.sign_in("operator").headers["set-cookie"]
    assert {"HttpOnly", "Path=/console", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert door.keys["operator"] not in cookie
    assert "Secure" in door.sign_in("operator", Origin="https://testserver.local").headers["set-cookie"]


def test_the_api_takes_no_cookie(door: Door) -> None:
    door.sign_in("admin")
    door.client.cookies.set(COOKIE, door.client.cookies[COOKIE], path="/")
    assert door.client.get("/v1/admin/tenants/demo/releases").status_code == 401


@pytest.mark.parametrize("credential", ["rsk_nobody", "", "a.b.c", "ä", "x\ny"])
def test_what_the_api_would_not_take_is_refused_with_words(door: Door, credential: str) -> None:
    answer = door.client.post("/console/sign-in", data={"credential": credential})
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers


def test_a_client_key_may_not_look(door: Door) -> None:
    answer = door.sign_in("client")
    assert answer.status_code == 403
    assert "client may not read" in answer.text


def test_a_revoked_key_ends_the_session(door: Door) -> None:
    door.sign_in("viewer")
    assert door.client.get("/console/t/demo/releases").status_code == 200
    key = next(key for key in load_directory(open_store(door.settings.store)).keys_of("demo") if key.role == "viewer")
    revoke_key(open_store(door.settings.store), "demo", key.id, actor="tests")
    door.read_keys_again()
    assert door.client.get("/console/t/demo/releases").status_code == 303


def test_tenants_do_not_see_each_other_and_one_browser_may_hold_several(door: Door) -> None:
    door.sign_in("operator")
    assert door.client.get("/console/t/other/releases").headers["location"].startswith("/console/sign-in")
    door.sign_in("other")
    assert door.client.get("/console/t/other/releases").status_code == 200
    page = door.client.get("/console/t/demo/releases").text
    assert "Go to other" in page


def test_a_form_of_the_session_is_taken(door: Door) -> None:
    door.sign_in("operator")
    answer = door.hold(door.token())
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/t/demo/releases/3?pulled=true")
    hold = door.releases.current().holds[0]
    assert (hold.levers, hold.reason) == (("artifacts",), "incident")
    assert hold.actor.startswith("rsk_") or hold.actor != "tests"
    assert door.hold(door.token()).headers["location"] == "/console/t/demo/releases/3?pulled=true"  # sent twice


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_form_that_another_site_sends_is_refused(door: Door, headers: dict[str, str]) -> None:
    door.sign_in("operator")
    assert door.hold(door.token(), **headers).status_code == 403
    assert door.client.post("/console/sign-out", headers=headers).status_code == 403
    assert (
        door.client.post("/console/sign-in", data={"credential": door.keys["admin"]}, headers=headers).status_code
        == 403
    )
    assert door.releases.current().generation == 2


@pytest.mark.parametrize("token", ["", "0" * 64, "ä"])
def test_a_form_without_the_token_of_the_session_is_refused(door: Door, token: str) -> None:
    door.sign_in("operator")
    answer = door.hold(token)
    assert answer.status_code == 403
    assert "not of your session" in answer.text
    assert door.releases.current().generation == 2


def test_a_viewer_may_look_and_change_nothing(door: Door) -> None:
    door.sign_in("viewer")
    page = door.client.get("/console/t/demo/holds").text
    assert "an operator has to sign in" in page
    assert 'action="/console/t/demo/holds"' not in page
    token = re.search(r'name="form_token" value="(\w+)"', page)[1]  # type: ignore[index] # of the form to sign out
    for path in ("holds", "rollback", "candidates", "undo/2"):
        form = {"form_token": token, "reason": "x", "key": "k", "lever": "config", "typed": "demo"}
        assert door.client.post(f"/console/t/demo/{path}", data=form, headers={"Origin": ORIGIN}).status_code == 403
    assert door.releases.current().generation == 2


def test_pages_let_nothing_from_elsewhere_in(door: Door) -> None:
    door.sign_in("viewer")
    for path in ("/console/sign-in", "/console/t/demo/releases", "/console/nowhere"):
        page = door.client.get(path)
        policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert " style=" not in page.text
        assert not re.search(r"<script(?![^>]*src=)", page.text)
        assert not re.search(r'(src|href|action)="(?!/|#)', page.text)


def test_a_page_that_is_not_there_says_so_as_a_page(door: Door) -> None:
    for path in ("/console/nowhere", "/console/t/demo/nowhere"):
        page = door.client.get(path)
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_a_query_that_means_nothing_is_said_as_a_page(door: Door) -> None:
    door.sign_in("viewer")
    for query in ("before=x", "befor=3", "before=0"):
        page = door.client.get(f"/console/t/demo/releases?{query}")
        assert page.status_code == 422
        assert "<h1>" in page.text
    assert "no generation 99" in door.client.get("/console/t/demo/releases/99").text


def test_signing_out_forgets_who_it_was(door: Door) -> None:
    door.sign_in("operator")
    answer = door.client.post("/console/sign-out", data={"form_token": door.token()}, headers={"Origin": ORIGIN})
    assert answer.headers["location"] == "/console/sign-in"
    assert door.client.get("/console/t/demo/releases").status_code == 303


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/t/demo/holds"])
def test_signing_out_of_one_tenant_leaves_the_others(door: Door, path: str) -> None:
    door.sign_in("operator")
    door.sign_in("other")
    page = door.client.get(path).text
    assert 'aria-label="Sign out of other"' in page
    token = re.search(r'name="form_token" value="(\w+)"', page)[1]  # type: ignore[index]
    form = {"tenant": "other", "form_token": token}
    assert door.client.post("/console/sign-out", data={"tenant": "other"}).status_code == 403
    answer = door.client.post("/console/sign-out", data=form, headers={"Origin": ORIGIN})
    assert answer.headers["location"] == "/console/sign-in"
    assert {"HttpOnly", "Path=/console", "SameSite=lax"} <= set(answer.headers["set-cookie"].split("; "))
    assert door.client.get("/console/t/demo/releases").status_code == 200
    assert door.client.get("/console/t/other/releases").status_code == 303
    form["tenant"] = "demo"
    assert "Max-Age=0" in door.client.post("/console/sign-out", data=form).headers["set-cookie"]
    assert "You are signed in" not in door.client.get("/console/sign-in").text


def test_whoever_did_something_has_the_label_of_their_key_and_keys_are_read_once(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(door.settings.store)
    made = create_key(store, "demo", "operator", label="the night shift", actor="tests")
    theirs = Releases(store, "demo", actor=made.info.id)
    theirs.put_rules(b'[{"id": "r", "action": "block", "item_ids": ["cup"]}]')
    for surface in ("a", "b", "c"):
        theirs.hold(surface=surface, levers=["rules"], reason="counting")
    door.read_keys_again()
    door.sign_in("viewer")
    read, directory = [], Office.directory
    monkeypatch.setattr(Office, "directory", lambda office: read.append(1) or directory(office))  # type: ignore[func-returns-value]
    page = door.client.get("/console/t/demo/documents").text
    assert page.count(f"the night shift ({made.info.id})") == 4
    assert len(read) == 2  # to let them in, and to name everybody


@pytest.mark.parametrize(
    "template", ["document_facts.html", "report.html", "try.part.html", "why.part.html", "side_by_side.part.html"]
)
def test_a_page_shows_no_id_of_a_key_without_its_label(template: str) -> None:
    text = Path(console.__file__).with_name("templates").joinpath(template).read_text()
    assert re.findall(r"(?<!visit\.named\()\b[\w.]+\.actor\b(?!\))", text) == []


def test_files_are_kept_by_browsers_until_they_change(door: Door) -> None:
    page = door.client.get("/console/sign-in").text
    for path in re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page):
        file = door.client.get(path)
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
        assert file.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["../session.py", "vendor/../../session.py", "%2e%2e/session.py", "htmx.LICENSE", ""])
def test_no_other_file_is_sent(door: Door, name: str) -> None:
    assert door.client.get(f"/console/static/0/{name}").status_code == 404


def test_what_is_missing_in_the_store_is_a_page_with_a_next_step(door: Door, tmp_path: Path) -> None:
    door.sign_in("viewer")
    (tmp_path / "store").rename(tmp_path / "away")
    page = door.client.get("/console/t/demo/releases")
    assert page.status_code >= 500 or page.status_code == 404
    assert "What to do" in page.text
