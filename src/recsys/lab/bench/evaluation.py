"""``recsys bench eval``: what an evaluation of a large log costs, beside the bare query for the same two numbers.

Both run in processes of their own, on the same files, with the same memory for the engine and as many threads.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from recsys.errors import Failed
from recsys.evaluation.engine import memory_for
from recsys.lab.bench.log import Log, LogShape, Mode, make_log, truth
from recsys.lab.bench.one_evaluation import Figure, Figures, Job, run_job
from recsys.lab.machine import Machine, this_machine
from recsys.progress import Progress

__all__ = ["EvaluationBench", "Judged", "run"]

_CLOSE = 1e-9
"""How far two means may lie apart: the evaluation counts a value in 10⁻¹⁰, the query adds floats."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One run of ``who``: ``evaluation`` or ``query``. ``seconds``: of the process, its start included; ``cpu_s``: of
    cores. ``peak_mb``: the most it held resident. ``took_s``: by stage, of the evaluation. ``size_bytes``: of what was
    read.
    """

    who: str
    kind: str
    mode: Mode
    seconds: float
    cpu_s: float
    peak_mb: float
    size_bytes: int
    took_s: dict[str, float]

    def line(self) -> str:
        """Write it for people."""
        stages = ", ".join(f"{stage} {took:.1f}" for stage, took in self.took_s.items())
        return (
            f"{self.kind:>8}  {self.mode} {self.who}: {self.seconds:.1f} s{f' ({stages})' if stages else ''}, "
            f"{self.cpu_s:.1f} s of cores, {self.peak_mb:,.0f} MB; read {self.size_bytes / 1e9:.2f} GB"
        )


class EvaluationBench(msgspec.Struct, frozen=True, kw_only=True):
    """The figures. ``ratios``: seconds of the evaluation over those of the bare query, by kind of file, and
    ``cpu_ratios`` the same of cores; ``figures``: how many numbers both gave, all of them the same.
    """

    shape: LogShape
    runs: tuple[Judged, ...]
    ratios: dict[str, float]
    cpu_ratios: dict[str, float]
    figures: int
    memory_limit: str
    machine: Machine

    def table(self) -> str:
        """Write the figures for people."""
        shape = self.shape
        lines = [one.line() for one in self.runs]
        lines += [
            f"{kind:>8}  evaluation to bare query: {ratio:.2f} by the clock, {self.cpu_ratios[kind]:.2f} by cores"
            for kind, ratio in self.ratios.items()
        ]
        if self.figures:
            lines.append(f"{self.figures} figures, the same from both and as the log was made")
        lines.append(
            f"{shape.exposures:,} exposures of {shape.items} items, {shape.outcomes:,} outcomes, "
            f"{shape.slices} slices; the engine may hold {self.memory_limit}"
        )
        lines.append(self.machine.line())
        return "\n".join(lines)


def run(
    shape: LogShape,
    *,
    kinds: tuple[str, ...],
    folder: Path | None,
    progress: Progress,
    say: Callable[[str], None],
) -> EvaluationBench:
    """Measure each kind of file (``parquet``, ``jsonl``); says each figure when it is there.

    The log is kept in ``folder`` and taken from there; without one it is made and removed. Of other modes than offline
    there is no bare query.

    Raises
    ------
    UsageError
        For a shape that no log has.
    Failed
        When a run fails, when the two do not find the same numbers, or when the log does not fit the disk.
    """
    shape.check()
    runs: list[Judged] = []
    ratios: dict[str, float] = {}
    cpu_ratios: dict[str, float] = {}
    figures = 0
    with ExitStack() as stack:
        kept = folder or Path(stack.enter_context(TemporaryDirectory(prefix="recsys-bench-")))
        log = make_log(shape, kept / _name(shape), kinds=kinds, progress=progress)
        for kind in kinds:
            with progress(f"evaluation of {shape.exposures:,} exposures, {kind}"):
                measured, evaluated = _measure(log, kind, "evaluation")
            runs.append(measured)
            say(measured.line())
            if shape.mode != "offline":
                continue
            with progress(f"bare query of {shape.exposures:,} exposures, {kind}"):
                bare, asked = _measure(log, kind, "query")
            runs.append(bare)
            say(bare.line())
            figures += _same(evaluated.figures, asked.figures)
            _check_truth(evaluated.figures[0], shape)
            ratios[kind] = measured.seconds / bare.seconds
            cpu_ratios[kind] = measured.cpu_s / bare.cpu_s
    return EvaluationBench(
        shape=shape,
        runs=tuple(runs),
        ratios=ratios,
        cpu_ratios=cpu_ratios,
        figures=figures,
        memory_limit=memory_for(shape.mode),
        machine=this_machine(),
    )


def _name(shape: LogShape) -> str:
    return f"log-{shape.mode}-{shape.exposures}-{shape.outcomes}-{shape.items}-{shape.slices}-{shape.seed}"


def _measure(log: Log, kind: str, who: str) -> tuple[Judged, Figures]:
    done, found = run_job(Job(who=who, kind=kind, log=log))
    judged = Judged(
        who=who,
        kind=kind,
        mode=log.shape.mode,
        seconds=done.seconds,
        cpu_s=done.cpu_s,
        peak_mb=done.peak_mb,
        size_bytes=log.size_bytes(kind),
        took_s=found.took_s,
    )
    return judged, found


def _same(ours: tuple[Figure, ...], theirs: tuple[Figure, ...]) -> int:
    """Return how many numbers there are; raises :class:`Failed` with the first that differs."""
    if [each.where for each in ours] != [each.where for each in theirs]:
        raise Failed("the evaluation and the bare query found other slices", next_step="one of them is wrong")
    for one, other in zip(ours, theirs, strict=True):
        apart = max(abs(one.ndcg - other.ndcg), abs(one.ctr - other.ctr))
        if one.requests != other.requests or apart > _CLOSE:
            raise Failed(
                f"the evaluation found {one} and the bare query {other}",
                next_step="one of them is wrong: find out which",
            )
    return 2 * len(ours)


def _check_truth(found: Figure, shape: LogShape) -> None:
    known = truth(shape)
    if max(abs(found.ndcg - known.ndcg), abs(found.ctr - known.ctr)) > _CLOSE:
        raise Failed(f"both found {found}, and the log was made with {known}", next_step="report it: both are wrong")
