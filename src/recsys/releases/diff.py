"""What changed from one release to another, in words a person can act on."""

from collections.abc import Mapping
from typing import Any

import msgspec

from recsys.releases.closure import read_manifest
from recsys.releases.manifest import ArtifactRef, Manifest
from recsys.releases.plan import Facts
from recsys.releases.record import Hold, Release
from recsys.releases.ship import manifest_of
from recsys.releases.withdraw import withdrawn_in

__all__ = ["Diff", "RulesDiff", "SignalDiff", "SurfaceDiff", "Value", "diff_releases"]


class Value(msgspec.Struct, frozen=True):
    """A setting before and after; ``None`` where it is not set."""

    key: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.key}: {_shown(self.before)} → {_shown(self.after)}"


class RulesDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of rules added and removed, and by id what changed in the others."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[Value, ...]] = {}


class SignalDiff(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact of a signal in one scope: its rows before and after, and the parameters that changed."""

    signal: str
    scope: str
    rows: tuple[int | None, int | None]
    params: tuple[Value, ...] = ()


class SurfaceDiff(msgspec.Struct, frozen=True, kw_only=True):
    """A surface whose manifest changed. ``window``: the days of data before and after."""

    surface: str
    manifest: tuple[str | None, str | None]
    window: tuple[str | None, str | None]
    signals: tuple[SignalDiff, ...]


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """From generation ``a`` to generation ``b``. ``config`` by key path, ``surfaces`` only those that
    changed.
    """

    tenant: str
    a: int
    b: int
    config: tuple[Value, ...]
    rules: RulesDiff
    surfaces: tuple[SurfaceDiff, ...]
    withdrawn: tuple[str, ...]
    restored: tuple[str, ...]
    held: tuple[Hold, ...]
    resumed: tuple[Hold, ...]

    def lines(self) -> list[str]:
        """Say it for people, one change a line; one line when there is none."""
        said = [f"config {value}" for value in self.config]
        said += [f"rule added: {rule}" for rule in self.rules.added]
        said += [f"rule removed: {rule}" for rule in self.rules.removed]
        said += [f"rule {rule}: {value}" for rule, values in self.rules.changed.items() for value in values]
        for surface in self.surfaces:
            said += _surface_lines(surface)
        said += [f"withdrawn: {item}" for item in self.withdrawn]
        said += [f"served again: {item}" for item in self.restored]
        said += [f"held: {_hold(hold)}" for hold in self.held]
        said += [f"resumed: {_hold(hold)}" for hold in self.resumed]
        return said or [f"generations {self.a} and {self.b} have the same content"]


def diff_releases(a: Release, b: Release, facts: Facts) -> Diff:
    """Compare two releases of a tenant; reads their documents and manifests."""
    gone, come = withdrawn_in(a, facts), withdrawn_in(b, facts)
    surfaces = [
        _surface(name, manifest_of(a, name), manifest_of(b, name), facts)
        for name in sorted({*a.surfaces, *b.surfaces})
        if manifest_of(a, name) != manifest_of(b, name)
    ]
    return Diff(
        tenant=a.tenant,
        a=a.generation,
        b=b.generation,
        config=_values(_json(a.config, facts), _json(b.config, facts)) if a.config != b.config else (),
        rules=_rules(_json(a.rules, facts), _json(b.rules, facts)) if a.rules != b.rules else RulesDiff(),
        surfaces=tuple(surfaces),
        withdrawn=tuple(sorted(come - gone)),
        restored=tuple(sorted(gone - come)),
        held=tuple(hold for hold in b.holds if hold not in a.holds),
        resumed=tuple(hold for hold in a.holds if hold not in b.holds),
    )


def _json(named: str, facts: Facts) -> Any:
    return msgspec.json.decode(facts.document(named))


def _values(before: Any, after: Any, path: str = "") -> tuple[Value, ...]:
    """Compare two JSON values leaf by leaf. Lists are leaves: an order is one value."""
    if before == after:
        return ()
    if not (isinstance(before, dict | None) and isinstance(after, dict | None)):
        return (Value(path, before, after),)
    old, new = before or {}, after or {}
    if not old and not new:
        return (Value(path, before, after),)
    return tuple(
        value
        for key in sorted({*old, *new})
        for value in _values(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    )


def _rules(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> RulesDiff:
    old = {rule["id"]: rule for rule in before}
    new = {rule["id"]: rule for rule in after}
    return RulesDiff(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed={
            rule: _values(old[rule], new[rule]) for rule in sorted(old.keys() & new.keys()) if old[rule] != new[rule]
        },
    )


def _surface(name: str, before: str | None, after: str | None, facts: Facts) -> SurfaceDiff:
    old, new = (None if x is None else read_manifest(facts.document(x)) for x in (before, after))
    olds, news = _refs(old), _refs(new)
    signals = []
    for key in sorted({*olds, *news}):
        was, became = olds.get(key), news.get(key)
        if was is not None and became is not None and was.artifact == became.artifact:
            continue
        signals.append(
            SignalDiff(
                signal=key[0],
                scope=key[1],
                rows=(None if was is None else was.rows, None if became is None else became.rows),
                params=_values(dict(was.params), dict(became.params)) if was and became else (),
            )
        )
    return SurfaceDiff(
        surface=name, manifest=(before, after), window=(_window(old), _window(new)), signals=tuple(signals)
    )


def _refs(manifest: Manifest | None) -> dict[tuple[str, str], ArtifactRef]:
    if manifest is None:
        return {}
    found = {
        (signal, ref.scope + (f" {ref.segment}" if ref.segment else "")): ref
        for signal, refs in manifest.signals.items()
        for ref in refs
    }
    return found | ({("catalog", "tenant"): manifest.catalog} if manifest.catalog else {})


def _window(manifest: Manifest | None) -> str | None:
    return None if manifest is None else f"{manifest.window.start}..{manifest.window.end}"


def _surface_lines(surface: SurfaceDiff) -> list[str]:
    before, after = (_shown(x and x[:19]) for x in surface.manifest)
    lines = [f"{surface.surface}: manifest {before} → {after}"]
    if surface.window[0] != surface.window[1]:
        lines.append(f"{surface.surface}: days {_shown(surface.window[0])} → {_shown(surface.window[1])}")
    for signal in surface.signals:
        rows = f"rows {_shown(signal.rows[0])} → {_shown(signal.rows[1])}"
        params = "".join(f", {value}" for value in signal.params)
        lines.append(f"{surface.surface}: {signal.signal} ({signal.scope}) {rows}{params}")
    return lines


def _hold(hold: Hold) -> str:
    return f"{', '.join(hold.levers)} of {hold.surface or 'every surface'} by {hold.actor}: {hold.reason}"


def _shown(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()
