"""Rollback: a new generation that names old content.

The target is fixed when the command starts. What is restored then is planned against whatever is newest by
the time of the commit, and does nothing when it is in force already.
"""

import msgspec
from msgspec.structs import replace

from recsys.documents.parts import config_part, rules_part, with_config_part, with_rules_part
from recsys.encoding import did_you_mean, digest
from recsys.errors import NotFound, UsageError
from recsys.releases.arm import candidates_in, name_of, with_candidate, without_misfits
from recsys.releases.errors import AlreadyRolledBack, NothingOlder, UnknownGeneration, told
from recsys.releases.hold import covering, newly_held, said
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import Action, Hold, Lever, Release, artifacts_of, levers_touched
from recsys.releases.ship import manifest_of, with_manifest

__all__ = ["Aim", "Rollback", "aim"]


class Aim(msgspec.Struct, frozen=True):
    """What a rollback reverses: a lever, of one surface or of the whole tenant."""

    lever: Lever
    surface: str | None = None

    def __str__(self) -> str:
        return f"{self.lever} of {self.surface}" if self.surface else self.lever

    def command(self, tenant: str) -> str:
        """Return the command line that pulls this lever."""
        surface = f" --surface {self.surface}" if self.surface else ""
        return f"recsys releases rollback --tenant {tenant} --lever {self.lever}{surface}"

    def has(self, lever: Lever) -> bool:
        """Tell whether this lever is among those pulled."""
        return self.lever in (lever, "all")

    def content(self, release: Release, facts: Facts) -> tuple[object, ...]:
        """Return what the lever stood at in a release; equal values are equal content."""
        found: list[object] = []
        if self.has("config"):
            whole = release.config
            found.append(config_part(facts.document(whole), self.surface) if self.surface else whole)
        if self.has("rules"):
            whole = release.rules
            found.append(rules_part(facts.document(whole), self.surface) if self.surface else whole)
        if self.has("artifacts"):
            found.append(tuple(sorted((s, manifest_of(release, s)) for s in self.surfaces(release))))
        if self.has_overlay:
            found.append(release.overlay)
        return tuple(found)

    @property
    def has_overlay(self) -> bool:
        """Tell whether the overlay of the catalogue goes back too: with all of the tenant, and with nothing less."""
        return self.lever == "all" and self.surface is None

    def surfaces(self, release: Release) -> tuple[str, ...]:
        """Return the surfaces with artifacts in a release that the lever moves."""
        served = sorted(name for name in release.surfaces if manifest_of(release, name))
        return tuple(name for name in served if self.surface in (None, name)) if self.has("artifacts") else ()

    def last_change(self, generation: int, facts: Facts) -> int:
        """Return the newest generation up to this one in which the content changed; 1 when it never did."""
        while generation > 1:
            release = facts.record(generation)
            generation = max([1, *(release.changed[part] for part in self._parts(release))])
            if generation > 1 and self._changed_in(generation, facts):
                return generation
            generation -= 1
        return 1

    def _parts(self, release: Release) -> frozenset[str]:
        named = levers_touched(release.changed)
        return frozenset(
            part
            for part in named
            if self.lever in ("all", part) or (self.lever == "artifacts" and part == artifacts_of(self.surface or ""))
        )

    def _changed_in(self, generation: int, facts: Facts) -> bool:
        before, after = facts.record(generation - 1), facts.record(generation)
        return self.content(before, facts) != self.content(after, facts)


def aim(head: Release, lever: Lever, surface: str | None) -> Aim:
    """Decide what is meant. The artifacts of a tenant with several surfaces need one to be named.

    Raises :class:`~recsys.errors.UsageError`, or :class:`~recsys.errors.NotFound` with the nearest surface.
    """
    if lever != "artifacts":
        return Aim(lever, surface)
    ever = sorted(part.removeprefix("artifacts:") for part in head.changed if part.startswith("artifacts:"))
    if surface is None and len(ever) > 1:
        raise UsageError(
            f"{head.tenant} has several surfaces: {', '.join(ever)}",
            next_step="say whose artifacts: --surface NAME, or take --lever all",
        )
    if not ever:
        raise NothingOlder(f"nothing was ever shipped for {head.tenant}", next_step="there is nothing to roll back")
    if surface is not None and surface not in ever:
        raise NotFound(f"nothing was ever shipped for surface {surface}", next_step=did_you_mean(surface, ever))
    return Aim(lever, surface or ever[0])


