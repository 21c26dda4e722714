"""What every :class:`recsys.store.Log` keeps, whoever implements it."""

import threading
from pathlib import Path

import pytest
from tests.contract.backends import LOGS

from recsys.encoding import Invalid
from recsys.store import CommitState, Log, Missing


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    root = tmp_path / "store"
    root.mkdir()
    return LOGS[request.param](root)


def fill(log: Log, stream: str, count: int) -> None:
    for number in range(1, count + 1):
        assert log.append(stream, number, b"%s %d" % (stream.encode(), number)).state is CommitState.COMMITTED


def test_records_are_numbered_from_one_and_read_back(log: Log) -> None:
    assert log.head("demo") == 0
    fill(log, "demo", 12)
    assert log.head("demo") == 12
    assert [log.read("demo", number) for number in range(1, 13)] == [b"demo %d" % n for n in range(1, 13)]


def test_a_number_that_is_taken_is_lost_and_shows_the_winner(log: Log) -> None:
    fill(log, "demo", 3)
    for number in (1, 2, 3):
        commit = log.append("demo", number, b"another")
        assert (commit.state, commit.number, commit.winner) == (CommitState.LOST, number, b"demo %d" % number)
    assert log.head("demo") == 3


def test_the_same_bytes_again_are_committed_and_not_written_twice(log: Log) -> None:
    fill(log, "demo", 3)
    assert log.append("demo", 2, b"demo 2").state is CommitState.COMMITTED
    assert log.append("demo", 3, b"demo 3").state is CommitState.COMMITTED
    assert log.head("demo") == 3


@pytest.mark.parametrize("number", [-1, 0, 5, 6, 1000])
def test_a_gap_is_refused_and_nothing_is_written(log: Log, number: int) -> None:
    fill(log, "demo", 3)
    with pytest.raises(ValueError, match=str(number)):
        log.append("demo", number, b"x")
    assert log.head("demo") == 3
    with pytest.raises(Missing):
        log.read("demo", number)


def test_streams_do_not_know_each_other(log: Log) -> None:
    assert log.streams() == []
    fill(log, "b-shop", 2)
    fill(log, "a", 1)
    fill(log, "b", 3)
    assert log.streams() == ["a", "b", "b-shop"]
    assert [log.head(stream) for stream in ("a", "b", "b-shop", "none")] == [1, 3, 2, 0]
    with pytest.raises(Missing):
        log.read("a", 2)


def test_the_head_is_never_below_what_the_caller_has_seen(log: Log) -> None:
    fill(log, "demo", 10)
    assert [log.head("demo", at_least=seen) for seen in (1, 9, 10)] == [10, 10, 10]


def test_the_head_of_a_long_log_is_found_from_any_number(log: Log) -> None:
    fill(log, "demo", 70)
    assert {log.head("demo", at_least=seen) for seen in range(71)} == {70}


def test_of_racing_writers_one_wins_each_number_and_all_agree_who(log: Log) -> None:
    outcomes: dict[int, list[tuple[bytes, bytes]]] = {number: [] for number in range(1, 21)}
    start = threading.Barrier(6)

    def publish(writer: int) -> None:
        start.wait()
        for number, seen in outcomes.items():
            mine = b"writer %d" % writer
            commit = log.append("demo", number, mine)
            assert commit.state is not CommitState.UNKNOWN
            seen.append((mine, commit.winner or mine))

    threads = [threading.Thread(target=publish, args=(writer,)) for writer in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, seen in outcomes.items():
        assert len(seen) == 6
        assert {winner for _, winner in seen} == {log.read("demo", number)}
        assert sum(mine == winner for mine, winner in seen) == 1
    assert log.head("demo") == 20


@pytest.mark.parametrize("stream", ["", "..", "a/b", "A", "a b", "-a", "a" * 65])
def test_a_stream_has_a_plain_name(log: Log, stream: str) -> None:
    with pytest.raises(Invalid, match="stream"):
        log.append(stream, 1, b"x")
    assert log.streams() == []


def test_a_destroyed_stream_is_gone_and_may_begin_again(log: Log) -> None:
    fill(log, "demo", 5)
    fill(log, "other", 2)
    log.destroy("demo")
    assert (log.head("demo"), log.streams()) == (0, ["other"])
    with pytest.raises(Missing):
        log.read("demo", 1)
    log.destroy("demo")
    fill(log, "demo", 1)
    assert log.head("demo") == 1
