"""How lines reach a descriptor, whatever stands at its other end."""

import errno
import logging
import os
import threading

from recsys.serving import service_log
from recsys.serving.service_log import Lines


def say(lines, message):
    lines.emit(logging.LogRecord("recsys", logging.INFO, __file__, 1, message, (), None))


def test_lines_come_out_whole_and_in_their_order():
    reading, writing = os.pipe()
    lines = Lines(writing)
    for number in range(100):
        say(lines, f"line {number}")
    lines.flush()
    assert os.read(reading, 65536).decode().splitlines() == [f"line {number}" for number in range(100)]


def test_lines_that_nobody_takes_are_dropped_and_counted_once_there_is_room():
    reading, writing = os.pipe()
    lines, said = Lines(writing), 3 * service_log._MOST_WAITING
    for number in range(said):
        say(lines, f"{number} " + "x" * 100)  # far more than a pipe holds
    assert lines._dropped
    came = []
    with os.fdopen(reading) as read:
        while not came or came[-1] != "and on\n":
            came.append(read.readline())
            if lines._waiting.empty() and lines._dropped:  # whoever reads is back
                say(lines, "and on")
    lost = [int(line.split()[0]) for line in came if "were lost" in line]
    kept = [int(line.split()[0]) for line in came[:-1] if "were lost" not in line]
    assert kept == sorted(kept)
    assert len(kept) + sum(lost) == said


def test_a_line_that_was_cut_does_not_spoil_the_next(monkeypatch):
    written, full = bytearray(), threading.Event()

    def write(_descriptor, data):
        if full.is_set() and len(written) >= 4:
            raise OSError(errno.ENOSPC, "full")
        written.extend(bytes(data[:4]) if full.is_set() else bytes(data))
        return 4 if full.is_set() else len(data)

    monkeypatch.setattr(service_log.os, "write", write)
    lines = Lines(-1)
    full.set()
    say(lines, "the first one")
    lines.flush()
    full.clear()
    say(lines, "the next")
    lines.flush()
    assert bytes(written) == b"the \nthe next\n"


def test_a_record_that_cannot_be_written_fails_nobody():
    reading, writing = os.pipe()
    lines = Lines(writing)
    lines.emit(logging.LogRecord("recsys", logging.INFO, __file__, 1, "%d", ("no number",), None))
    say(lines, "goes on")
    assert os.read(reading, 100) == b"goes on\n"