def target(head: Release, facts: Facts, pulled: Aim, *, to: int | None, further: bool) -> int:
    """Return the generation whose content comes back.

    By default the newest generation older than what is in force whose content differs for this lever. In
    force is what was restored, when the newest change was a rollback: from there on, what was rolled away
    is not met again.

    Raises
    ------
    AlreadyRolledBack
        When the newest change is itself a rollback or undo, and neither ``to`` nor ``further`` says to go on.
    NothingOlder
        When there is nothing to go back to, or it would take away a surface that is served now.
    """
    if to is not None:
        if further:
            raise UsageError("--to and --further exclude each other", next_step="name the generation, or go one behind")
        if not 1 <= to <= head.generation:
            raise UnknownGeneration(head.tenant, to, head.generation)
        return to
    now = pulled.content(head, facts)
    changed = pulled.last_change(head.generation, facts)
    newest = facts.record(changed)
    if newest.restores is not None and not further:
        raise AlreadyRolledBack(str(pulled), newest, pulled.command(head.tenant))
    while True:
        release = facts.record(changed)
        candidate = changed - 1 if release.restores is None else release.restores
        if candidate < 1:
            raise NothingOlder(
                f"{pulled} of {head.tenant} has no older content than what is in force",
                next_step=f"see: recsys releases list --tenant {head.tenant}",
            )
        old = facts.record(candidate)
        if pulled.content(old, facts) != now:
            break
        changed = pulled.last_change(candidate, facts)
    lost = sorted({*pulled.surfaces(head)} - {*pulled.surfaces(old)})
    if lost:
        raise NothingOlder(
            f"generation {candidate} has nothing for {', '.join(lost)}: that would be left to the floor",
            next_step=f"if that is meant: {pulled.command(head.tenant)} --to {candidate}",
        )
    return candidate


class Rollback(msgspec.Struct, frozen=True, kw_only=True):
    """Bring back what a lever stood at in generation ``to``; with ``hold``, hold the artifacts that moved.

    A candidate is no lever's content: it runs on beside what comes back, and never comes back itself. It ends with the
    lever ``all`` on the surfaces that lever covers, because then everything is to be as it was; with the surface it ran
    on; and where its documents do not go with what comes back, because a brake does not wait for a comparison.
    """

    pulled: Aim
    to: int
    hold: bool
    reason: str
    actor: str
    since: str

    @property
    def action(self) -> Action:
        return "rollback"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        old = facts.record(self.to)
        if self.pulled.content(head, facts) == self.pulled.content(old, facts):
            return NoChange(f"{self.pulled}: in force as in {told(old)} already")
        blobs: list[bytes] = []
        then = head
        if self.pulled.has("config"):
            then = replace(then, config=self._document(head.config, old.config, "config", facts, blobs))
        if self.pulled.has("rules"):
            then = replace(then, rules=self._document(head.rules, old.rules, "rules", facts, blobs))
        for surface in sorted({*self.pulled.surfaces(head), *self.pulled.surfaces(old)}):
            manifest = manifest_of(old, surface)
            if manifest != manifest_of(head, surface):
                then = self._held(with_manifest(then, surface, manifest), surface, head.generation + 1)
        if self.pulled.has_overlay:
            then = replace(then, overlay=old.overlay)
        then = self._ending(then, head, facts)
        ended = [name_of(on, gone) for on, gone in candidates_in(head) if on not in dict(candidates_in(then))]
        held = [hold.surface or "" for hold in newly_held(head.holds, then.holds)]
        why = f"{self.pulled} as in generation {self.to}" + "".join(f"; candidate {name} ends" for name in ended)
        return Draft(
            release=then,
            why=why + (f"; held: {said(('artifacts',), ', '.join(held))}" if held else ""),
            blobs=tuple(blobs),
            restores=self.to,
        )

    def _ending(self, then: Release, head: Release, facts: Facts) -> Release:
        if self.pulled.lever == "all":
            for surface, _ in candidates_in(then):
                if self.pulled.surface in (None, surface):
                    then = with_candidate(then, surface, None)
        return without_misfits(then, head, facts.document)

    def _document(self, now: str, then: str, lever: Lever, facts: Facts, blobs: list[bytes]) -> str:
        """Return the digest of the document to restore; for one surface, of the present one with its part
        replaced.
        """
        if self.pulled.surface is None or now == then:
            return then
        part, with_part = (config_part, with_config_part) if lever == "config" else (rules_part, with_rules_part)
        surface = self.pulled.surface
        merged = with_part(facts.document(now), surface, part(facts.document(then), surface))
        blobs.append(merged)
        return digest(merged)

    def _held(self, release: Release, surface: str, generation: int) -> Release:
        if not self.hold or covering(release.holds, "artifacts", surface) is not None:
            return release
        hold = Hold(
            surface=surface,
            levers=("artifacts",),
            reason=f"rolled back to generation {self.to}" + (f": {self.reason}" if self.reason else ""),
            actor=self.actor,
            since=self.since,
            generation=generation,
        )
        return replace(release, holds=(*release.holds, hold))
