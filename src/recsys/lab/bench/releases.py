"""``recsys bench releases``: durable commits a second of publishers racing on one tenant, beside the disk's rate."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Literal

import msgspec

from recsys.errors import Failed, Refused
from recsys.lab.bench.shop import publish_shop
from recsys.lab.machine import Machine, this_machine
from recsys.progress import Progress
from recsys.releases import Releases, create_tenant
from recsys.store import open_store

__all__ = ["Job", "Race", "ReleasesBench", "Tally", "run", "work"]

_TENANT = "bench"
_RECORD_BYTES = 1_500
"""What the bare writer of the disk's own rate writes: about a release record."""

_READY = b"ready\n"

Kind = Literal["ship", "withdraw", "disk"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What one process does for ``seconds``: ``ship`` one of ``manifests`` after the other on a surface of its own (a
    commit writes a record), ``withdraw`` items (a blob and a record), or ``disk``: nothing but write a file, force it,
    link it and force its directory.
    """

    kind: Kind
    where: str
    who: int
    seconds: float
    manifests: tuple[str, ...] = ()


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What one process did: commits (or files), calls of fsync, and the seconds it took."""

    done: int
    fsyncs: int
    seconds: float


class Race(msgspec.Struct, frozen=True, kw_only=True):
    """Some publishers at once.

    ``disk_pairs_s``: pairs of a file's and its directory's fsync a second that one bare writer reached just before and
    just after. ``disk_racing_pairs_s``: that as many bare writers as publishers reached together. ``share``: commits a
    second, of what one bare writer would make if a commit cost it no more than ``fsyncs_per_commit``.
    """

    kind: Kind
    publishers: int
    commits: int
    commits_s: float
    fsyncs_per_commit: float
    disk_pairs_s: float
    disk_racing_pairs_s: float
    share: float


class ReleasesBench(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run."""

    races: tuple[Race, ...]
    seconds: float
    file_system: str
    machine: Machine

    def table(self) -> str:
        """Write the figures for people."""
        head = f"{'':10}{'publishers':>11}{'commits/s':>11}{'fsyncs/commit':>15}{'disk pairs/s':>14}"
        lines = [f"{head}{'racing':>9}{'of the disk':>13}"]
        lines += [
            f"{race.kind:10}{race.publishers:>11}{race.commits_s:>11,.0f}{race.fsyncs_per_commit:>15.2f}"
            f"{race.disk_pairs_s:>14,.0f}{race.disk_racing_pairs_s:>9,.0f}{race.share:>13.2f}"
            for race in self.races
        ]
        lines.append(
            "one tenant, local store; a pair is the fsync of a file and of its directory by a bare writer, alone, and "
            "racing with as many as publishers; of the disk: commits/s, of what one bare writer makes at those fsyncs; "
            f"each figure over {self.seconds:g} s"
        )
        lines.append(f"{self.machine.line()}; {self.file_system}")
        return "\n".join(lines)


def run(
    *,
    publishers: int,
    seconds: float,
    folder: Path,
    progress: Progress,
    kinds: tuple[Kind, ...] = ("ship", "withdraw"),
) -> ReleasesBench:
    """Measure on the disk that ``folder`` lies on; ``publishers`` processes at once, and one alone."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="recsys-bench-", dir=folder) as temporary:
        root = Path(temporary)
        day = datetime.now(UTC).date().isoformat()
        with progress("publishing the shop"):
            store = open_store(root / "store")
            create_tenant(store, _TENANT, actor="bench")
            shipped = [
                tuple(publish_shop(store, _TENANT, items=8, surface=f"s{who}", day=day, seed=seed) for seed in (1, 2))
                for who in range(publishers)
            ]
        races = []
        for kind in kinds:
            for together in sorted({1, publishers}):
                with progress(f"{kind}, {together} at once"):
                    races.append(_race(root, kind, shipped[:together], seconds))
        return ReleasesBench(
            races=tuple(races), seconds=seconds, file_system=_file_system(root), machine=this_machine()
        )


def _race(root: Path, kind: Kind, shipped: list[tuple[str, ...]], seconds: float) -> Race:
    together = len(shipped)
    before = _alone(root, seconds)
    store = str(root / "store")
    jobs = [
        Job(kind=kind, where=store, who=who, seconds=seconds, manifests=manifests)
        for who, manifests in enumerate(shipped)
    ]
    raced = _together(jobs)
    after = _alone(root, seconds)
    racing = _together([_bare(root, who, seconds) for who in range(together)]) if together > 1 else [after]
    commits, fsyncs = sum(one.done for one in raced), sum(one.fsyncs for one in raced)
    if not commits:
        raise Failed("no publisher came to a commit in time", next_step="give it more --seconds")
    pairs_s = _rate([before, after]) / 2
    commits_s, each = _rate(raced), fsyncs / commits
    return Race(
        kind=kind,
        publishers=together,
        commits=commits,
        commits_s=commits_s,
        fsyncs_per_commit=each,
        disk_pairs_s=pairs_s,
        disk_racing_pairs_s=_rate(racing),
        share=commits_s / (2 * pairs_s / each),
    )


def _bare(root: Path, who: int, seconds: float) -> Job:
    return Job(kind="disk", where=str(root / f"disk-{who}"), who=who, seconds=seconds)


def _alone(root: Path, seconds: float) -> Tally:
    return work(_bare(root, 0, seconds), ready=lambda: None)


def _rate(tallies: list[Tally]) -> float:
    return sum(one.done / one.seconds for one in tallies)


def _together(jobs: list[Job]) -> list[Tally]:
    """Run each job in a process of its own; none begins before all are ready."""
    command = [sys.executable, "-m", "recsys.lab.bench.releases"]
    with ExitStack() as stack:
        begun = [stack.enter_context(_process(command, job)) for job in jobs]
        for lines, _ in begun:
            if lines.readline() != _READY:
                raise Failed("a publisher of the benchmark did not start", next_step="see its error above")
        for _, go in begun:
            go.write(b"go\n")
            go.flush()
        ends = [lines.read() for lines, _ in begun]
    if not all(ends):
        raise Failed("a publisher of the benchmark failed", next_step="see its error above")
    return [msgspec.json.decode(end, type=Tally) for end in ends]


@contextmanager
def _process(command: list[str], job: Job) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Start a process on a job; gives what it says and what it hears, and ends it with the block."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            process.stdin.flush()
            yield process.stdout, process.stdin
        finally:
            process.kill()


def work(job: Job, *, ready: Callable[[], None]) -> Tally:
    """Do a job, counting every fsync of this process from the moment ``ready`` returned."""
    with ExitStack() as stack:
        step = stack.enter_context(_bare_writer(Path(job.where))) if job.kind == "disk" else _publisher(job)
        fsyncs = stack.enter_context(_counted())
        ready()
        fsyncs.clear()
        began = time.monotonic()
        done = 0
        while time.monotonic() - began < job.seconds:
            done += step()
        return Tally(done=done, fsyncs=len(fsyncs), seconds=time.monotonic() - began)


def _publisher(job: Job) -> Callable[[], int]:
    own = Releases(open_store(job.where, create=False), _TENANT, actor=f"bench-{job.who}")
    manifests, turns = cycle(job.manifests), cycle((own.withdraw, own.restore_items))

    def step() -> int:
        try:
            if job.kind == "ship":
                return own.ship(f"s{job.who}", next(manifests)).changed
            return next(turns)([f"item-{job.who}"]).changed
        except Refused:
            return 0

    return step


@contextmanager
def _bare_writer(folder: Path) -> Iterator[Callable[[], int]]:
    """Give one turn of the least that makes a file durable: written, forced, linked, its directory forced."""
    folder.mkdir(exist_ok=True)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    data, numbers = bytes(_RECORD_BYTES), count(time.monotonic_ns())

    def step() -> int:
        name = f"{os.getpid()}-{next(numbers)}"
        file = os.open(f"{name}.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=directory)
        try:
            os.write(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        os.link(f"{name}.part", name, src_dir_fd=directory, dst_dir_fd=directory)
        os.unlink(f"{name}.part", dir_fd=directory)
        os.fsync(directory)
        return 1

    try:
        yield step
    finally:
        os.close(directory)


@contextmanager
def _counted() -> Iterator[list[int]]:
    """Put a count before ``os.fsync``, through which all of this program forces its files."""
    calls: list[int] = []
    real = os.fsync

    def counting(handle: int) -> None:
        calls.append(handle)
        real(handle)

    os.fsync = counting  # type: ignore[assignment]
    try:
        yield calls
    finally:
        os.fsync = real


def _file_system(path: Path) -> str:
    """Name the kind of file system a path lies on: on one in memory fsync costs nothing."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    beneath = [(place, kind) for place, kind in mounts if path.resolve().is_relative_to(place)]
    return max(beneath, key=lambda mount: len(mount[0]), default=("", "unknown file system"))[1]


def _main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)

    def ready() -> None:
        sys.stdout.buffer.write(_READY)
        sys.stdout.buffer.flush()
        sys.stdin.buffer.readline()

    sys.stdout.buffer.write(msgspec.json.encode(work(job, ready=ready)))


if __name__ == "__main__":
    _main()
