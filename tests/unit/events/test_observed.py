"""What is looked at of the logs: each file once, wherever it lies."""

from pathlib import Path

import pytest

from recsys.encoding import canonical, parse_rfc3339
from recsys.events.layout import STATES
from recsys.events.observed import Observed
from recsys.store import open_store

PLACE = "demo/exposures/dt=2026-11-22/host-0-1.jsonl"


@pytest.mark.parametrize("state", STATES)
def test_a_file_that_the_store_has_is_not_taken_from_the_spool_again(tmp_path: Path, state: str) -> None:
    store = open_store(str(tmp_path / "store"))
    spooled = tmp_path / "spool" / state / PLACE
    spooled.parent.mkdir(parents=True)
    spooled.write_bytes(b'{"request_id":"a"}\n')
    with Observed(store, "demo", since_s=0, spool=tmp_path / "spool") as alone:
        assert [path.name for path in alone.files("exposures")] == ["host-0-1.jsonl"]
    store.objects.create(f"events/{PLACE}", spooled.read_bytes())
    with Observed(store, "demo", since_s=0, spool=tmp_path / "spool") as both:
        assert [path.name for path in both.files("exposures")] == ["host-0-1.jsonl"]


def test_hours_without_answers_are_left_out_and_others_say_what_was_answered(tmp_path: Path) -> None:
    lines = [
        line("a", "2026-11-22T10:00:00Z", items=1, latency_ms=2.0),
        line("b", "2026-11-22T10:59:59Z", items=0, latency_ms=4.0, rung="last_good"),
        line("c", "2026-11-22T12:30:00Z", items=1, latency_ms=8.0),
        line("d", "2026-11-22T12:31:00Z", items=1, surface="pdp"),
        line("e", "2026-11-22T12:31:00Z", items=1, traffic="internal"),
    ]
    file = tmp_path / STATES[0] / PLACE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"".join(lines))
    with Observed(None, "demo", since_s=parse_rfc3339("2026-11-22T00:00:00Z"), spool=tmp_path) as observed:
        ten, twelve = observed.hours("home")
    assert (ten.began_s, ten.answers, ten.empties, ten.fallbacks) == (parse_rfc3339("2026-11-22T10:00:00Z"), 2, 1, 1)
    assert ten.p99_ms == pytest.approx(3.98)
    assert (twelve.began_s, twelve.answers, twelve.p99_ms) == (parse_rfc3339("2026-11-22T12:00:00Z"), 1, 8.0)


def line(request_id: str, ts: str, *, items: int, latency_ms: float | None = None, **context: str) -> bytes:
    shown = [{"item_id": f"item-{number}", "rank": number + 1} for number in range(items)]
    whole = {"surface": "home", "generation": "2", "rung": "live", "traffic": "user", **context}
    exposure = {"request_id": request_id, "user_id": "u", "ts": ts, "items": shown, "context": whole}
    return canonical({**exposure, **({} if latency_ms is None else {"latency_ms": latency_ms})}) + b"\n"
