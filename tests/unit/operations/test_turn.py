"""Questions wait for each other: few of them, and none for long."""

import threading
from contextlib import ExitStack

import pytest

from recsys.operations.turn import Line
from recsys.serving.problems import Refusal


def test_one_is_answered_at_a_time_and_the_next_one_after_it() -> None:
    line, order = Line(), []
    inside = threading.Event()

    def ask() -> None:
        inside.set()
        with line.turn():
            order.append("second")

    with line.turn():
        other = threading.Thread(target=ask)
        other.start()
        assert inside.wait(10)
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]


def test_who_waited_long_enough_is_asked_to_come_back() -> None:
    line = Line(patience_s=0.01)
    with line.turn(), pytest.raises(Refusal) as caught, line.turn():
        pass
    refusal = caught.value
    assert (refusal.status, refusal.code) == (503, "BUSY_ANSWERING")
    assert refusal.retry_after_s > 0
    assert "somebody else's question" in refusal.detail
    with line.turn():  # and the line goes on
        pass


def test_where_enough_wait_the_next_one_does_not() -> None:
    line = Line(most_waiting=0, patience_s=600.0)
    with ExitStack() as turns:
        turns.enter_context(line.turn())
        with pytest.raises(Refusal), line.turn():
            pass
    with line.turn():
        pass
