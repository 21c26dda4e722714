"""Did the arms of what runs get the shares of units that they were meant to get: day by day, as the logs have it.

An evaluation asks the same of one experiment when it ends, and holds. This asks it of everything that runs, every day.
So what is sure is told from what an evaluation would hold on: of many looks one is surprising by chance.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Literal

import msgspec

from recsys.documents import Experiment, read_config
from recsys.encoding import parse_rfc3339
from recsys.evaluation.experiment.balance import HOLDS_BELOW, LEAST_DEVIATION
from recsys.evaluation.statistics.sample_ratio import SampleRatio, sample_ratio
from recsys.evaluation.words import percent, times
from recsys.events.observed import ArmDay, Observed
from recsys.releases import Release, Releases
from recsys.releases.arm import candidate_in, name_of

__all__ = ["HOLDS_BELOW", "Balance", "BalanceDay", "balances"]

_MOST_READ = 1_000
"""Releases that are looked back through for where the shares were last changed; then what is read counts from there."""

State = Literal["balanced", "doubtful", "mismatch", "no_units", "not_split"]
"""``doubtful``: an evaluation would hold on it now; to who looks every day it is not sure yet."""
Kind = Literal["candidate", "experiment"]


class BalanceDay(msgspec.Struct, frozen=True, kw_only=True):
    """How it stood at the end of one UTC day.

    ``units`` by arm, of all days up to this one. ``p``: how likely so uneven a split is by chance, for one who looks
    only then. ``p_sequential``: the same for one who looks at any time; it never rises.
    """

    day: str
    units: Mapping[str, int]
    p: float
    p_sequential: float


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate or experiment of a surface.

    ``meant``: the share of units for each arm since generation ``since_generation``, when they were last changed; units
    count from there. ``deviation``: by how much an arm's share is off, as a part of it. ``crossed``: units that were
    seen in several arms.
    """

    surface: str
    experiment: str
    kind: Kind
    unit: str
    meant: Mapping[str, float]
    since_generation: int
    state: State
    sentence: str
    deviation: float = 0.0
    crossed: int = 0
    days: tuple[BalanceDay, ...] = ()


class _Split(msgspec.Struct, frozen=True):
    """How units are meant to fall into arms; ``meant`` is empty where everybody sees both."""

    experiment: str
    kind: Kind
    unit: str
    meant: Mapping[str, float]


def balances(releases: Releases, observed: Observed, *, since_s: float) -> tuple[Balance, ...]:
    """Judge the split of every candidate and experiment that runs now.

    Parameters
    ----------
    since_s
        From when on ``observed`` has the logs: releases that were replaced before are not looked at.

    Raises
    ------
    NoReleases
        The tenant has none.
    """
    head = releases.current()
    read = _Splits(releases)
    found = []
    for surface in sorted(head.surfaces):
        for split in read.of(head, surface):
            since = read.since(head, surface, split, since_s=since_s)
            found.append(_judged(surface, split, since, observed))
    return tuple(found)


class _Splits:
    """Reads what runs from releases; each config is read once."""

    def __init__(self, releases: Releases) -> None:
        self._releases = releases
        self._experiments: dict[tuple[str, str], Mapping[str, Experiment]] = {}

    def of(self, release: Release, surface: str) -> Iterator[_Split]:
        """Yield what runs on a surface in a release."""
        candidate = candidate_in(release, surface)
        if candidate is not None:
            meant = {"control": 1 - candidate.share, "candidate": candidate.share}
            yield _Split(name_of(surface, candidate), "candidate", candidate.unit, meant)
        for name, experiment in self._in_config(release, surface).items():
            shares = {variant: one.share or 0.0 for variant, one in experiment.variants.items()}
            split = {} if experiment.type == "interleave" else shares
            yield _Split(name, "experiment", experiment.unit, split)

    def since(self, head: Release, surface: str, split: _Split, *, since_s: float) -> int:
        """Return the generation from which on units are split as they are now, or one in force at ``since_s``."""
        release = head
        for _ in range(_MOST_READ):
            if release.generation == 1 or parse_rfc3339(release.at, what="release") < since_s:
                break
            earlier = self._releases.read(release.generation - 1)
            if split not in self.of(earlier, surface):
                break
            release = earlier
        return release.generation

    def _in_config(self, release: Release, surface: str) -> Mapping[str, Experiment]:
        key = release.config, surface
        if key not in self._experiments:
            config = read_config(self._releases.store.blobs.read(release.tenant, release.config))
            self._experiments[key] = config.at(surface).experiments
        return self._experiments[key]


