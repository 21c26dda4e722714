import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.serving.log_lines import About, JsonLines, TextLines, about

PIPE_BUF = 4096
KEY = "rsk_0123456789ab_" + "f" * 64
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def record(message, *args, error=None, **named):
    exc_info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("recsys.serving.desk", logging.ERROR, __file__, 1, message, args, exc_info)
    for name, value in named.items():
        setattr(made, name, value)
    return made


def as_json(*args, **named):
    return json.loads(JsonLines("worker-0").format(record(*args, **named)))


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


def test_a_line_says_when_who_and_what_and_leaves_out_what_does_not_apply():
    line = as_json("%d of %s", 2, "demo", **about(request_id="r", tenant="demo"))
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "error",
        "process": "worker-0",
        "logger": "recsys.serving.desk",
        "message": "2 of demo",
        "request_id": "r",
        "tenant": "demo",
    }


def test_an_error_is_told_with_its_stack():
    error = as_json("failed", error=raised(KeyError("i1")))["error"]
    assert (error["type"], error["message"]) == ("KeyError", "'i1'")
    assert error["stack"].startswith("Traceback")
    assert "in raised" in error["stack"]


def test_the_span_that_was_open_is_named():
    line = as_json("said", trace_id="4b", span_id="f0", about=About(request_id="r"))
    assert (line["trace_id"], line["span_id"]) == ("4b", "f0")


def test_text_has_the_same_facts_behind_the_message():
    line = TextLines("worker-0").format(record("said", **about(request_id="r", tenant="demo", surface="home")))
    assert line.endswith(" worker-0 ERROR said [request_id=r tenant=demo surface=home]")
    assert TextLines("worker-0").format(record("said")).endswith("ERROR said")


@pytest.mark.parametrize("secret", [KEY, TOKEN, "Bearer abc.def", "postgresql://me:pass-word@db/x"])
@pytest.mark.parametrize("lines", [JsonLines("p"), TextLines("p")])
def test_a_secret_in_what_another_library_says_is_not_written(secret, lines):
    line = lines.format(record(f"no: {secret}", error=raised(ValueError(f"in the error: {secret}"))))
    for part in (KEY, TOKEN, "abc.def", "pass-word"):
        assert part not in line


@given(st.text(max_size=6000), st.text(max_size=6000), st.integers(0, 40))
def test_whatever_is_said_is_one_document_that_a_pipe_takes_in_one_piece(message, why, depth):
    def deep(left):
        if left:
            deep(left - 1)
        raise ValueError(why)

    try:
        deep(depth)
    except ValueError as caught:
        line = JsonLines("p").format(record("%s", message, error=caught)).encode() + b"\n"
    assert json.loads(line)["error"]["type"] == "ValueError"
    assert line.count(b"\n") == 1
    assert len(line) <= PIPE_BUF


def test_a_text_of_nothing_but_escapes_is_cut_too():
    line = JsonLines("p").format(record("\0" * 5000, error=raised(ValueError("\0" * 5000)))).encode()
    assert len(line) < PIPE_BUF
    assert json.loads(line)["error"]["message"] == "\0" * 100


def test_text_that_is_no_unicode_is_written_all_the_same():
    assert as_json("%s", "\udc80x")["message"] == "\\udc80x"


def test_a_program_is_called_by_its_module(monkeypatch):
    made = record("said")
    made.name = "__main__"
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", type("Spec", (), {"name": "recsys.serving.worker"}))
    assert json.loads(JsonLines("p").format(made))["logger"] == "recsys.serving.worker"
