"""What changed from one release to another, in words a person can act on."""

from collections.abc import Mapping
from typing import Any

import msgspec

from recsys.encoding import digest
from recsys.releases.arm import arm_of, candidates_in, name_of
from recsys.releases.erase import erased_in
from recsys.releases.hold import newly_held
from recsys.releases.items import says_of
from recsys.releases.manifest import ArtifactRef, Manifest, read_manifest
from recsys.releases.plan import Facts
from recsys.releases.record import Candidate, Hold, Release
from recsys.releases.ship import manifest_of
from recsys.releases.withdraw import withdrawn_in

__all__ = [
    "CandidateDiff",
    "Diff",
    "RulesDiff",
    "SignalDiff",
    "SurfaceDiff",
    "Value",
    "diff_releases",
    "differences",
]


ITEMS_SAID = 20
"""Updated items that a person is told of one by one; ``--json`` has all."""


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


class CandidateDiff(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate that was begun, ended, or got another share: ``None`` where it does not run. ``config``, ``rules``
    and ``content`` say what the one that was begun has in place of what its surface serves.
    """

    name: str
    before: Candidate | None
    after: Candidate | None
    config: tuple[Value, ...] = ()
    rules: RulesDiff = RulesDiff()
    content: SurfaceDiff | None = None


class ItemDiff(msgspec.Struct, frozen=True, kw_only=True):
    """An item of which the overlay says something else. Of ``fields``, ``None`` is what the catalogue has."""

    item_id: str
    fields: tuple[Value, ...]


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """From generation ``a`` to generation ``b``. ``config`` by key path, ``surfaces`` only those that
    changed. ``erased``: how many users were erased in between.
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
    candidates: tuple[CandidateDiff, ...] = ()
    items: tuple[ItemDiff, ...] = ()
    erased: int = 0

    def lines(self) -> list[str]:
        """Say it for people, one change a line; one line when there is none."""
        said = [f"config {value}" for value in self.config]
        said += _rules_lines(self.rules)
        for surface in self.surfaces:
            said += _surface_lines(surface)
        for candidate in self.candidates:
            said += _candidate_lines(candidate)
        said += _items_lines(self.items)
        said += [f"withdrawn: {item}" for item in self.withdrawn]
        said += [f"served again: {item}" for item in self.restored]
        said += [f"users erased: {self.erased}"] if self.erased else []
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
        held=newly_held(a.holds, b.holds),
        resumed=newly_held(b.holds, a.holds),
        candidates=_candidates(a, b, facts),
        items=_items(a, b, facts) if a.overlay != b.overlay else (),
        erased=len(erased_in(b, facts) - erased_in(a, facts)),
    )


def differences(before: bytes, after: bytes) -> list[str]:
    """Say for people how two documents of one kind differ, one change an entry."""
    old, new = msgspec.json.decode(before), msgspec.json.decode(after)
    return _rules_lines(_rules(old, new)) if isinstance(old, list) else [str(value) for value in _values(old, new)]


def _candidates(a: Release, b: Release, facts: Facts) -> tuple[CandidateDiff, ...]:
    old = {name_of(surface, one): (surface, one) for surface, one in candidates_in(a)}
    new = {name_of(surface, one): (surface, one) for surface, one in candidates_in(b)}
    found = [CandidateDiff(name=name, before=old[name][1], after=None) for name in sorted(old.keys() - new.keys())]
    for name, (surface, after) in sorted(new.items()):
        before = old[name][1] if name in old else None
        if before is None:
            found.append(_begun(b, name, surface, after, facts))
        elif before != after:
            found.append(CandidateDiff(name=name, before=before, after=after))
    return tuple(found)


def _begun(release: Release, name: str, surface: str, candidate: Candidate, facts: Facts) -> CandidateDiff:
    """Compare what a surface serves with what its candidate has in the place of it."""
    arm, made = arm_of(release, surface, facts.document)
    documents = {digest(data): msgspec.json.decode(data) for data in made}
    live, tried = manifest_of(release, surface), manifest_of(arm, surface)
    config, rules = documents.get(arm.config), documents.get(arm.rules)
    return CandidateDiff(
        name=name,
        before=None,
        after=candidate,
        config=() if config is None else _values(_json(release.config, facts), config),
        rules=RulesDiff() if rules is None else _rules(_json(release.rules, facts), rules),
        content=None if live == tried else _surface(surface, live, tried, facts),
    )


def _items(a: Release, b: Release, facts: Facts) -> tuple[ItemDiff, ...]:
    old, new = says_of(a, facts), says_of(b, facts)
    return tuple(
        ItemDiff(item_id=item, fields=_values(old.get(item, {}), new.get(item, {})))
        for item in sorted({*old, *new})
        if old.get(item) != new.get(item)
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
    kept = {"catalog": manifest.catalog, "profiles": manifest.profiles}
    return found | {(name, "tenant"): ref for name, ref in kept.items() if ref}


def _window(manifest: Manifest | None) -> str | None:
    return None if manifest is None else f"{manifest.window.start}..{manifest.window.end}"


def _rules_lines(rules: RulesDiff) -> list[str]:
    lines = [f"rule added: {rule}" for rule in rules.added]
    lines += [f"rule removed: {rule}" for rule in rules.removed]
    return lines + [f"rule {rule}: {value}" for rule, values in rules.changed.items() for value in values]


def _items_lines(items: tuple[ItemDiff, ...]) -> list[str]:
    lines = [
        f"item {item.item_id}: {value.key}: {_laid(value.before)} → {_laid(value.after)}"
        for item in items[:ITEMS_SAID]
        for value in item.fields
    ]
    return lines + ([f"and of {len(items) - ITEMS_SAID} more items"] if len(items) > ITEMS_SAID else [])


def _candidate_lines(diff: CandidateDiff) -> list[str]:
    before, after = diff.before, diff.after
    if after is None:
        return [f"candidate {diff.name} ended"]
    if before is not None:
        return [f"candidate {diff.name}: share {before.share:g} → {after.share:g}"]
    lines = [f"candidate {diff.name} begun: share {after.share:g} by {after.unit}"]
    lines += [f"candidate {diff.name}: config {value}" for value in diff.config]
    lines += [f"candidate {diff.name}: {line}" for line in _rules_lines(diff.rules)]
    return lines + [f"candidate {diff.name}: {line}" for line in (_surface_lines(diff.content) if diff.content else [])]


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


def _laid(value: Any) -> str:
    return "the catalogue's" if value is None else _shown(value)


def _shown(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()
