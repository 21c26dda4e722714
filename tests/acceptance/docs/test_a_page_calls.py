"""The JavaScript of the page on calling the service runs as it stands, where there is a Node to run it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.client.tiny_server import cuts, says, tiny_server

PAGE = Path(__file__).parents[3] / "docs/how-to/call-the-service.md"
ANSWER = '{"items":[{"item_id":"a","rank":1,"score":1}],"meta":{"surface":"home","rung":"live","request_id":"r"}}'
TO_THE_PAGE = '{"items":["a"],"request_id":"r"}'


def _run(place: int, call: str, base_url: str, folder: Path) -> object:
    if shutil.which("node") is None:
        pytest.skip("needs node, as its reader does")
    block = re.findall(r"^```js\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)[place]
    script = folder / "page.mjs"
    # a browser reads a path as below the page's own address
    script.write_text(
        f"const ours = fetch; globalThis.fetch = (to, more) => ours(new URL(to, {base_url!r}), more);\n"
        f"{block}\nconsole.log(JSON.stringify(await {call}));\n"
    )
    environment = {"RECOMMENDER": base_url, "KEY": "k"}
    done = subprocess.run(
        [str(shutil.which("node")), str(script)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_a_backend_asks_with_the_key_and_has_a_list_for_when_nobody_answers(tmp_path: Path) -> None:
    with tiny_server(says(200, ANSWER), says(503, "{}"), cuts) as server:
        call = "recommend('home', {user_id: 'u1'}, 1)"
        assert _run(0, call, server.base_url, tmp_path) == {"items": ["a"], "request_id": "r"}
        assert _run(0, call, server.base_url, tmp_path) == {"items": ["i0001"], "request_id": None}
        assert _run(0, call, server.base_url, tmp_path) == {"items": ["i0001"], "request_id": None}
    assert b"x-api-key: k" in server.requests[0].lower()
    assert server.requests[0].endswith(b'{"surface":"home","k":1,"user":{"user_id":"u1"}}')


def test_a_page_asks_its_own_backend_without_a_key(tmp_path: Path) -> None:
    with tiny_server(says(200, TO_THE_PAGE), cuts) as server:
        assert _run(1, "recommendations('home')", server.base_url, tmp_path) == {"items": ["a"], "request_id": "r"}
        spare = {"items": ["i0001", "i0002"], "request_id": None}
        assert _run(1, "recommendations('home')", server.base_url, tmp_path) == spare
    assert server.requests[0].startswith(b"GET /recommendations/home ")
    assert b"x-api-key" not in server.requests[0].lower()
