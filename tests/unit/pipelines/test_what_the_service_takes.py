"""What the service acknowledges, a run takes: one bad event of one client must not stop every run."""

import json
import math

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.unit.pipelines.shops import END, START, new_shop

from recsys.access import load_directory
from recsys.evaluation.reading.schemas import SCHEMAS
from recsys.events import Interaction, Outcome, pseudonymous
from recsys.pipelines.ingest import ingest
from recsys.serving.problems import Refusal
from recsys.serving.requests import read_events_body

_GOOD = {"ts": "2026-11-05T10:00:00Z", "item_id": "a", "event_type": "click", "user_id": "u"}
_IDS = st.sampled_from(
    ["", "a", " ", "a\0b", "é" * 256, "𝄞" * 256, "i" * 257, "\u2028", '"', "\\", "NaN", "null", "\r\n"]
)
_TIMES = st.sampled_from(
    [
        "20261105T080000Z",
        "2026-11-05T08:00:00",
        "2026-11-05T08:00Z",
        "2026-11-05T08:00:00z",
        "2026-11-05t08:00:00Z",
        "2026-11-05 08:00:00Z",
        "2026-11-05T08:00:00.1Z",
        "2026-11-05T08:00:00.123456789Z",
        "2026-11-05T08:00:00.1234567890Z",
        "2026-11-05T08:00:00,5Z",
        "2026-11-05T08:00:00+05:30",
        "2026-11-05T08:00:00-23:59",
        "2026-11-05T08:00:00+24:00",
        "2026-11-05T08:00:00+0530",
        "2026-11-05T08:00:00+05:30:15",
        "2026-11-05T08:00:60Z",
        "2026-11-05T24:00:00Z",
        "2026-02-30T08:00:00Z",
        "2026-W45-4T08:00:00Z",
        "٢٠٢٦-11-05T08:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "0000-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
    ]
)
_NUMBERS = st.one_of(
    st.sampled_from([None, 0, -1, 1, 0.5, -0.0, 1e-320, 1e12, -1e12, 1e13, 1e308, 10**30, 2**63, 1_000_000, 1_000_001]),
    st.floats(allow_nan=False, allow_infinity=False),
)
_ODD = {
    **dict.fromkeys(
        ("item_id", "event_id", "user_id", "anonymous_id", "session_id", "request_id", "surface"), _IDS | st.text()
    ),
    "event_type": st.sampled_from(["", "click", "view", "conversion", "purchase", "x" * 257, "\0", "é"]),
    "ts": _TIMES,
    "value": _NUMBERS,
    "quantity": _NUMBERS,
    "rank": _NUMBERS,
}
_CHANGE = st.sampled_from(sorted(_ODD)).flatmap(lambda name: st.tuples(st.just(name), _ODD[name]))
_EVENTS = st.lists(st.lists(_CHANGE, max_size=3).map(lambda changes: _GOOD | dict(changes)), min_size=20, max_size=300)


def _taken(event):
    """Return the event as the service would record it, or nothing where it refuses."""
    try:
        body = json.dumps(event, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8
        (found,) = read_events_body(body)
    except (Refusal, UnicodeEncodeError):
        return None
    return found


_EVERY_TIME = [_GOOD | {"ts": time} for time in _TIMES.elements]
_EVERY_ID = [_GOOD | {name: value} for name in ("item_id", "session_id", "request_id") for value in _IDS.elements]


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@example(events=_EVERY_TIME + _EVERY_ID)
@example(events=[_GOOD | {"rank": 0}, _GOOD | {"quantity": -1}, _GOOD | {"event_type": ""}])
@given(events=_EVENTS)
def test_what_is_acknowledged_over_http_is_taken_by_a_run_and_by_evaluation(tmp_path_factory, events):
    shop = new_shop()
    pseudonyms = load_directory(shop.store).tenant("demo").pseudonyms
    folder = tmp_path_factory.mktemp("taken")
    lines = {Outcome: b"", Interaction: b""}
    several = [{"event_id": f"e{number}"} | event for number, event in enumerate((_GOOD, *events))]
    taken = [found for event in several if (found := _taken(event)) is not None]
    for event in taken:
        recorded = pseudonymous(event, of=pseudonyms.of, key_id=pseudonyms.key_id)
        lines[type(event)] += msgspec.json.encode(recorded) + b"\n"
        schema = SCHEMAS["outcome.v1" if isinstance(event, Outcome) else "interaction.v1"]
        assert schema.problem(recorded) is None
    paths = []
    for kind, data in lines.items():
        if data:
            paths.append(folder / f"{kind.__name__}.jsonl")
            paths[-1].write_bytes(data)
    made = ingest(shop, surface="home", events=paths, start=START, end=END, folder=folder / "run")
    assert made.counts["rows"] == len(taken)
    assert made.counts["bad"] == 0


def test_numbers_at_the_bounds_are_taken():
    event = _GOOD | {
        "event_id": "e",
        "request_id": "r",
        "value": -1e12,
        "quantity": 0,
        "rank": 1_000_000,
        "item_id": "é" * 256,
    }
    assert math.isclose(_taken(event).value, -1e12)
