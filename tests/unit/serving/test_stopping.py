"""A signal ends the wait, wherever in it the signal comes."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from recsys.serving.stopping import Stopping

pytestmark = pytest.mark.timeout(20)  # what this is about is a wait without an end


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    sys.settrace(None)
    signal.signal(signal.SIGUSR1, before)


def _raised_at_line(number: int) -> Callable[..., Any]:
    """Raise the signal just before the n-th line of Python that runs from here on."""
    seen = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal seen
        if event == "line":
            seen += 1
            if seen == number:
                sys.settrace(None)
                signal.raise_signal(signal.SIGUSR1)
        return trace

    return trace


def test_whichever_line_of_the_wait_the_signal_comes_at_it_ends() -> None:
    lines = 0
    while True:
        stopping = Stopping(signal.SIGUSR1)
        sys.settrace(_raised_at_line(lines + 1))
        told = stopping.wait(0.3)
        unraised = sys.gettrace() is not None
        sys.settrace(None)
        if unraised:
            break
        assert told, f"the signal at line {lines + 1} of the wait was lost"
        lines += 1
    assert lines >= 3


def test_a_signal_ends_a_long_wait_at_once() -> None:
    stopping = Stopping(signal.SIGUSR1)
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    began = time.monotonic()
    assert stopping.wait(15)
    assert time.monotonic() - began < 10


def test_without_a_signal_it_waits_its_time_and_goes_on() -> None:
    stopping = Stopping(signal.SIGUSR1)
    began = time.monotonic()
    assert not stopping.wait(0.05)
    assert time.monotonic() - began >= 0.04


def test_told_twice_is_told() -> None:
    stopping = Stopping(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    assert stopping.wait(0)


def test_a_signal_that_was_held_back_before_is_heard() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGUSR1,))
    signal.raise_signal(signal.SIGUSR1)
    assert Stopping(signal.SIGUSR1).wait(0)
