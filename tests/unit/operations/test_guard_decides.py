"""What a guard makes of an evaluation: it promotes, aborts, freezes or waits, and never promotes on what is missing."""

from collections.abc import Iterator

import pytest
from tests.unit.operations.guarded import CONFIG, Street

pytestmark = pytest.mark.long


@pytest.fixture
def street() -> Iterator[Street]:
    made = Street()
    yield made
    made.close()


def _ready(street: Street, clicks: tuple[float, float]) -> None:
    street.people(3000, clicks=clicks)


def test_a_better_candidate_is_promoted_with_the_report_and_what_was_seen(street: Street):
    _ready(street, (0.4, 0.2))
    look = street.look(config=CONFIG)
    assert (look.state, look.decided.rule) == ("promoted", "success")
    head = street.shop.theirs.current()
    assert (head.surfaces["home"].manifest, head.surfaces["home"].candidate) == (street.shop.m(2), None)
    assert len(head.evidence) == 2


def test_a_worse_candidate_is_aborted_by_the_decision(street: Street):
    _ready(street, (0.2, 0.4))
    assert street.look(config=CONFIG).state == "aborted"


def test_one_that_is_neither_goes_on(street: Street):
    _ready(street, (0.3, 0.3))
    look = street.look(config=CONFIG)
    assert (look.state, look.decided.rule) == ("watching", "undecided")
    assert street.shop.theirs.current().generation == 3


def test_without_a_config_nothing_is_promoted(street: Street):
    _ready(street, (0.4, 0.2))
    assert street.look().state == "watching"
    assert street.shop.theirs.current().generation == 3


@pytest.mark.parametrize(
    "gone", ["a host behind", "a host silent", "no host", "one arm lately", "a hole", "no outcomes", "unrecorded"]
)
def test_whatever_is_missing_a_winner_is_not_promoted(street: Street, gone: str):
    if gone == "no outcomes":
        street.people(3000)
    else:
        _ready(street, (0.4, 0.2))
    if gone == "a host behind":
        street.beat("web-2", generation=2)
    elif gone == "a host silent":
        street.now_s += 130
        street.write([street.exposure("late", arm="candidate"), street.exposure("later", arm="control")])
        street.beat("web-2")
    elif gone == "no host":
        street.store.objects.delete("replicas/web-1.json")
    elif gone == "one arm lately":
        street.now_s += 130
        street.write([street.exposure("late", arm="control")])
    elif gone == "a hole":
        street.put(b'{"context":{"experiment_id":"home-3"},"ts":"2023-11-14T22:15:00Z"}\n')
    elif gone == "unrecorded":
        street.write([street.exposure("u", arm="control", context={"unrecorded": "500"})])
    guard = street.guard(config=CONFIG, decide_every_s=1.0)
    for _ in range(3):
        assert guard.look().state != "promoted"
        street.now_s += 2
    assert street.shop.theirs.current().surfaces["home"].candidate is not None


def test_too_few_people_are_a_reason_to_wait_and_not_to_freeze(street: Street):
    street.people(30, clicks=(0.5, 0.5))
    guard = street.guard(config=CONFIG, decide_every_s=1.0)
    for _ in range(3):
        look = guard.look()
        assert look.state == "paused"
        assert "looks at any time begin at 20 an arm" in look.why
        street.now_s += 2
    assert not street.shop.theirs.current().holds


def test_data_that_cannot_be_trusted_freezes_the_share_at_the_second_look(street: Street):
    _ready(street, (0.4, 0.2))
    lost = [{"request_id": f"x{n}", "item_id": "mug", "event_type": "click", "ts": "2023-11-14T22:15:00Z",
             "event_id": f"x{n}"} for n in range(900)]  # fmt: skip
    street.write(lost, stream="outcomes")
    guard = street.guard(config=CONFIG, decide_every_s=1.0)
    look = guard.look()
    assert (look.state, look.decided.rule) == ("paused", "integrity")
    assert "frozen if that stands at the next evaluation" in look.why
    street.now_s += 2
    assert guard.look().state == "frozen"
    assert [hold.levers for hold in street.shop.theirs.current().holds] == [("artifacts",)]
    street.now_s += 2
    assert (guard.look().state, street.shop.theirs.current().generation) == ("frozen", 4)
    street.people(1500, seed=7, empty=0.2)
    assert guard.look().state == "aborted"


def test_a_hold_by_people_keeps_a_winner_from_being_promoted(street: Street):
    _ready(street, (0.4, 0.2))
    street.shop.theirs.hold(surface="home", reason="sale")
    look = street.look(config=CONFIG)
    assert look.state == "paused"
    assert "held" in look.why


def test_the_logs_are_judged_up_to_where_every_host_has_come(street: Street):
    """An outcome that one host has shipped before another shipped its exposure is not yet looked at."""
    _ready(street, (0.3, 0.3))
    street.beat("web-2")
    street.write([street.exposure("w", arm="control")], host="web-2")
    street.now_s += 60
    street.write([street.exposure("x", arm="candidate")])
    lost = [{"request_id": f"x{n}", "item_id": "mug", "event_type": "click", "ts": "2023-11-14T22:16:00Z",
             "event_id": f"x{n}"} for n in range(900)]  # fmt: skip
    street.write(lost, stream="outcomes")
    assert street.look(config=CONFIG).decided.rule == "undecided"
