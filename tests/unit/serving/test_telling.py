"""Workers of a host tell each other, through real sockets."""

from contextlib import ExitStack, closing

from tests.integration.serving.shops import until

from recsys.events import Interaction
from recsys.serving.tail import Standing, Tail
from recsys.serving.telling import Telling

NOW = 1_795_348_800.0


def worker(folder, name):
    tail = Tail(lambda _tenant: Standing("k1", frozenset()))
    telling = Telling(folder, name, tail, wall=lambda: NOW)
    telling.start()
    return tail, telling


def click(item_id, user="u"):
    return Interaction(ts="2026-11-22T12:00:00Z", item_id=item_id, event_type="click", user_id=user)


def knows(tail, item_id, user="u"):
    return item_id in [event.item_id for event in tail.of("demo", user, erased=frozenset())]


def test_what_one_worker_accepts_all_know(tmp_path):
    folder = tmp_path / ("long" * 40) / "tails"  # longer than the address of a socket may be
    with ExitStack() as stack:
        workers = [worker(folder, f"worker-{number}") for number in range(3)]
        for _, telling in workers:
            stack.enter_context(closing(telling))
        workers[1][1].tell("demo", "k1", [click("a")])
        for tail, _ in workers:
            until(lambda tail=tail: knows(tail, "a"), "the event")


def test_a_large_post_arrives_whole(tmp_path):
    tail, telling = worker(tmp_path / "tails", "worker-0")
    with closing(telling):
        telling.tell("demo", "k1", [click("é" * 250, user=f"u{n}") for n in range(1000)])
        until(lambda: len(tail) == 1000, "all events")


def test_a_worker_that_died_stops_nobody_and_begins_again_with_nothing(tmp_path):
    folder = tmp_path / "tails"
    (tail, telling), (_, dead) = worker(folder, "worker-0"), worker(folder, "worker-1")
    telling.tell("demo", "k1", [click("a")])
    until(lambda: knows(tail, "a"), "the event")
    dead.close()
    (folder / "worker-1").touch()  # as after a kill: what is in the folder hears nothing
    with closing(telling):
        telling.tell("demo", "k1", [click("b")])
        until(lambda: knows(tail, "b"), "the event")
        again, third = worker(folder, "worker-1")
        with closing(third):
            assert len(again) == 0
            telling.tell("demo", "k1", [click("c")])
            until(lambda: knows(again, "c"), "the event")


def test_bytes_that_mean_nothing_are_passed_over(tmp_path):
    import socket

    folder = tmp_path / "tails"
    tail, telling = worker(folder, "worker-0")
    with closing(telling), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"\xc1nonsense", str(folder / "worker-0"))
        telling.tell("demo", "k1", [click("a")])
        until(lambda: knows(tail, "a"), "the event")


def test_where_the_disk_has_no_place_for_sockets_nothing_is_told_and_nothing_fails(tmp_path):
    (tmp_path / "tails").write_bytes(b"not a folder")
    tail, telling = worker(tmp_path / "tails", "worker-0")
    with closing(telling):
        telling.tell("demo", "k1", [click("a")])
        assert len(tail) == 0


def test_only_this_services_user_may_enter_the_folder(tmp_path):
    with closing(worker(tmp_path / "tails", "worker-0")[1]):
        assert (tmp_path / "tails").stat().st_mode & 0o777 == 0o700
