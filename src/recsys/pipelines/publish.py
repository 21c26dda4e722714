"""Publish: what was computed becomes blobs and a manifest, and then, by the commit of a release, what is served."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from recsys.encoding import canonical, convert, digest
from recsys.errors import UsageError
from recsys.pipelines.drift import DriftLimits, check_artifacts
from recsys.pipelines.errors import BadInput, LessThanLive
from recsys.pipelines.gate import ReplayGate
from recsys.pipelines.less import live_manifest, missing_from
from recsys.pipelines.report import RunReport, SignalReport
from recsys.pipelines.rundir import Computed, Finding, Ingested, Made, RunFolder, Validated
from recsys.pipelines.target import Target, actor_of
from recsys.pipelines.validate import stop_on
from recsys.progress import Progress, silent
from recsys.releases import ArtifactRef, Manifest, Release, Releases, Window
from recsys.signals import profiles

__all__ = ["check_allowed", "publish"]


def publish(
    target: Target,
    folder: Path,
    *,
    ship: bool = True,
    reason: str = "",
    actor: str | None = None,
    allow_less: bool = False,
    force: bool = False,
    dry_run: bool = False,
    limits: DriftLimits | None = None,
    progress: Progress = silent,
    clock: Callable[[], float] = time.time,
    tell: Callable[[Sequence[Finding]], None] = lambda _: None,
) -> RunReport:
    """Check what a run made against what is served, write its blobs and manifest, and ship it.

    What is only published may be as it likes; what the checks say of it is in the report.

    ``force`` ships whatever the checks say, which takes a ``reason``; which of them failed stands in the release's.

    A run without a catalogue, signal or segment that the surface serves now is published and not shipped, unless
    ``allow_less``, which takes a ``reason``; what is taken away stands in the release's reason.

    The same input gives the same digests, and shipping what is served already changes nothing and says so. A dry run
    writes blobs (nothing names them) and no release.

    ``tell`` is given all that the checks of artifacts found, before any of it stops the run.

    Raises
    ------
    ChecksFailed
        It is not like what is served. Nothing is written then.
    LessThanLive
        The surface would lose something.
    GateFailed
        The requests of late would be answered worse than the config's ``gate`` allows.
    Held, LostRace, UnfitRelease, …
        As :meth:`recsys.releases.Releases.ship`.
    """
    check_allowed(allow_less=allow_less, force=force, reason=reason)
    run = RunFolder(folder)
    made = run.read("ingest", Ingested, wanted_by="publish")
    computed = run.read("compute", Computed, wanted_by="publish")
    if made.tenant != target.tenant:
        raise BadInput(f"{folder} holds a run of tenant {made.tenant}, not {target.tenant}")
    computed = _without_lapsed(made, computed, today=target.store.blobs.today())
    if not computed.artifacts:
        raise BadInput("no signal found evidence in these events", next_step="; ".join(computed.notes))
    checks = _checked(
        target, folder, made, computed, limits=limits or DriftLimits(), tell=tell, stop=ship and not force
    )
    manifest = _manifest(made, computed)
    data = canonical(manifest)
    with progress("publish", total=len(computed.artifacts) + 2) as advance:
        for artifact in computed.artifacts:
            _put(target, folder / artifact.file, artifact.digest)
            advance(1)
        if made.catalog is not None:
            _put(target, folder / "catalog.bin", made.catalog)
        target.store.blobs.put(target.tenant, data)
        advance(1)
        report = RunReport(
            tenant=made.tenant,
            surface=made.surface,
            segment=made.segment,
            window=manifest.window,
            manifest=digest(data),
            signals=_signals(computed),
            counts=_counts(made),
            notes=computed.notes,
            checks=checks,
            why="published only, as asked",
        )
        if ship:
            with _cache(target) as cache:
                gate = ReplayGate(target.store, made.surface, cache=cache, now_s=clock(), force=force)
                report = _ship(
                    target, report, manifest, gate, reason=reason, actor=actor, allow_less=allow_less, dry_run=dry_run
                )
        advance(1)
    return report


def check_allowed(*, allow_less: bool, force: bool, reason: str) -> None:
    """Refuse to take something away, or to pass over checks, without a word of why."""
    for asked, option, does in (
        (allow_less, "--allow-less", "takes something away"),
        (force, "--force", "passes over checks"),
    ):
        if asked and not reason.strip():
            raise UsageError(f"{option} {does} and needs a reason", next_step="say why with --reason")


def _checked(
    target: Target,
    folder: Path,
    made: Ingested,
    computed: Computed,
    *,
    limits: DriftLimits,
    tell: Callable[[Sequence[Finding]], None],
    stop: bool,
) -> tuple[Finding, ...]:
    """Return what the checks of events and artifacts found that is not as it must be."""
    validated = RunFolder(folder).read("validate", Validated, wanted_by="publish")
    head = Releases(target.store, target.tenant, actor=actor_of(target, None)).current()
    live = live_manifest(target.store, head, made.surface)
    found = check_artifacts(folder, made, computed, live=live, store=target.store, limits=limits)
    tell(found)
    if stop:
        stop_on(found, what="artifacts")
    return tuple(one for one in (*validated.findings, *found) if not one.ok)


@contextmanager
def _cache(target: Target) -> Iterator[Path]:
    """Lend the place where the target prepares releases, or one that goes away."""
    kept = getattr(target, "cache", None)
    if kept is not None:
        yield kept
        return
    with TemporaryDirectory(prefix="recsys-gate-") as folder:
        yield Path(folder)


def _put(target: Target, path: Path, expected: str) -> None:
    try:
        blob = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path} is gone", next_step="compute again: recsys pipelines compute") from None
    if digest(blob) != expected:
        raise BadInput(f"{path} was changed since it was computed", next_step="compute again")
    target.store.blobs.put(target.tenant, blob)


def _manifest(made: Ingested, computed: Computed) -> Manifest:
    """Name what was made; nothing here depends on when or where."""
    signals: dict[str, list[ArtifactRef]] = defaultdict(list)
    kept: ArtifactRef | UnsetType = UNSET
    for artifact in computed.artifacts:
        if artifact.signal == profiles.KIND:
            kept = replace(_ref(artifact), retain_until=_last_day(made, artifact))
        else:
            signals[artifact.signal].append(_ref(artifact))
    inputs = {
        "events": [[part.stream, part.day, part.digest] for part in made.partitions],
        "catalog": made.catalog,
        "params": {artifact.signal: artifact.params for artifact in computed.artifacts},
    }
    catalog = None
    if made.catalog is not None:
        catalog = ArtifactRef(artifact=made.catalog, rows=made.catalog_items, size_bytes=made.catalog_bytes)
    return Manifest(
        tenant=made.tenant,
        surface=made.surface,
        window=Window(start=made.start, end=made.end),
        inputs=digest(canonical(inputs)),
        signals={name: tuple(refs) for name, refs in signals.items()},
        catalog=catalog,
        profiles=kept,
    )


def _without_lapsed(made: Ingested, computed: Computed, *, today: date) -> Computed:
    """Leave out profiles that may not be kept any more: the window is an old one."""
    past = [one for one in computed.artifacts if one.signal == profiles.KIND and _last_day(made, one) < today]
    notes = tuple(f"no profiles: they were to be kept until {_last_day(made, one)}" for one in past)
    return replace(
        computed,
        artifacts=tuple(one for one in computed.artifacts if one not in past),
        notes=(*computed.notes, *notes),
    )


def _last_day(made: Ingested, artifact: Made) -> date:
    """Return until when profiles may be kept: counted from the end of their window, so that a run again is the same."""
    params = convert(dict(artifact.params), profiles.Params, what="signals.profiles")
    return date.fromisoformat(made.end) + timedelta(days=params.retention_days)


def _ref(artifact: Made) -> ArtifactRef:
    return ArtifactRef(
        artifact=artifact.digest,
        rows=artifact.rows,
        size_bytes=artifact.size_bytes,
        scope=artifact.scope,
        segment=artifact.segment,
        params=artifact.params,
    )


def _signals(computed: Computed) -> dict[str, SignalReport]:
    """Report each signal by its widest scope, the others beside it."""
    made: dict[str, list[Made]] = defaultdict(list)
    for artifact in computed.artifacts:
        made[artifact.signal].append(artifact)
    return {
        name: SignalReport(
            artifact=scopes[0].digest,
            rows=scopes[0].rows,
            scopes={one.scope: one.digest for one in scopes},
        )
        for name, scopes in made.items()
    }


def _counts(made: Ingested) -> dict[str, int]:
    counts = dict(made.counts)
    counts |= {f"dropped: {name}": n for name, n in made.dropped.items()}
    counts |= {f"bad: {name}": n for name, n in made.problems.items()}
    if made.catalog is not None:
        counts["catalog_items"] = made.catalog_items
    return counts


def _ship(
    target: Target,
    report: RunReport,
    manifest: Manifest,
    replays: ReplayGate,
    *,
    reason: str,
    actor: str | None,
    allow_less: bool,
    dry_run: bool,
) -> RunReport:
    releases = Releases(target.store, target.tenant, actor=actor_of(target, actor))
    surface = report.surface

    def lost_after(head: Release) -> tuple[str, ...]:
        live = live_manifest(target.store, head, surface)
        return () if live is None else missing_from(manifest, live)

    def gate(release: Release) -> tuple[str, ...]:
        head = releases.read(release.generation - 1)
        missing = () if allow_less else lost_after(head)
        if missing:
            since = head.changed.get(f"artifacts:{surface}", head.generation)
            raise LessThanLive(surface, missing=missing, generation=since, notes=report.notes)
        return replays(release)

    lost = lost_after(releases.current()) if allow_less else ()
    if lost:
        reason = f"{reason} (without {', '.join(lost)})"
    passed = [one.name for one in report.checks if one.severity == "error"]
    if passed:
        reason = f"{reason} (in spite of {', '.join(passed)})"
    change = releases.ship(surface, report.manifest, reason=reason, gate=gate, dry_run=dry_run)
    would = f"generation {change.release.generation} would be live: " if change.dry_run and change.changed else ""
    return replace(
        report,
        generation=change.release.generation,
        shipped=change.committed,
        why=would + change.why,
        undo=change.undo if change.committed else "",
        evidence=tuple(change.release.evidence) if change.committed else (),
    )