def _judged(surface: str, split: _Split, since: int, observed: Observed) -> Balance:
    named = Balance(
        surface=surface,
        experiment=split.experiment,
        kind=split.kind,
        unit=split.unit,
        meant=split.meant,
        since_generation=since,
        state="not_split",
        sentence="Everybody sees a list that both variants fill in turn: there is no split to go wrong.",
    )
    if not split.meant:
        return named
    rows = observed.arms(surface, split.experiment, since_generation=since)
    if not rows:
        said = "No answer counted for an arm yet: nobody came, or requests do not carry the id that arms go by."
        return msgspec.structs.replace(named, state="no_units", sentence=said)
    days, last = _days(rows, split.meant)
    state: State = "balanced"
    if last.deviation >= LEAST_DEVIATION:
        sure, held = days[-1].p_sequential < HOLDS_BELOW, days[-1].p < HOLDS_BELOW
        state = "mismatch" if sure else "doubtful" if held else "balanced"
    said = {"mismatch": _mismatch, "doubtful": _doubtful, "balanced": _balanced}[state](days, split.meant)
    return msgspec.structs.replace(
        named,
        state=state,
        sentence=said,
        deviation=min(last.deviation, 1e9),
        crossed=sum(row.crossed for row in rows),
        days=days,
    )


def _days(rows: tuple[ArmDay, ...], meant: Mapping[str, float]) -> tuple[tuple[BalanceDay, ...], SampleRatio]:
    """Add up the days; what was sure once stays so, because what is lost does not come back."""
    units = dict.fromkeys(meant, 0)
    least = 1.0
    days = []
    ratio = sample_ratio(units, meant)
    for day, of_day in groupby(rows, key=lambda row: row.day):
        for row in of_day:
            units[row.arm] = units.get(row.arm, 0) + row.units
        ratio = sample_ratio(units, meant)
        least = min(least, ratio.p_sequential)
        days.append(BalanceDay(day=day, units=dict(units), p=ratio.p, p_sequential=least))
    return tuple(days), ratio


def _balanced(days: tuple[BalanceDay, ...], meant: Mapping[str, float]) -> str:
    return f"{_shares(days[-1].units, meant)}. Chance alone gives splits like this."


def _doubtful(days: tuple[BalanceDay, ...], meant: Mapping[str, float]) -> str:
    return (
        f"{_shares(days[-1].units, meant)}. An evaluation made now would hold: whoever looks once sees a split this "
        f"uneven by chance with p {days[-1].p:.1g}. Who looks every day sees one now and then: look into it, or wait."
    )


def _mismatch(days: tuple[BalanceDay, ...], meant: Mapping[str, float]) -> str:
    units = days[-1].units
    unexpected = sorted(arm for arm, count in units.items() if count and not meant.get(arm))
    if unexpected:
        named = ", ".join(unexpected)
        return f"{named} got {times(sum(units[arm] for arm in unexpected), 'unit')} and was to get none."
    began = next(day.day for day in days if day.p_sequential < HOLDS_BELOW)
    return (
        f"{_shares(units, meant)}. Chance makes a split this uneven in less than one experiment of a thousand; it was "
        f"seen by {began}. Units are lost or sorted wrongly in one arm: believe no result of it before you know why."
    )


def _shares(units: Mapping[str, int], meant: Mapping[str, float]) -> str:
    total, whole = sum(units.values()), sum(meant.values())
    told = (
        f"{arm} {percent(units.get(arm, 0) / total)} (meant {percent(share / whole)})" for arm, share in meant.items()
    )
    return f"Of {times(total, 'unit')}: {', '.join(told)}"
