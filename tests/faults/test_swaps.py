"""F8: readers while releases are swapped under them. No answer may be of two generations."""

import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from tests.faults.conftest import Counting
from tests.faults.counts import FULL, Count
from tests.faults.disks import quick_disk
from tests.faults.hosts import Host, Worker
from tests.faults.swaps import Changing, Expected
from tests.integration.serving.shops import Served, served, until

READERS = 8
SWAPS = 1_000 if FULL else 30
SWAPS_OVER_HTTP = 1_000 if FULL else 10

Seen = tuple[int, Expected, Expected]
"""A generation, what came with it in the answer, and what the exposure beside the answer says of the same."""


def test_readers_in_eight_processes_never_see_two_generations_in_one_answer(counting: Counting) -> None:
    with counting("F8", f"{READERS} readers in processes during swaps") as count, quick_disk() as disk:
        changing = Changing(disk, seed=count.seed)
        with Host(disk / "store", disk / "host") as host:
            host.follow_to(changing.head)
            with _Readers(disk / "host") as readers:
                for _ in range(SWAPS):
                    generation = changing.change()
                    host.follow_to(generation)
                    readers.all_at(generation)
                    count.survived()
                seen, answers = readers.stop()
        _judge(seen, changing, count)
        count.notes |= {"answers": answers, "generations seen": len({generation for generation, *_ in seen})}
        assert len({generation for generation, *_ in seen}) == SWAPS + 1


@pytest.mark.long
def test_clients_of_the_real_service_never_see_two_generations_in_one_answer(
    counting: Counting,
) -> None:
    with counting("F8", f"{READERS} clients over HTTP during swaps") as count, quick_disk() as disk:
        changing = Changing(disk, seed=count.seed)
        with served(changing.shop, workers=2) as service, _Clients(service) as clients:
            clients.all_at(changing.head)
            for _ in range(SWAPS_OVER_HTTP):
                clients.all_at(changing.change())
                count.survived()
            seen, answers = clients.stop()
        _judge(seen, changing, count)
        count.notes |= {"answers": answers, "generations seen": len({generation for generation, *_ in seen})}
        assert len({generation for generation, *_ in seen}) == SWAPS_OVER_HTTP + 1


def _judge(seen: set[Seen], changing: Changing, count: Count) -> None:
    for generation, told, recorded in sorted(seen):
        expected = changing.expected.get(generation)
        if told != expected:
            count.wrong(f"generation {generation} answered {told}, not {expected}")
        if recorded != expected:
            count.wrong(f"generation {generation} was recorded with {recorded}, not {expected}")


class _Readers:
    """Processes that answer all the time, each as a worker does: one thread takes over, another answers."""

    def __init__(self, host: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.faults.test_swaps"])
        self._stop = context.RawValue("b", 0)  # no locks: a reader that dies must not keep one
        self._at = context.RawArray("q", READERS)
        self._pipes: list[Connection] = []
        self._processes: list[Any] = []
        for number in range(READERS):
            ours, theirs = context.Pipe(duplex=False)
            self._pipes.append(ours)
            arguments = (host, number, self._stop, self._at, theirs)
            self._processes.append(context.Process(target=_read, args=arguments, daemon=True))

    def __enter__(self) -> "_Readers":
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.value = 1
        for process in self._processes:
            process.join(60)
            process.kill()

    def all_at(self, generation: int) -> None:
        """Wait until each of them has answered from this generation."""
        until(lambda: min(self._at[:]) >= generation, f"readers at generation {generation}", timeout_s=60.0)

    def stop(self) -> tuple[set[Seen], int]:
        """End them; return all they saw, and in how many answers."""
        self._stop.value = 1
        assert all(pipe.poll(60) for pipe in self._pipes), "a reader died"
        told = [pipe.recv() for pipe in self._pipes]
        return set().union(*(seen for seen, _ in told)), sum(answers for _, answers in told)


def _read(host: Path, number: int, stop: Any, at: Any, told: Connection) -> None:
    worker = Worker(host)
    taker = threading.Thread(target=_take_over, args=(worker, stop), daemon=True)
    taker.start()
    seen: set[Seen] = set()
    answers = 0
    while not stop.value:
        given = worker.answer_as_it_is()
        assert given is not None
        answers += 1
        assert (given.config, given.rules, given.manifest) == tuple(map(str, given.recorded)), given
        told_of = (given.ids, str(given.config), str(given.rules), str(given.manifest))
        recorded = (given.ids, *map(str, given.recorded))
        seen.add((given.generation, told_of, recorded))  # type: ignore[arg-type]
        at[number] = given.generation
        time.sleep(0.001)  # without it eight processes keep two cores from everything that swaps
    told.send((seen, answers))


def _take_over(worker: Worker, stop: Any) -> None:
    while not stop.value:
        if worker.hosted.is_news():
            worker.hosted.take_over()
        time.sleep(0.001)  # twenty times as often as the service looks


class _Clients:
    """Threads that ask the service without a pause."""

    def __init__(self, service: Served) -> None:
        self._service = service
        self._ended = threading.Event()
        self._at = [0] * READERS
        self._pool = ThreadPoolExecutor(READERS)

    def __enter__(self) -> "_Clients":
        self._jobs = [self._pool.submit(self._ask, number) for number in range(READERS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._pool.shutdown()

    def all_at(self, generation: int) -> None:
        """Wait until each of them has had an answer of this generation."""

        def there() -> bool:
            for job in self._jobs:
                if job.done():
                    job.result()
            return min(self._at) >= generation

        until(there, f"clients at generation {generation}", timeout_s=60.0)

    def stop(self) -> tuple[set[Seen], int]:
        """End them; return all they saw, and in how many answers."""
        self._ended.set()
        told = [job.result() for job in self._jobs]
        return set().union(*(seen for seen, _ in told)), sum(answers for _, answers in told)

    def _ask(self, number: int) -> tuple[set[Seen], int]:
        seen: set[Seen] = set()
        answers = 0
        while not self._ended.is_set():
            given = self._service.recommend(k=200)
            assert given.status == 200, given.body
            meta = given.json["meta"]
            if meta["rung"] == "floor" and not self._at[number]:
                continue  # ready from the floor, before the worker's first look at what the follower loaded
            ids = tuple(item["item_id"] for item in given.json["items"])
            told = (ids, meta["config_version"], meta["rules_version"], meta["manifest_version"])
            seen.add((meta["generation"], told, told))
            self._at[number] = max(self._at[number], meta["generation"])
            answers += 1
        return seen, answers
