"""Lines of the usual form are recognised, and whatever decoding refuses is not, or is found in the rows."""

import json
import re

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from recsys.evaluation.engine import open_engine
from recsys.evaluation.reading.schemas import SCHEMAS
from recsys.evaluation.reading.usual import all_usual, pattern_of

EXPOSURE = {
    "request_id": "r1", "ts": "2026-11-22T08:00:00.5+01:00", "user_id": "ü\\\"\n",
    "items": [{"item_id": "i1", "rank": 1, "propensity": 0.25}, {"item_id": "i2", "rank": 2}],
    "context": {"surface": "home"}, "latency_ms": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    path = tmp_path_factory.mktemp("lines") / "it.jsonl"

    def ask(text, schema="exposure.v1"):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with open_engine() as engine:
            return all_usual(engine, (path,), SCHEMAS[schema])

    return ask


@pytest.mark.parametrize("write", [json.dumps, lambda row: json.dumps(row, ensure_ascii=False, separators=(",", ":"))])
def test_what_is_usually_written_is_usual(usual, write):
    assert usual("\n".join([write(EXPOSURE), "", "  ", write(EXPOSURE | {"items": [], "latency_ms": None})]) + "\n")
    outcome = {"request_id": "r", "item_id": "i", "event_type": "click", "ts": "2026-11-22T08:00:00Z", "value": -1.5e3}
    assert usual(write(outcome), "outcome.v1")


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(EXPOSURE | {"extra": 1}),
        json.dumps(EXPOSURE | {"request_id": None}),
        json.dumps(EXPOSURE | {"request_id": 5}),
        json.dumps(EXPOSURE | {"ts": "2026-11-22 08:00"}),
        json.dumps(EXPOSURE | {"context": {"surface": 1}}),
        json.dumps(EXPOSURE | {"items": [{"item_id": "i1", "rank": "1"}]}),
        json.dumps(EXPOSURE | {"items": [{"item_id": "i1", "rank": 1.0}]}),
        json.dumps(EXPOSURE | {"items": {"item_id": "i1"}}),
        json.dumps(EXPOSURE | {"latency_ms": float("nan")}),
        json.dumps(EXPOSURE) + "}",
        json.dumps(EXPOSURE)[:-1],
        '{"request_id": "\\ud800"}',
        b'{"request_id": "\xff"}',
        "[]",
        "x" * 17_000_000,
    ],
)
def test_what_decoding_refuses_is_not(usual, line):
    row = json.dumps(EXPOSURE).encode() + b"\n"
    assert not usual(row + (line if isinstance(line, bytes) else line.encode()) + b"\n" + row)


def test_a_decision_record_is_left_to_decoding(usual):
    assert not usual(json.dumps(EXPOSURE | {"decision": {"now": 1.0}}))


@given(st.binary(max_size=40) | st.text(max_size=40), st.integers(0, 400), st.integers(0, 6))
def test_a_damaged_line_that_is_still_usual_still_decodes(piece, at, cut):
    """But for fields that are missing, which the check of rows finds."""
    line = json.dumps(EXPOSURE)
    damaged = line[:at] + (piece if isinstance(piece, str) else piece.decode("latin-1")) + line[at + cut :]
    if re.fullmatch(pattern_of(SCHEMAS["exposure.v1"].row), damaged):
        found = msgspec.json.decode(damaged.encode(), type=dict)
        if found.keys() >= {"request_id", "ts", "items"} and all(
            it.keys() >= {"item_id", "rank"} for it in found["items"]
        ):
            msgspec.convert(found, SCHEMAS["exposure.v1"].row)
