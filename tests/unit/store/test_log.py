"""The log over objects: the three outcomes of an append, and a pointer that may be wrong in every way."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.faulty import Fault, FaultyObjects, StillClock

from recsys.encoding import canonical
from recsys.store import CommitState, Denied, Missing, Truncated, Unavailable
from recsys.store.log import ObjectLog
from recsys.store.memory import MemoryObjects

POINTER = "releases/demo/current.json"
FAULTS = st.lists(st.sampled_from(Fault), max_size=6)
COMMITTED, LOST, UNKNOWN = CommitState.COMMITTED, CommitState.LOST, CommitState.UNKNOWN


def log_over(objects: MemoryObjects | FaultyObjects) -> ObjectLog:
    clock = StillClock()
    return ObjectLog(objects, "releases", clock=clock, sleep=clock.sleep)


def filled(count: int) -> MemoryObjects:
    inner = MemoryObjects()
    log = log_over(inner)
    for number in range(1, count + 1):
        log.append("demo", number, b"record %d" % number)
    return inner


def another_writes(inner: MemoryObjects, number: int) -> Callable[[], None]:
    return lambda: inner.create(f"releases/demo/{number:010d}.json", b"theirs") and None


# What one fault does to an append.


@pytest.mark.parametrize("fault", [Fault.LOST_AFTER, Fault.LOST_BEFORE, Fault.LATE, Fault.EXISTS_FOR_OWN])
def test_a_write_whose_reply_went_wrong_is_settled_as_committed(fault: Fault) -> None:
    inner = filled(2)
    objects = FaultyObjects(inner, creates=[fault])
    assert log_over(objects).append("demo", 3, b"mine").state is COMMITTED
    assert log_over(inner).read("demo", 3) == b"mine"
    assert log_over(inner).head("demo") == 3


@pytest.mark.parametrize("fault", list(Fault))
def test_when_another_was_first_it_is_lost_whatever_the_reply(fault: Fault) -> None:
    inner = filled(2)
    objects = FaultyObjects(inner, creates=[fault], before_create=another_writes(inner, 3))
    commit = log_over(objects).append("demo", 3, b"mine")
    assert (commit.state, commit.winner) == (LOST, b"theirs")


def test_our_own_record_found_again_is_made_durable_before_it_counts() -> None:
    objects = FaultyObjects(filled(2), creates=[Fault.LOST_AFTER])
    log_over(objects).append("demo", 3, b"mine")
    assert objects.calls.index("confirm") > objects.calls.index("create")

    never_durable = FaultyObjects(filled(2), creates=[Fault.LOST_AFTER], confirms=[Fault.LOST_BEFORE] * 1000)
    assert log_over(never_durable).append("demo", 3, b"mine").state is UNKNOWN


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.EXISTS_FOR_NOTHING])
def test_absence_never_means_lost(fault: Fault) -> None:
    inner = filled(2)
    commit = log_over(FaultyObjects(inner, creates=[fault] * 1000)).append("demo", 3, b"mine")
    assert (commit.state, commit.number, commit.winner) == (UNKNOWN, 3, None)
    assert not inner.exists("releases/demo/0000000003.json")


def test_an_unknown_outcome_is_resumed_by_the_same_bytes() -> None:
    inner = filled(2)
    stuck = FaultyObjects(inner, creates=[Fault.LOST_AFTER], reads=[Fault.LOST_BEFORE] * 1000)
    assert log_over(stuck).append("demo", 3, b"mine", patience_s=1.0).state is UNKNOWN
    assert log_over(inner).append("demo", 3, b"mine").state is COMMITTED
    assert log_over(inner).append("demo", 3, b"other").state is LOST


def test_patience_bounds_how_long_an_append_tries() -> None:
    clock = StillClock()
    objects = FaultyObjects(filled(2), creates=[Fault.LOST_BEFORE] * 10_000)
    log = ObjectLog(objects, "releases", clock=clock, sleep=clock.sleep)
    assert log.append("demo", 3, b"mine", patience_s=10.0).state is UNKNOWN
    assert 9.0 < clock.now_s <= 10.0
    assert objects.calls.count("create") < 40


@pytest.mark.parametrize(("fault", "error"), [(Fault.UNTOUCHED, Unavailable), (Fault.DENIED, Denied)])
def test_a_write_that_surely_never_left_is_an_error_at_once(fault: Fault, error: type[Exception]) -> None:
    inner = filled(2)
    objects = FaultyObjects(inner, creates=[fault] * 2)
    with pytest.raises(error):
        log_over(objects).append("demo", 3, b"mine")
    assert objects.calls.count("create") == 1
    assert log_over(inner).head("demo") == 2


def test_being_denied_after_a_lost_reply_is_unknown_and_no_refusal() -> None:
    objects = FaultyObjects(filled(2), creates=[Fault.LOST_BEFORE] + [Fault.DENIED] * 1000, reads=[Fault.DENIED] * 1000)
    assert log_over(objects).append("demo", 3, b"mine").state is UNKNOWN


@given(creates=FAULTS, reads=FAULTS, confirms=FAULTS, rival_comes_at=st.none() | st.integers(0, 5))
def test_no_mixture_of_faults_makes_a_false_report(
    creates: list[Fault], reads: list[Fault], confirms: list[Fault], rival_comes_at: int | None
) -> None:
    inner = filled(1)
    calls = iter(range(1_000_000))
    rival = another_writes(inner, 2)
    objects = FaultyObjects(
        inner,
        creates=creates,
        reads=reads,
        confirms=confirms,
        before_create=lambda: rival() if next(calls) == rival_comes_at else None,
    )
    log = log_over(objects)
    try:
        state: CommitState | None = log.append("demo", 2, b"mine", patience_s=0.2).state
    except (Unavailable, Denied):
        state = None
    objects.exists(POINTER)  # a late write arrives now, if it still can
    standing = inner.read("releases/demo/0000000002.json") if log_over(inner).head("demo") == 2 else None
    if state is COMMITTED:
        assert standing == b"mine"
    elif state is LOST:
        assert standing == b"theirs"
    elif state is None:
        assert standing != b"mine"
    resumed = log_over(inner).append("demo", 2, b"mine").state
    assert resumed is (LOST if standing == b"theirs" else COMMITTED)


# What the pointer costs, and what it cannot spoil.


def test_a_commit_that_could_not_move_the_pointer_stands() -> None:
    class NoPointer(FaultyObjects):
        def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
            raise Denied(self.name, key)

    inner = filled(2)
    assert log_over(NoPointer(inner)).append("demo", 3, b"mine").state is COMMITTED
    assert log_over(inner).head("demo") == 3


def test_an_append_costs_one_look_back_one_write_and_the_pointer() -> None:
    objects = FaultyObjects(filled(2))
    log_over(objects).append("demo", 3, b"x")
    assert objects.calls == ["exists", "create", "read", "replace"]


def test_the_head_costs_one_probe_for_a_follower_with_nothing_new_and_three_cold() -> None:
    objects = FaultyObjects(filled(30))
    log_over(objects).head("demo", at_least=30)
    assert objects.calls == ["exists"]
    objects.calls.clear()
    log_over(objects).head("demo")
    assert objects.calls == ["read", "exists", "exists"]


def test_a_lost_pointer_is_rebuilt_in_few_probes() -> None:
    inner = filled(1000)
    inner.delete(POINTER)
    objects = FaultyObjects(inner)
    assert log_over(objects).head("demo") == 1000
    assert objects.calls.count("exists") <= 2 * 10 + 1  # doubling and bisection: 2 log2(1000)


@given(length=st.integers(0, 40), left_behind=st.integers(0, 40))
def test_a_pointer_left_behind_is_passed_and_the_next_append_repairs_it(length: int, left_behind: int) -> None:
    inner = filled(length)
    if left_behind < length:
        inner.delete(POINTER)
        if left_behind:
            inner.create(POINTER, filled(left_behind).read(POINTER))
    log = log_over(inner)
    assert log.head("demo") == length
    log.append("demo", length + 1, b"next")
    assert inner.read(POINTER) == filled(length + 1).read(POINTER)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\0" * 40,
        b"{",
        b"[]",
        b'{"number":7}',
        b"\xff\xfe",
        canonical({"number": 9, "check": "0" * 16}),
        canonical({"number": "7", "check": ""}),
    ],
)
def test_a_damaged_pointer_is_as_good_as_none(damage: bytes) -> None:
    inner = filled(7)
    inner.replace(POINTER, damage)
    assert log_over(inner).head("demo") == 7


@given(bit=st.integers(0, 8 * len(filled(7).read(POINTER)) - 1))
def test_a_flipped_bit_in_the_pointer_never_moves_the_head(bit: int) -> None:
    inner = filled(7)
    pointer = bytearray(inner.read(POINTER))
    pointer[bit // 8] ^= 1 << bit % 8
    inner.replace(POINTER, bytes(pointer))
    assert log_over(inner).head("demo") == 7


def test_a_pointer_of_another_stream_is_not_believed() -> None:
    inner = filled(3)
    log = log_over(inner)
    for number in range(1, 8):
        log.append("other", number, b"x")
    inner.replace(POINTER, inner.read("releases/other/current.json"))
    assert log.head("demo") == 3


def test_a_pointer_past_the_end_says_that_records_were_lost() -> None:
    inner = filled(7)
    for number in (6, 7):
        inner.delete(f"releases/demo/{number:010d}.json")
    log = log_over(inner)
    with pytest.raises(Truncated, match="record 7"):
        log.head("demo")
    with pytest.raises(ValueError, match="gap"):
        log.append("demo", 8, b"x")
    assert log.head("demo", at_least=5) == 5  # a follower goes on with what it has


def test_an_older_writer_does_not_take_the_pointer_back() -> None:
    inner = filled(9)
    before = inner.read(POINTER)
    assert log_over(inner).append("demo", 4, b"record 4").state is COMMITTED
    assert inner.read(POINTER) == before


def test_a_record_that_is_not_there_is_missing() -> None:
    with pytest.raises(Missing):
        log_over(filled(2)).read("demo", 3)
