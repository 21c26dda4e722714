"""When a call is tried again, by a clock that only the calls move."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.client.patience import Lost, Patience, Reply, keep_trying, retry_after_s

OK = Reply(status=200, body=b"{}")
CUT = Lost(why="cut")


def busy(retry_after="1", status=503):
    return Reply(status=status, body=b"", retry_after=retry_after)


class Call:
    """Plays a call against what comes back by turns, the last for ever; a try takes ``takes_s`` or its timeout."""

    def __init__(self, *back, takes_s=0.01, chance=0.5, **patience):
        self.now, self.tries = 0.0, []
        wanted = Patience(**{"timeout_s": 1.0, "deadline_s": 3.0, "retries": 2, **patience})
        steps = keep_trying("/p", b"b", wanted, clock=lambda: self.now, chance=lambda: chance, wall=lambda: 0.0)
        try:
            step = next(steps)
            while True:
                self.tries.append(step)
                self.now += step.after_s + min(takes_s, step.timeout_s)
                step = steps.send(back[min(len(self.tries), len(back)) - 1])
        except StopIteration as done:
            self.tried = done.value


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 413, 422, 423, 500])
def test_what_another_try_would_not_change_is_final(status):
    assert Call(Reply(status=status, body=b"")).tried.tries == 1


@pytest.mark.parametrize("first", [CUT, busy(), busy(status=429), busy(status=502), busy(status=504)])
def test_what_another_try_may_change_is_tried_again(first):
    call = Call(first, OK)
    assert (call.tried.last, call.tried.tries) == (OK, 2)


def test_retry_after_is_waited_for_and_a_little_longer_by_chance():
    assert Call(busy("2"), OK, chance=0.0).tries[1].after_s == 2.0
    assert 2.0 < Call(busy("2"), OK, chance=1.0).tries[1].after_s <= 2.1


def test_a_retry_after_past_the_deadline_ends_the_call_at_once():
    call = Call(busy("60"), OK)
    assert (call.tried.tries, call.now) == (1, 0.01)


def test_waits_grow_to_a_second_at_most():
    waits = [step.after_s for step in Call(CUT, chance=1.0, deadline_s=100.0, retries=8).tries]
    assert waits == [0.0, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0]


def test_no_retries_means_one_try():
    assert Call(CUT, retries=0).tried.tries == 1


@given(
    back=st.lists(st.sampled_from([CUT, busy("0"), busy("1"), busy("x"), busy("", 429)]), min_size=1),
    takes_s=st.floats(0, 10),
    chance=st.floats(0, 1),
    timeout_s=st.floats(0.01, 5),
    deadline_s=st.floats(0.01, 5),
    retries=st.integers(0, 20),
)
def test_a_call_ends_by_its_deadline_whatever_comes_back(back, takes_s, chance, timeout_s, deadline_s, retries):
    call = Call(*back, takes_s=takes_s, chance=chance, timeout_s=timeout_s, deadline_s=deadline_s, retries=retries)
    assert call.now <= deadline_s + 0.0011  # a last try has a millisecond
    assert 1 <= call.tried.tries <= retries + 1
    assert all(step.timeout_s <= timeout_s for step in call.tries)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("7", 7),
        ("soon", 0),
        ("-5", 0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header, seconds):
    assert retry_after_s(header, now=10.0) == seconds
