"""A pipeline run in the words of its page: how it ended and why, each stage, and what its checks measured."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from recsys.console.charts import Chart, Mark
from recsys.encoding import parse_rfc3339
from recsys.operations.doctor import Symptom
from recsys.operations.doctor.pipeline import SYMPTOM_OF
from recsys.operations.thresholds import THRESHOLDS
from recsys.pipelines import LastRun
from recsys.pipelines.drift import DriftLimits
from recsys.pipelines.report import STAGES, Measured
from recsys.signals import SIGNALS

__all__ = ["Drift", "Shown", "Stage", "charts_of", "drift_of", "how_it_went"]

Ended = Literal["shipped", "unchanged", "published", "failed", "running", "killed"]

_WORDS: Mapping[Ended, tuple[str, str]] = {
    "shipped": ("healthy", "shipped"),
    "unchanged": ("healthy", "nothing new"),
    "published": ("degraded", "made, not shipped"),
    "failed": ("failing", "failed"),
    "running": ("unknown", "under way"),
    "killed": ("failing", "never ended"),
}
"""The state that colours it, and the word."""

_RUNBOOKS = {
    "CHECKS_FAILED": "validation-failed",
    "GATE_FAILED": "validation-failed",
    "LESS_THAN_LIVE": "validation-failed",
    "LIMIT_EXCEEDED": "limit-exceeded",
    "HELD": "hold-and-resume",
}

_CHECKS = {
    "unknown_item_share": "items of the events that the catalogue does not know",
    "anonymous_share": "events of nobody who is known",
    "outside_share": "rows outside the window",
    "duplicate_share": "rows that repeat an event id",
    "top_user_share": "events of the busiest user",
    "top_user_day_share": "events of a day's busiest user",
    "days_missing": "days without events at the end",
    "low_volume": "smallest new day, of a usual one",
    "last_day_volume": "the last day, of a usual one",
    "high_volume": "largest new day, of a usual one",
    "repeated_share": "events of a day that are told again",
    "clock_gain": "how much better the hours fit with the clock moved",
    "top_share": "popularity that is on one item",
    "window_days_back": "days that the data ends before what is served",
    "max_empty_rate": "replay gate: empty lists",
    "min_overlap": "replay gate: items that lists keep",
    "max_p99_ms": "replay gate: ms to rank one request, p99",
    "violations": "replay gate: lists with what must not be shown",
}
_OVER = {"low_volume", "last_day_volume", "high_volume"}
"""Ratios that may be above 1: times, not a share of something."""
_PLAIN = {"days_missing", "window_days_back", "clock_gain", "max_p99_ms", "violations"}
"""Counts, and what has no unit."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of a run. ``state``: it ended, it is at work, the run stopped in it, or it never came to it."""

    name: str
    state: Literal["done", "now", "stopped", "not_reached"]
    took_s: float | None

    @property
    def says(self) -> str:
        """Return the state in words."""
        return {"done": "done", "now": "at work", "stopped": "stopped here", "not_reached": "not reached"}[self.state]


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """What a check measured, as people read it. ``against``: it was held against what is served."""

    name: str
    title: str
    seen: str
    limit: str
    ok: bool
    warning: bool
    against: bool


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is shown. ``said`` and ``next_step``: why it failed and what to do about it; ``runbook`` by name."""

    run: LastRun
    ended: Ended
    stages: tuple[Stage, ...]
    said: str = ""
    next_step: str = ""
    runbook: str = ""

    @property
    def state(self) -> str:
        """Return the state that colours it."""
        return _WORDS[self.ended][0]

    @property
    def word(self) -> str:
        """Return in a word how it ended."""
        return _WORDS[self.ended][1]

    @property
    def symptom(self) -> Symptom:
        """Return the symptom that the incident checklist looks into."""
        return SYMPTOM_OF.get(self.run.error_code or "", "pipeline-failed")

    @property
    def bad(self) -> bool:
        """Tell whether somebody has to do something."""
        return self.ended in ("failed", "killed")

    @property
    def stopped_by(self) -> tuple[Drift, ...]:
        """Return what stopped it, as people read it."""
        return tuple(
            _told(Measured(name=one.name, seen=one.seen, limit=one.limit, ok=False)) for one in self.run.stopped_by
        )


def how_it_went(run: LastRun, *, now_s: float, newest: bool = True) -> Shown:
    """Say how a run went.

    Parameters
    ----------
    newest
        Whether no run of the surface began after it: one that did not end, and was followed by another, was killed.
    """
    ended = _ended(run, now_s=now_s, newest=newest)
    said, _, next_step = (run.error or "").partition(". ")
    runbook = ""
    if ended == "killed":
        said = f"it was at {run.stage} when it was last heard of, and has not ended: was it killed?"
        next_step = "run the same command again; that is safe at any stage"
    if ended in ("failed", "killed"):
        runbook = _RUNBOOKS.get(run.error_code or "", "pipeline-failed")
        next_step = next_step or "mend what it says and run the same command again; that is safe at any stage"
    stages = tuple(_stages(run, ended))
    return Shown(run=run, ended=ended, stages=stages, said=said, next_step=next_step, runbook=runbook)


def _ended(run: LastRun, *, now_s: float, newest: bool) -> Ended:
    if run.error is not None:
        return "failed"
    if run.finished is None:
        silent = now_s - parse_rfc3339(run.started, what="run") > THRESHOLDS.run_silent_s
        return "killed" if silent or not newest else "running"
    if run.shipped:
        return "shipped"
    return "unchanged" if run.generation is not None else "published"


def _stages(run: LastRun, ended: Ended) -> Iterator[Stage]:
    at = STAGES.index(run.stage) if run.stage in STAGES else len(STAGES) if run.stage == "done" else -1
    for place, name in enumerate(STAGES):
        if place < at:
            state: Literal["done", "now", "stopped", "not_reached"] = "done"
        elif place == at:
            state = "now" if ended == "running" else "stopped"
        else:
            state = "not_reached"
        yield Stage(name=name, state=state, took_s=run.took_s.get(name))


def drift_of(run: LastRun) -> tuple[Drift, ...]:
    """Return what its checks measured: what is not as it has to be first, then what was held against what is served."""
    told = [_told(one) for one in run.measured]
    return tuple(sorted(told, key=lambda one: (one.ok, not one.against)))


def _told(one: Measured) -> Drift:
    signal, _, kind = one.name.rpartition("_")
    against = signal in SIGNALS and kind in ("rows", "alike")
    title = _CHECKS.get(one.name, one.name.replace("_", " "))
    if against:
        title = f"{signal}: items, of what is served" if kind == "rows" else f"{signal}: in common with what is served"
    known = against or one.name in _CHECKS  # what else stops a run is a limit, which counts something
    write = _plain if one.name in _PLAIN or not known else _times if one.name in _OVER else _share
    return Drift(
        name=one.name,
        title=title,
        seen=write(one.seen),
        limit=write(one.limit),
        ok=one.ok,
        warning=one.severity == "warning",
        against=against,
    )


def _share(value: float) -> str:
    return f"{value:.1%}" if value < 0.1 and value else f"{value:.0%}"


def _times(value: float) -> str:
    return f"{value:.2f}×"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def charts_of(runs: Sequence[LastRun]) -> tuple[tuple[str, str, Chart], ...]:
    """Draw runs, given newest first: title, a sentence of what to look for, and the chart. What is not worth drawing is
    left out.
    """
    ended = [run for run in reversed(runs) if run.finished is not None]
    x = tuple(parse_rfc3339(run.started, what="run") for run in ended)
    limits = DriftLimits()
    made = [
        (
            "Seconds by stage",
            "A stage that grows with every run will one day not end in its night.",
            Chart(
                label="Seconds that each stage of the runs took",
                x=x,
                series=Chart.curves([run.took_s for run in ended], order=STAGES),
                unit="seconds",
            ),
        ),
        (
            "Events",
            "Rows read, and events that were taken of them.",
            Chart(
                label="Rows and events of the runs",
                x=x,
                series=Chart.curves(
                    [{name: run.counts[name] for name in ("rows", "events") if name in run.counts} for run in ended]
                ),
            ),
        ),
        (
            "Items made",
            "Items by signal. A step down is an export that broke off, or a category lost.",
            Chart(label="Items of each signal by run", x=x, series=Chart.curves([run.made for run in ended])),
        ),
        (
            "In common with what was served",
            f"A day changes little. Below {limits.alike:.0%} a run stops; below {limits.alike_warned:.0%} it warns.",
            Chart(
                label="Share that each signal of the runs had in common with what was served",
                x=x,
                series=Chart.curves([_alike(run) for run in ended]),
                unit="share",
                min=0.0,
                max=1.0,
                lines=(
                    Mark(label="stopped below", value=limits.alike),
                    Mark(label="warned below", value=limits.alike_warned),
                ),
            ),
        ),
    ]
    return tuple(one for one in made if one[2].worth_drawing)


def _alike(run: LastRun) -> Mapping[str, float]:
    """Return by signal what a run had in common with what was served; of several scopes the one with the least."""
    found: dict[str, float] = {}
    for one in run.measured:
        signal = one.name.removesuffix("_alike")
        if signal in SIGNALS and signal != one.name:
            found[signal] = min(one.seen, found.get(signal, 1.0))
    return found
