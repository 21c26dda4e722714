"""``recsys bench quality``: how well each signal, the blend, and others' methods foretell the next basket."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import partial
from importlib import util
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from recsys.errors import Failed
from recsys.lab.bench.quality.fitting import Fit, fit
from recsys.lab.bench.quality.judging import Judged, Resampling, judge
from recsys.lab.bench.quality.lists import SURFACE, Shop, build
from recsys.lab.bench.quality.references import FROM_LIBRARIES, Reference, Scorer, lists_of, references
from recsys.lab.bench.quality.report import Difference, Newcomers, QualityBench, Row
from recsys.lab.bench.quality.split import Case, Period, Split, Training, read_cases, read_training
from recsys.lab.machine import Machine, this_machine
from recsys.library import open as open_suite
from recsys.pipelines import ingest, read_mapping
from recsys.progress import Progress
from recsys.ranking.request import Anchors
from recsys.ranking.weights import DEFAULT_WEIGHTS
from recsys.signals import SIGNALS

__all__ = ["run"]

_DISTRIBUTIONS = {"implicit": "implicit", "sklearn": "scikit-learn"}


def run(
    *,
    events: Sequence[str],
    train_end: date,
    start: date,
    validation_days: int = 31,
    test_days: int = 31,
    catalog: Sequence[str] = (),
    mapping: Path | None = None,
    config: Mapping[str, Any] | None = None,
    weights: Mapping[str, float] | None = None,
    k: int = 20,
    seed: int = 1,
    most: int = 5000,
    wanted: Sequence[str] = (),
    with_references: bool = True,
    progress: Progress,
) -> QualityBench:
    """Measure in a store of its own, which is removed.

    Parameters
    ----------
    train_end
        The last day that the figures' artifacts see. The validation window is the ``validation_days`` up to it; what is
        fitted there is fitted on artifacts that see only days before it.
    weights
        Of the blend; without them they are fitted.
    config
        A config document; the parameters of its signals count.
    most
        Customers of a period that are asked about, at most.
    wanted
        Types of events whose items are what a list should hold; none means all. Histories hold all types.

    Raises
    ------
    Failed
        When nobody who was known before came back.
    """
    split = Split.at(start=start, train_end=train_end, validation_days=validation_days, test_days=test_days)
    with (
        TemporaryDirectory(prefix="recsys-bench-") as folder,
        open_suite(Path(folder) / "store", create=True, actor="bench") as suite,
    ):
        canonical = Path(folder) / "canonical"
        described = None if mapping is None else read_mapping(mapping)
        suite.create_tenant("all")
        ingest(
            suite.tenant("all"),
            surface=SURFACE,
            events=list(events),
            start=start,
            end=split.test.end,
            mapping=described,
            catalog=list(catalog) or None,
            folder=canonical,
            progress=progress,
        )

        def shop(name: str, period: Period) -> Shop:
            return build(
                suite,
                name,
                period,
                start=start,
                events=events,
                catalog=catalog,
                mapping=described,
                config=config or {},
                progress=progress,
            )

        work = _Work(canonical, split, k=k, seed=seed, most=most, wanted=wanted, progress=progress)
        validated = shop("validation", split.validation) if weights is None or with_references else None
        found = work.fitted(validated) if weights is None and validated is not None else None
        return work.measured(
            shop("test", split.test),
            weights=dict(found.chosen.weights if found else weights or {}),
            found=found,
            validated=validated if with_references else None,
        )


class _Work:
    """One measurement: the cases of both periods, and what ranks them."""

    def __init__(
        self,
        canonical: Path,
        split: Split,
        *,
        k: int,
        seed: int,
        most: int,
        wanted: Sequence[str],
        progress: Progress,
    ) -> None:
        self._canonical, self._split, self._k, self._seed, self._progress = canonical, split, k, seed, progress
        self._wanted = tuple(wanted)
        self._fitting = _known(read_cases(canonical, split.validation, most=most, wanted=wanted), split.validation)
        asked = read_cases(canonical, split.test, most=most, wanted=wanted)
        self._newcomers = [case for case in asked if not case.history]
        self._cases = _known(asked, split.test)
        self._new = [case for case in map(Case.new_only, self._cases) if case.basket]
        self._resampling = Resampling(len(self._cases), seed=seed)
        self._resampling_new = Resampling(len(self._new), seed=seed)

    def fitted(self, shop: Shop) -> Fit:
        """Fit the blend's weights on the validation window."""
        cases = self._fitting
        asked = shop.asked(cases, k=self._k)
        with self._progress("fit the weights of the blend") as advance:
            return fit(
                lambda weights: judge(shop.rank(asked, weights=weights), cases, k=self._k).ndcg,
                shop.signals,
                prior=DEFAULT_WEIGHTS,
                resampling=Resampling(len(cases), seed=self._seed),
                seed=self._seed,
                advance=advance,
            )

    def measured(
        self, shop: Shop, *, weights: dict[str, float], found: Fit | None, validated: Shop | None
    ) -> QualityBench:
        """Rank the test's cases by everything, and compare."""
        names = (*shop.signals, "blend", *(("blend, defaults",) if weights != dict(DEFAULT_WEIGHTS) else ()))
        judged: dict[str, _Both] = {}
        rows: list[Row] = []
        asked, asked_new = shop.asked(self._cases, k=self._k), shop.asked(self._new, k=self._k, new_only=True)
        with self._progress("rank", total=len(names) * (len(self._cases) + len(self._new))) as advance:
            for name in names:
                algorithm = name if name in SIGNALS else "blend"
                rank = partial(
                    shop.rank,
                    algorithm=algorithm,
                    weights=weights if name == "blend" else {},
                    advance=advance,
                )
                judged[name] = self._both(rank(asked), rank(asked_new))
                rows.append(self._row(judged[name], shop, name=name, kind="signal" if name in SIGNALS else "blend"))
        best = max(shop.signals, key=lambda name: float(judged[name].all.ndcg.mean()))
        differences = [self._difference(judged, "blend", best)]
        left_out: tuple[str, ...] = ()
        if validated is not None:
            those, left_out = self._references(shop, validated, of=judged.keys())
            for reference, settings, both in those:
                judged[reference.name] = both
                told = {"of": reference.of, "like": reference.like, "settings": settings}
                rows.append(self._row(both, shop, name=reference.name, kind="reference", **told))
                differences.append(self._difference(judged, reference.of, reference.name, like=reference.like))
        return QualityBench(
            split=self._split,
            wanted=self._wanted,
            k=self._k,
            anchors=Anchors().max_anchors,
            items=len(shop.items),
            customers=len(self._cases),
            new_customers=len(self._new),
            newcomers=self._met(shop),
            weights=weights,
            fit=found,
            rows=tuple(rows),
            differences=tuple(differences),
            left_out=left_out,
            machine=_machine(),
        )

    def _references(
        self, shop: Shop, validated: Shop, *, of: Collection[str]
    ) -> tuple[list[tuple[Reference, str, "_Both"]], tuple[str, ...]]:
        """Return each reference of those rows with what was chosen of its grid, and its lists judged; and the names of
        those missing.
        """
        training = read_training(self._canonical, self._split.test, start=self._split.start)
        before = read_training(self._canonical, self._split.validation, start=self._split.start)
        wanted = _offered(training, shop)
        grids = {reference.name: reference for reference in _offered(before, validated)}
        missing = tuple(r.name for r in wanted if r.needs and util.find_spec(r.needs) is None)
        here = [reference for reference in wanted if reference.name not in missing and reference.of in of]
        done = []
        with self._progress("references", total=len(here)) as advance:
            for reference in here:
                settings = next(iter(reference.made))
                if len(reference.made) > 1:
                    settings = self._best_of(grids[reference.name], before)
                done.append((reference, settings, self._by(reference.made[settings](), training)))
                advance(1)
        return done, missing

    def _best_of(self, reference: Reference, before: Training) -> str:
        """Return the settings of a grid with the largest NDCG on the validation window."""

        def value(scorer: Scorer) -> float:
            lists = lists_of(scorer, before, self._fitting, k=self._k)
            return float(judge(lists, self._fitting, k=self._k).ndcg.mean())

        found = {settings: value(make()) for settings, make in reference.made.items()}
        return max(found, key=lambda settings: found[settings])

    def _by(self, scorer: Scorer, training: Training) -> "_Both":
        return self._both(
            lists_of(scorer, training, self._cases, k=self._k),
            lists_of(scorer, training, self._new, k=self._k, new_only=True),
        )

    def _both(self, lists: Sequence[Sequence[str]], new: Sequence[Sequence[str]]) -> "_Both":
        return _Both(judge(lists, self._cases, k=self._k), judge(new, self._new, k=self._k))

    def _row(self, both: "_Both", shop: Shop, **told: Any) -> Row:
        return Row(
            recall=self._resampling.mean(both.all.recall),
            ndcg=self._resampling.mean(both.all.ndcg),
            coverage=self._resampling.coverage(both.all.shown, items=len(shop.items)),
            new_recall=self._resampling_new.mean(both.new.recall),
            new_ndcg=self._resampling_new.mean(both.new.ndcg),
            **told,
        )

    def _difference(self, judged: Mapping[str, "_Both"], name: str, than: str, *, like: bool = False) -> Difference:
        one, other = judged[name], judged[than]
        return Difference(
            name=name,
            than=than,
            like=like,
            recall=self._resampling.mean(one.all.recall - other.all.recall),
            ndcg=self._resampling.mean(one.all.ndcg - other.all.ndcg),
            new_ndcg=self._resampling_new.mean(one.new.ndcg - other.new.ndcg),
        )

    def _met(self, shop: Shop) -> Newcomers:
        """Judge what customers get of whom nothing is known."""
        if not self._newcomers:
            return Newcomers(customers=0)
        judged = judge(shop.rank(shop.asked(self._newcomers, k=self._k)), self._newcomers, k=self._k)
        resampling = Resampling(len(self._newcomers), seed=self._seed)
        return Newcomers(
            customers=len(self._newcomers),
            recall=resampling.mean(judged.recall),
            ndcg=resampling.mean(judged.ndcg),
        )


class _Both(msgspec.Struct, frozen=True):
    """One ranker's lists judged by all of the next basket, and by what was new in it."""

    all: Judged
    new: Judged


def _offered(training: Training, shop: Shop) -> list[Reference]:
    return references(training, shop.titles(), anchors=Anchors().max_anchors)


def _known(cases: Sequence[Case], period: Period) -> list[Case]:
    """Return those of whom something is known."""
    known = [case for case in cases if case.history]
    if not known:
        raise Failed(
            f"nobody who was known before {period.start} took anything from {period.start} to {period.end}",
            next_step="check --train-end, --start and --test-days against the days of the events",
        )
    return known


def _machine() -> Machine:
    machine = this_machine()
    here = [_DISTRIBUTIONS[module] for module in FROM_LIBRARIES if util.find_spec(module)]
    return msgspec.structs.replace(machine, packages={**machine.packages, **{name: version(name) for name in here}})
